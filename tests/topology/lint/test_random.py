"""Whatever can be loaded can be linted."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.lint import RULES, lint

NAMES = st.sampled_from(["a", "b", "c", "a.b", "amq.topic", ""])
KEYS = st.sampled_from(["", "a", "b", "*", "#", "a.*", "a.#", "#.a", "a*.b", "..", "#.*"])
VHOSTS = st.sampled_from([None, None, "v"])

limits: dict[str, st.SearchStrategy[Any]] = {
    "message-ttl": st.integers(0, 10),
    "expires": st.integers(1, 10),
    "max-length": st.integers(0, 3),
    "overflow": st.sampled_from(["drop-head", "reject-publish"]),
    "dead-letter-exchange": NAMES,
    "dead-letter-routing-key": KEYS,
    "dead-letter-strategy": st.sampled_from(["at-least-once", "at-most-once"]),
    "delivery-limit": st.integers(-1, 3),
    "queue-version": st.integers(1, 2),
}
settings_of_queues = st.fixed_dictionaries({}, optional=limits)
arguments = settings_of_queues.map(lambda found: {f"x-{key}": value for key, value in found.items()})


def table(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional).map(
        lambda found: {key: value for key, value in found.items() if value is not None}
    )


queues = table(
    durable=st.booleans(),
    auto_delete=st.booleans(),
    vhost=VHOSTS,
    type=st.sampled_from(["classic", "quorum"]),
    arguments=arguments,
)
exchanges = st.builds(
    lambda kind, rest: {"type": kind, **rest},
    st.sampled_from(["direct", "fanout", "topic", "headers", "x-other"]),
    table(durable=st.booleans(), internal=st.booleans(), vhost=VHOSTS, alternate_exchange=NAMES),
)
bindings = st.builds(
    lambda source, destination, kind, rest: {
        "source": source,
        "destination": destination,
        "destination_type": kind,
        **rest,
    },
    NAMES,
    NAMES,
    st.sampled_from(["queue", "exchange"]),
    table(
        routing_key=KEYS,
        vhost=VHOSTS,
        arguments=st.dictionaries(
            st.sampled_from(["x-match", "n", "x-a"]), st.sampled_from(["any", "all"]), max_size=2
        ),
    ),
)
policies = st.builds(
    lambda pattern, definition, rest: {"pattern": pattern, "definition": definition, **rest},
    st.sampled_from(["", "^a", ".*", "b$", "*", "(", "(a+)+b", "[[:alpha:]]"]),
    settings_of_queues | st.just({"ha-mode": "all"}) | st.just({"alternate-exchange": "b"}),
    table(priority=st.integers(0, 2), vhost=VHOSTS, apply_to=st.sampled_from(["all", "queues", "exchanges"])),
)


def declared(things: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(["a", "b", "c", "a.b"]), things, max_size=4)


def loadable(exchanges: Any, queues: Any, bindings: list[dict[str, Any]], policies: Any) -> Topology | None:
    """Load what can be loaded: bindings whose ends are not there are left out."""
    import json

    there = {("exchange", name, each.get("vhost")) for name, each in exchanges.items()}
    there |= {("exchange", "amq.topic", vhost) for vhost in (None, "v")}
    there |= {("queue", name, each.get("vhost")) for name, each in queues.items()}
    bindings = [
        each
        for each in bindings
        if ("exchange", each["source"], each.get("vhost")) in there
        and (each["destination_type"], each["destination"], each.get("vhost")) in there
    ]
    sections = {"exchanges": exchanges, "queues": queues, "bindings": bindings, "policies": policies}
    try:
        return Topology.parse(json.dumps(sections), "t.json")
    except TopologyError:
        return None


topologies = st.builds(
    loadable, declared(exchanges), declared(queues), st.lists(bindings, max_size=8), declared(policies)
).filter(lambda topology: topology is not None)


@settings(deadline=None, max_examples=300)
@given(topologies)
def test_lint_never_fails(topology: Topology) -> None:
    """Findings are sorted, each once, of a known rule and within the file."""
    found = lint(topology)
    assert list(found) == sorted(set(found))
    for problem in found:
        assert problem.rule in {rule.id for rule in RULES}
        assert problem.file == "t.json"
