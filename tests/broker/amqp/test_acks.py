"""Which acks settle which deliveries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from amqptool.broker.amqp.acks import Unsettled


def unsettled(count: int) -> Unsettled:
    """Make a book of so many deliveries, tags from 1."""
    book = Unsettled()
    for tag in range(1, count + 1):
        book.add(tag)
    return book


def test_one_ack_speaks_for_all_that_are_done() -> None:
    """Nothing below is unsettled, so the highest tag stands for the others."""
    assert unsettled(3).settle([1, 2, 3]) == [(3, True)]


def test_a_single_delivery_is_acked_alone() -> None:
    """An ack for one needs no `multiple`."""
    assert unsettled(3).settle([1]) == [(1, False)]


def test_a_held_delivery_forbids_an_ack_for_all() -> None:
    """What is done behind it is acked one by one, so that it stays the broker's."""
    book = unsettled(5)
    assert book.settle([1, 2, 4, 5]) == [(2, True), (4, False), (5, False)]
    assert len(book) == 1


def test_what_is_settled_is_not_settled_again() -> None:
    """A second ack of a tag would close the channel."""
    book = unsettled(2)
    book.settle([1])
    assert book.settle([1, 2]) == [(2, False)]


@given(count=st.integers(0, 12), data=st.data())
def test_the_broker_counts_as_settled_exactly_what_is(count: int, data: st.DataObject) -> None:
    """In any order and any groups: after each, what the acks said is what was given, and no more."""
    book = unsettled(count)
    settled: set[int] = set()
    at_broker: set[int] = set()
    for _ in range(data.draw(st.integers(0, 5))):
        tags = data.draw(st.lists(st.integers(1, count), unique=True)) if count else []
        for tag, multiple in book.settle(tags):
            acked = set(range(1, tag + 1)) - at_broker if multiple else {tag}
            assert acked - at_broker == acked, "acked twice"
            at_broker |= acked
        settled |= set(tags)
        assert at_broker == settled
        assert len(book) == count - len(settled)
