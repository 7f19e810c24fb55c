"""`retry` and `dead_letter` of queues: what they imply, and what contradicts them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import TopologyError
from amqptool.retry import at_least_once, dead_letter_queue_arguments, wait_queue, wait_queue_arguments
from amqptool.topology import Place, Queue, Topology
from amqptool.topology.expand import expand
from amqptool.topology.problems import Problems


def queues_of(text: str) -> dict[str, Queue]:
    return {queue.name: queue for queue in Topology.parse(text, "t.yaml").queues}


def problems_of(text: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        Topology.parse(text, "t.yaml")
    return [str(problem).removeprefix("t.yaml:") for problem in caught.value.problems]


def test_a_ladder_implies_wait_queues() -> None:
    """Each delay has its wait queue, with the arguments that workers use, behind the file's own queues."""
    queues = queues_of("queues: {q: {retry: [5s, 1m, 1500]}, other: }")
    names = ["q", "other", "amqptool.retry.q.5000", "amqptool.retry.q.60000", "amqptool.retry.q.1500"]
    assert list(queues) == names
    assert queues["q"].retry == (5000, 60_000, 1500)
    assert queues["q"].arguments == {}
    for delay, name in zip(queues["q"].retry, names[2:], strict=True):
        assert queues[name] == Queue(name=name, arguments=wait_queue_arguments("q", delay), implied_by="q")


def test_implied_queues_have_the_place_of_what_implies_them() -> None:
    """A problem with an implied queue leads to its delay, or to `dead_letter`."""
    queues = queues_of("queues:\n  q:\n    retry: [5s, 1m]\n    dead_letter: true\n")
    places = [queues[name].place for name in ("amqptool.retry.q.5000", "amqptool.retry.q.60000", "q.dead")]
    assert places == [Place("t.yaml", 3, 13), Place("t.yaml", 3, 17), Place("t.yaml", 4, 18)]


def test_implied_queues_are_in_the_vhost_of_their_queue() -> None:
    """Queues of one name in two vhosts have their own wait and dead-letter queues."""
    entries = ", ".join(f"{{name: q, vhost: {vhost}, retry: [1s], dead_letter: true}}" for vhost in "ab")
    implied = [queue for queue in Topology.parse(f"queues: [{entries}]").queues if queue.implied_by]
    names = ["amqptool.retry.q.1000", "q.dead"]
    assert [(queue.vhost, queue.name) for queue in implied] == [(vhost, name) for vhost in "ab" for name in names]


@pytest.mark.parametrize(
    ("written", "name"),
    [("true", "q.dead"), ("graveyard", "graveyard"), ('"true"', "true"), ("false", None), ("", None), ("~", None)],
)
def test_dead_letter_queues(written: str, name: str | None) -> None:
    """`dead_letter` is true, or the name of the dead-letter queue, or nothing."""
    queues = queues_of(f"queues:\n  q:\n    dead_letter: {written}\n")
    assert queues["q"].dead_letter == name
    implied = [queue for queue in queues.values() if queue.implied_by]
    assert [(queue.name, queue.arguments) for queue in implied] == [(name, dead_letter_queue_arguments())] * bool(name)


def test_a_declared_dead_letter_queue_is_used_as_it_is() -> None:
    """The file may declare the dead-letter queue itself, with other properties."""
    queues = queues_of("queues: {q: {dead_letter: true}, q.dead: {message_ttl: 7d}}")
    assert queues["q.dead"] == Queue(name="q.dead", arguments={"x-message-ttl": 604_800_000})


def test_a_shared_dead_letter_queue() -> None:
    """Several queues may share a dead-letter queue, which the first of them implies."""
    queues = queues_of("queues: {a: {dead_letter: dead}, b: {dead_letter: dead}}")
    assert [(queue.name, queue.implied_by) for queue in queues.values()] == [("a", None), ("b", None), ("dead", "a")]


def test_implied_queues_can_be_bound() -> None:
    """An implied queue is declared like any other, so a binding may lead to it."""
    text = "exchanges: {e: fanout}\nqueues: {q: {dead_letter: true}}\nbindings: [{source: e, destination: q.dead}]"
    assert Topology.parse(text).bindings[0].destination == "q.dead"


def test_quorum_queues_dead_letter_by_themselves() -> None:
    """RabbitMQ 4 drops what a quorum queue delivered too often, unless the queue has a dead-letter exchange."""
    queue = queues_of("queues: {q: {type: quorum, dead_letter: true}}")["q"]
    assert queue.arguments == {"x-queue-type": "quorum", **at_least_once("q.dead")}


def test_quorum_by_the_default_of_the_vhost() -> None:
    """A queue without a type has its vhost's, so there it dead-letters by itself, too."""
    vhosts = "vhosts: {v: {default_queue_type: quorum}, w: {default_queue_type: classic}}"
    queues = Topology.parse(
        f"queues: [{', '.join(f'{{name: q, vhost: {v}, dead_letter: true}}' for v in 'vw')}]\n{vhosts}"
    )
    own = {queue.vhost: queue.arguments for queue in queues.queues if queue.implied_by is None}
    assert own == {
        "v": {"x-queue-type": "quorum", **at_least_once("q.dead")},
        "w": {"x-queue-type": "classic"},
    }


def test_queues_that_were_not_read() -> None:
    """Queues made in Python imply the same; their own place stands for all."""
    queue = Queue(name="q", retry=(5000,), dead_letter="dead", place=Place("app.py", 1, 1))
    expanded = expand([queue], {}, Problems())
    assert [each.name for each in expanded] == ["q", wait_queue("q", 5000), "dead"]
    assert {each.place for each in expanded} == {queue.place}


def test_arguments_that_agree_may_stand_there() -> None:
    """What `dead_letter` adds may be written out, as an export has it; on classic queues, too."""
    arguments = json.dumps(at_least_once("dead"))
    queues = queues_of(f"queues: {{q: {{type: quorum, dead_letter: dead, arguments: {arguments}}}}}")
    assert queues["q"].arguments == {"x-queue-type": "quorum", **at_least_once("dead")}
    route = 'dead_letter_exchange: "", dead_letter_routing_key: dead'
    assert queues_of(f"queues: {{q: {{dead_letter: dead, {route}}}}}")["dead"].implied_by == "q"


LEADS_ELSEWHERE = (
    "the queue has dead_letter and an x-dead-letter-exchange of its own, which leads elsewhere: leave one out"
)
LOSES = "dead_letter on a quorum queue needs {}, to lose nothing on the way; the queue says {}"
NOT_FOR_STREAMS = "is not for streams: reading a message takes it from no stream, so none can fail there"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("dead_letter: d, dead_letter_exchange: e", f"1:27: {LEADS_ELSEWHERE} [contradiction]"),
        ("dead_letter: d, dead_letter_exchange: ''", f"1:27: {LEADS_ELSEWHERE} [contradiction]"),
        ("dead_letter: d, type: quorum, dead_letter_exchange: ''", f"1:27: {LEADS_ELSEWHERE} [contradiction]"),
        (
            "dead_letter: d, type: quorum, overflow: drop-head",
            f"1:27: {LOSES.format('x-overflow reject-publish', repr('drop-head'))} [contradiction]",
        ),
        (
            "dead_letter: d, type: quorum, dead_letter_strategy: at-most-once",
            f"1:27: {LOSES.format('x-dead-letter-strategy at-least-once', repr('at-most-once'))} [contradiction]",
        ),
        ("dead_letter: q", "1:27: dead_letter is the queue itself, where messages would fail again [contradiction]"),
        ("retry: [5s], type: stream", f"1:22: retry {NOT_FOR_STREAMS} [queue-type]"),
        ("dead_letter: true, type: stream", f"1:27: dead_letter {NOT_FOR_STREAMS} [queue-type]"),
        ("dead_letter: no", "1:27: dead_letter must be true, false or a queue's name, not no: write false [ambiguous]"),
        ("dead_letter: 7", '1:27: dead_letter must be a text, not 7: put it in quotes: "7" [type]'),
        ("dead_letter: [x]", "1:27: dead_letter must be a text, not a list [type]"),
        ("dead_letter: ''", "1:27: dead_letter must not be empty [name]"),
        (
            "dead_letter: amq.x",
            "1:27: dead_letter must not begin with amq., which RabbitMQ keeps for itself [reserved-name]",
        ),
        ("retry: 5s", "1:21: retry must be a list of delays, such as [5s, 1m, 10m], not 5s [type]"),
        ("retry: []", "1:21: retry must be a list of delays, such as [5s, 1m, 10m], not an empty one [type]"),
        ("retry: ", "1:14: retry must be a list of delays, such as [5s, 1m, 10m], not empty [type]"),
        ("retry: [1m, 60s]", "1:26: this delay is already given on line 1 [duplicate]"),
    ],
)
def test_contradictions(body: str, problem: str) -> None:
    """What cannot be meant is a problem, at the delay or at `dead_letter`."""
    assert problems_of(f"queues: {{q: {{{body}}}}}") == [problem]


@pytest.mark.parametrize("delay", ["0", "-5", "0s", "315360000001", "1e3", "five", "1.5", "true", "~", "[5s]", '"5"'])
def test_delays(delay: str) -> None:
    """A delay is a duration as RabbitMQ can have it."""
    (problem,) = problems_of(f"queues: {{q: {{retry: [1s, {delay}]}}}}")
    assert problem.startswith("1:26: a delay of retry must be ")


def test_a_declared_wait_queue_must_be_the_implied_one() -> None:
    """An export contains wait queues; one with other properties would not do its work."""
    name = wait_queue("q", 5000)
    same = json.dumps(wait_queue_arguments("q", 5000))
    assert list(queues_of(f"queues: {{q: {{retry: [5s]}}, {name}: {{arguments: {same}}}}}")) == ["q", name]
    assert problems_of(f"queues:\n  q: {{retry: [5s]}}\n  {name}:\n") == [
        f"2:15: the wait queue '{name}' that this implies is declared on line 3, with other properties [duplicate]"
    ]


def test_a_wait_queue_is_no_dead_letter_queue() -> None:
    """Dead letters in a wait queue would come back."""
    name = wait_queue("q", 5000)
    (problem,) = problems_of(f"queues:\n  q: {{retry: [5s], dead_letter: {name}}}")
    assert problem.startswith(f"2:33: the dead-letter queue '{name}' that this implies is declared on line 2, with ")


DELAYS = st.lists(st.integers(1, 10**6), min_size=1, max_size=4, unique=True)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "retry": DELAYS,
        "dead_letter": st.sampled_from([True, False, "dead", "graveyard"]),
        "type": st.sampled_from(["classic", "quorum"]),
    },
)
NAMES = st.text("ab.é", min_size=1, max_size=130)


@settings(deadline=None)
@given(st.dictionaries(NAMES, BODIES, max_size=5))
def test_an_expanded_topology_written_out_declares_the_same(bodies: dict[str, dict[str, Any]]) -> None:
    """Expanding is deterministic, and what it gives can be written down and read back."""
    expanded = Topology.parse(json.dumps({"queues": bodies})).queues
    assert Topology.parse(json.dumps({"queues": bodies})).queues == expanded
    written = {
        queue.name: bodies.get(queue.name, {}) | {"arguments": dict(queue.arguments)} for queue in reversed(expanded)
    }
    again = Topology.parse(json.dumps({"queues": written})).queues
    declared = {queue.name: queue.arguments for queue in expanded}
    assert {queue.name: queue.arguments for queue in again} == declared
    assert not any(queue.implied_by for queue in again)
