"""What makes an object the same one in a file and on a broker."""

from __future__ import annotations

import pytest

from amqptool.topology.diff.identity import end_of, ends_of
from amqptool.topology.model import Binding, Exchange, Queue


@pytest.mark.parametrize(("named", "home"), [(None, "here"), ("there", "there")])
def test_a_bindings_ends_are_what_it_joins(named: str | None, home: str) -> None:
    """An exchange and a queue, in the vhost that all of them name, or in the given one."""
    binding = Binding(source="orders", destination="jobs", vhost=named)
    source, destination = ends_of(binding, "here")
    assert source == end_of(Exchange(name="orders", type="topic", vhost=named), "here")
    assert destination == end_of(Queue(name="jobs", vhost=named), "here")
    assert (source.vhost, destination.vhost) == (home, home)


def test_an_exchange_is_no_queue_of_its_name() -> None:
    """What a binding leads to depends on its kind."""
    _, destination = ends_of(Binding(source="in", destination="jobs", destination_type="exchange"), "v")
    assert destination == end_of(Exchange(name="jobs", type="topic"), "v")
    assert destination != end_of(Queue(name="jobs"), "v")
