"""What the statistics say counts too, where there are any."""

from __future__ import annotations

from typing import Any

import pytest

from amqptool import InUse, Topology
from amqptool.migrate.refusals import check_default_exchange, check_size
from amqptool.migrate.state import Goal, State
from amqptool.topology.model import Queue

LIMITED = Queue(name="q", arguments={"x-max-length-bytes": 10})


@pytest.mark.parametrize(("messages", "size"), [(0, None), (1, 10), (0, 0)])
def test_what_fits_passes(messages: int, size: int | None) -> None:
    """A queue without messages needs no statistics."""
    check_size(LIMITED, messages, size)


@pytest.mark.parametrize(
    ("size", "words"), [(11, "its x-max-length-bytes of 10 leaves no room"), (None, "is not known yet")]
)
def test_what_does_not_fit_is_refused(size: int | None, words: str) -> None:
    """Neither does what is not known to fit."""
    with pytest.raises(InUse, match=words):
        check_size(LIMITED, 1, size)


def test_without_a_limit_the_size_does_not_matter() -> None:
    """Nobody has to know it."""
    check_size(Queue(name="q"), 5, None)


def state(text: str) -> State:
    """Return the state of a queue `q` that is to be migrated."""
    topology = Topology.parse(text)
    return State(
        goal=Goal(queue=topology.queues[0], bindings=()),
        queue_type="classic",
        queue=topology.queues[0],
        temporary=None,
        differences=(),
        actual=topology,
    )


BOUND = "queues: {q: {bindings: [{source: amq.topic}]}"
INCOMING: dict[str, Any] = {"incoming": [{"exchange": {"name": "in"}}, {"exchange": {"name": ""}}]}


@pytest.mark.parametrize(
    ("more", "statistics", "words"),
    [
        ("}", INCOMING, "statistics show messages from the default exchange"),
        (", w: {dead_letter_exchange: '', dead_letter_routing_key: q}}", {}, "queue w"),
        (
            ", w: {}}\npolicies: {p: {pattern: w, definition: {dead-letter-exchange: '', dead-letter-routing-key: q}}}",
            {},
            "queue w",
        ),
    ],
)
def test_publishers_by_name_are_found(more: str, statistics: dict[str, Any], words: str) -> None:
    """In the statistics of exchanges, where the broker keeps them, in arguments and in policies."""
    with pytest.raises(InUse, match=f"without --force: .*{words}"):
        check_default_exchange(state(BOUND + more), statistics)


@pytest.mark.parametrize("more", ["}", ", w: {dead_letter_exchange: '', dead_letter_routing_key: r}}"])
@pytest.mark.parametrize("statistics", [{}, {"incoming": [{"exchange": {"name": "in"}}]}])
def test_others_are_none(more: str, statistics: dict[str, Any]) -> None:
    """Who publishes through an exchange does no harm."""
    check_default_exchange(state(BOUND + more), statistics)
