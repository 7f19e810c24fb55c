"""Wait queues and dead-letter queues become `retry` and `dead_letter` again, where they are exactly that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amqptool.retry import at_least_once, dead_letter_queue_arguments, wait_queue, wait_queue_arguments
from amqptool.topology import Binding, Queue, Topology
from amqptool.topology.dump.fold import folded

LADDER = "queues: {q: {type: quorum, retry: [5s, 1m], dead_letter: true}}"
WAITING = Queue(name=wait_queue("q", 5000), arguments=wait_queue_arguments("q", 5000))
DEAD = Queue(name="q.dead", arguments=dead_letter_queue_arguments())


def bare(topology: Topology) -> Topology:
    """Return a topology as a broker holds it, where no queue knows what it implies."""
    queues = (replace(queue, retry=(), dead_letter=None, implied_by=None) for queue in topology.queues)
    return replace(topology, queues=tuple(queues))


def fold(*queues: Queue) -> dict[str, Queue]:
    return {queue.name: queue for queue in folded(Topology(queues=queues)).queues}


@pytest.mark.parametrize(
    "text",
    [
        LADDER,
        "queues: {q: {retry: [5s]}, r: {retry: [5s], dead_letter: true}}",
        "queues: {a: {type: quorum, dead_letter: dead}, b: {type: quorum, dead_letter: dead}}",
        "queues: {q: {type: quorum, dead_letter: true}, q.dead: {message_ttl: 7d}}",
        f"queues: {{{'q' * 255}: {{retry: [5s], dead_letter: true}}}}",
        "queues: [{name: q, vhost: v, retry: [1s]}, {name: q, vhost: w, retry: [2s], dead_letter: true}]",
    ],
)
def test_folding_undoes_expanding(text: str) -> None:
    """What a file implied is found again among what was declared."""
    topology = Topology.parse(text)
    assert folded(bare(topology)) == topology


def test_the_ladder_rises() -> None:
    """A broker does not know in which order the delays stood."""
    topology = bare(Topology.parse("queues: {q: {retry: [1m, 5s]}}"))
    assert folded(topology).queues[0].retry == (5000, 60_000)


def test_what_the_file_says_stays() -> None:
    """A queue that says what it implies is left as it is."""
    topology = Topology.parse("queues: {q: {retry: [1m, 5s]}, q.dead: quorum}")
    assert folded(topology) == topology


@pytest.mark.parametrize(
    "other",
    [
        replace(WAITING, durable=False),
        replace(WAITING, auto_delete=True),
        replace(WAITING, name="other"),
        replace(WAITING, arguments={**WAITING.arguments, "x-expires": 5}),
        replace(WAITING, arguments={**WAITING.arguments, "x-dead-letter-routing-key": "gone"}),
        replace(WAITING, vhost="v"),
        replace(DEAD, arguments={}),
        replace(DEAD, durable=False),
        replace(DEAD, vhost="v"),
        replace(DEAD, name="dead"),
    ],
)
def test_nearly_is_not_enough(other: Queue) -> None:
    """A queue that differs in anything is declared by itself."""
    queue = Queue(name="q")
    assert fold(queue, other) == {"q": queue, other.name: other}


def test_dead_letters_that_go_elsewhere() -> None:
    """A classic queue with a dead-letter exchange of its own does not imply the queue beside it."""
    queue = Queue(name="q", arguments={"x-dead-letter-exchange": "e"})
    assert fold(queue, DEAD) == {"q": queue, "q.dead": DEAD}


def test_a_quorum_queue_that_does_not_dead_letter() -> None:
    """`dead_letter` would give a quorum queue arguments that it does not have."""
    queue = Queue(name="q", arguments={"x-queue-type": "quorum"})
    assert fold(queue, DEAD) == {"q": queue, "q.dead": DEAD}


def test_queues_that_are_bound_to() -> None:
    """A queue to which a binding leads is more than a wait queue or a dead-letter queue of another one."""
    bindings = [Binding(source="amq.topic", destination=name) for name in (WAITING.name, DEAD.name)]
    topology = Topology(queues=(Queue(name="q"), WAITING, DEAD), bindings=tuple(bindings))
    assert folded(topology) == topology


def test_a_queue_of_messages_that_wait_for_another_one() -> None:
    """A delay queue of somebody's own does not hide the queue for which it delays."""
    delaying = Queue(name="later", arguments={**wait_queue_arguments("work", 5000)})
    work = Queue(name="work", arguments={"x-queue-type": "quorum"})
    assert fold(delaying, work) == {"later": delaying, "work": work}


@pytest.mark.parametrize("target", ["gone", "q", WAITING.name])
def test_dead_letters_to_no_dead_letter_queue(target: str) -> None:
    """The queue to which a quorum queue dead-letters must be there, another one, and no wait queue."""
    queue = Queue(name="q", arguments={"x-queue-type": "quorum", **at_least_once(target)})
    assert fold(queue, WAITING)["q"] == replace(queue, retry=(5000,))


def test_streams_imply_nothing() -> None:
    """Nothing fails in a stream."""
    stream = Queue(name="q", arguments={"x-queue-type": "stream"})
    assert fold(stream, WAITING, DEAD) == {"q": stream, WAITING.name: WAITING, DEAD.name: DEAD}


def test_a_dead_letter_queue_with_a_ladder() -> None:
    """A dead-letter queue that implies wait queues has an entry of its own."""
    waiting = Queue(name=wait_queue("q.dead", 5000), arguments=wait_queue_arguments("q.dead", 5000))
    found = fold(Queue(name="q"), DEAD, waiting)
    assert found["q"] == Queue(name="q")
    assert found["q.dead"] == replace(DEAD, retry=(5000,))
    assert found[waiting.name].implied_by == "q.dead"


def test_wait_queues_of_wait_queues() -> None:
    """A wait queue that is implied cannot imply one itself."""
    second = Queue(name=wait_queue(WAITING.name, 7), arguments=wait_queue_arguments(WAITING.name, 7))
    found = fold(Queue(name="q"), WAITING, second)
    assert found == {
        "q": Queue(name="q", retry=(5000,)),
        WAITING.name: replace(WAITING, implied_by="q"),
        second.name: second,
    }
