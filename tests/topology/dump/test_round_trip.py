"""Whatever a file can say is written and read again as the same, in YAML and in definitions.json."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amqptool.carried import MAX_SHORT_STRING
from amqptool.errors import TopologyError
from amqptool.retry import dead_letter_queue
from amqptool.topology import Binding, Exchange, Policy, Queue, RoutingTest, Topology, Vhost, arguments
from amqptool.topology.argument import QUEUE_TYPES, Argument, Scope
from amqptool.topology.dump.fold import folded
from amqptool.topology.dump.tidy import arranged
from amqptool.topology.expand import expand
from amqptool.topology.names import RESERVED_PREFIX
from amqptool.topology.problems import Problems
from amqptool.topology.typed import typed_table
from tests.support.topologies import declared, identity

characters = st.characters(exclude_categories=["Cs"])
odd_words = st.sampled_from(
    ["no", "y", "010", "1e3", "12:30", "${A}", "$${", "${", "a: b", "#", "*.x", "- a", "é", "~"]
)
keys = (odd_words | st.text(characters, max_size=12)).filter(lambda text: len(text.encode()) <= MAX_SHORT_STRING)
names = keys.filter(lambda text: bool(text) and not text.startswith(RESERVED_PREFIX) and not set(text) & set("\r\n"))
scalars = st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | keys
scalars |= st.decimals(-(10**6), 10**6, places=4).map(float)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)


def value_of(known: Argument) -> st.SearchStrategy[Any]:
    match known.kind:
        case "boolean":
            return st.booleans()
        case "choice":
            return st.sampled_from(known.choices)
        case "age":
            return st.sampled_from(["7D", "12h", "1Y"])
        case "text":
            return keys
    return st.integers(max(known.minimum, 0), known.maximum or 10**14)


@cache
def tables(scope: Scope, queue_type: str = "classic") -> st.SearchStrategy[dict[str, Any]]:
    known = {each.name: value_of(each) for each in arguments.of(scope) if queue_type in each.queue_types}
    known = {name: value for name, value in known.items() if name not in {"x-queue-type", "x-delayed-type"}}
    name = st.sampled_from(list(known)) | other_keys(scope)
    entries = name.flatmap(lambda name: st.tuples(st.just(name), known.get(name, values)))
    return st.lists(entries, max_size=4).map(dict)


def other_keys(scope: Scope) -> st.SearchStrategy[str]:
    """Make keys that nobody knows, nor takes for one that is known."""
    return keys.filter(lambda name: arguments.find(scope, name) is None and arguments.meant(scope, name, ()) is None)


@st.composite
def queues(draw: st.DrawFn, vhosts: st.SearchStrategy[str | None]) -> Queue:
    name, kind = draw(names), draw(st.sampled_from([None, *QUEUE_TYPES]))
    is_classic = kind in (None, "classic")
    table = draw(tables("queue", kind or "classic"))
    if "x-dead-letter-exchange" not in table:
        table.pop("x-dead-letter-routing-key", None)
    return Queue(
        name=name,
        durable=draw(st.booleans()) if is_classic else True,
        auto_delete=draw(st.booleans()) if is_classic else False,
        arguments=table if kind is None else {"x-queue-type": kind, **table},
        retry=tuple(draw(st.lists(st.integers(1, 10**9), max_size=2, unique=True))) if kind != "stream" else (),
        dead_letter=draw(st.sampled_from([None, dead_letter_queue(name), "dead"])) if kind != "stream" else None,
        vhost=draw(vhosts),
    )


def exchanges(vhosts: st.SearchStrategy[str | None]) -> st.SearchStrategy[Exchange]:
    return st.builds(
        Exchange,
        name=names,
        type=st.sampled_from(["direct", "fanout", "topic", "headers", "x-random"]),
        durable=st.booleans(),
        auto_delete=st.booleans(),
        internal=st.booleans(),
        arguments=tables("exchange"),
        vhost=vhosts,
    )


def policies(vhosts: st.SearchStrategy[str | None]) -> st.SearchStrategy[Policy]:
    return st.builds(
        Policy,
        name=names,
        pattern=keys,
        definition=tables("policy"),
        apply_to=st.sampled_from(["all", "exchanges", "queues", "streams"]),
        priority=st.integers(0, 99),
        vhost=vhosts,
    )


@st.composite
def bindings(draw: st.DrawFn, exchanges: list[Exchange], queues: tuple[Queue, ...]) -> Binding:
    end = draw(st.sampled_from([*exchanges, *queues]))
    sources = [each.name for each in exchanges if each.vhost == end.vhost]
    return Binding(
        source=draw(st.sampled_from(["amq.topic", *sources])),
        destination=end.name,
        destination_type="queue" if isinstance(end, Queue) else "exchange",
        routing_key=draw(keys),
        arguments=draw(tables("binding")),
        vhost=end.vhost,
    )


@st.composite
def routing_tests(draw: st.DrawFn, exchanges: list[Exchange], queues: tuple[Queue, ...]) -> RoutingTest:
    end = draw(st.sampled_from([*exchanges, *queues]))
    sources = [each.name for each in exchanges if each.vhost == end.vhost]
    reached = [each.name for each in queues if each.vhost == end.vhost]
    return RoutingTest(
        exchange=draw(st.sampled_from(["", *sources])),
        routing_key=draw(keys),
        headers=draw(st.dictionaries(keys, values, max_size=2)),
        reaches=tuple(sorted(draw(st.sets(st.sampled_from(reached)) if reached else st.just(set[str]())))),
        vhost=end.vhost,
    )


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    vhosts = st.sampled_from(draw(st.sampled_from([[None], ["v"], ["v", "/", None]])))
    problems = Problems()
    named = draw(st.lists(exchanges(vhosts), max_size=3, unique_by=lambda each: (each.vhost, each.name)))
    own = draw(st.lists(queues(vhosts), max_size=3, unique_by=lambda each: (each.vhost, each.name)))
    expanded = expand(own, {}, problems)
    try:
        problems.raise_if_any()
    except TopologyError:
        assume(False)
    ends = bool(named or expanded)
    return Topology(
        vhosts=tuple(draw(st.lists(st.builds(Vhost, name=names), max_size=2, unique_by=lambda each: each.name))),
        exchanges=tuple(named),
        queues=expanded,
        bindings=tuple(
            draw(st.lists(bindings(named, expanded), max_size=3, unique_by=identity) if ends else st.just([]))
        ),
        tests=tuple(draw(st.lists(routing_tests(named, expanded), max_size=2) if ends else st.just([]))),
        policies=tuple(draw(st.lists(policies(vhosts), max_size=2, unique_by=lambda each: (each.vhost, each.name)))),
    )


def implied(topology: Topology) -> dict[Hashable, Hashable]:
    return {(each.vhost, each.name): (set(each.retry), each.dead_letter) for each in topology.queues}


@settings(deadline=None, max_examples=50)
@given(topologies())
def test_yaml(topology: Topology) -> None:
    """A file for people declares the same, and implies what can be implied."""
    again = Topology.parse(topology.to_yaml())
    assert declared(again) == declared(topology)
    assert implied(again) == implied(folded(topology))
    assert again.tests == topology.tests
    assert [typed_table(each.headers) for each in again.tests] == [typed_table(each.headers) for each in topology.tests]
    assert again.to_yaml() == topology.to_yaml()


@settings(deadline=None, max_examples=50)
@given(topologies())
def test_yaml_written_out(topology: Topology) -> None:
    """A file in which everything stands declares the same, and implies nothing."""
    again = Topology.parse(topology.to_yaml(fold=False))
    assert declared(again) == declared(topology)
    assert not any(queue.retry or queue.dead_letter for queue in again.queues)


@settings(deadline=None, max_examples=50)
@given(topologies())
def test_definitions(topology: Topology) -> None:
    """A definitions.json declares the same."""
    assert declared(Topology.parse(topology.to_definitions())) == declared(topology)


@settings(deadline=None, max_examples=50)
@given(topologies(), st.randoms(use_true_random=False))
def test_arranging(topology: Topology, random: Any) -> None:
    """The order of an export depends on nothing but what is there."""
    shuffled = {
        section: tuple(random.sample(getattr(topology, section), len(getattr(topology, section))))
        for section in ("vhosts", "exchanges", "queues", "bindings", "policies")
    }
    assert arranged(Topology(**shuffled)).to_definitions() == arranged(topology).to_definitions()
    assert declared(arranged(topology)) == declared(topology)
