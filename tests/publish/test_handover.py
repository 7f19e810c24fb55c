"""What threads hand over to the loop's thread: in order, bounded, and never left locked."""

from __future__ import annotations

import threading
from queue import Empty
from time import monotonic

import pytest

from amqptool import Message
from amqptool.publish.handover import MAX_BYTES, MAX_MESSAGES, Inbox
from amqptool.publish.submissions import Promise


def promise(body: bytes = b"") -> Promise:
    """Make something to hand over."""
    return Promise(Message(body=body))


def full(inbox: Inbox) -> list[Promise]:
    """Fill an inbox and return what is in it."""
    inside = [promise() for _ in range(MAX_MESSAGES)]
    for each in inside:
        inbox.put(each)
    return inside


def test_everything_comes_out_in_order_and_the_first_wakes() -> None:
    """One wake-up serves all that is put before it is answered."""
    wakes: list[None] = []
    inbox = Inbox(lambda: wakes.append(None))
    assert inbox.take() == []
    inside = full(inbox)
    assert (inbox.take(), len(wakes)) == (inside, 1)
    inbox.put(promise())
    assert len(wakes) == 2


@pytest.mark.parametrize("fill", ["messages", "bytes"])
def test_a_full_one_lets_nobody_in_until_the_deadline(fill: str) -> None:
    """Messages and bytes are bounded; a thread that may not wait is let in all the same."""
    inbox = Inbox(lambda: None)
    if fill == "messages":
        full(inbox)
    else:
        inbox.put(promise(bytes(MAX_BYTES)))
    with pytest.raises(Empty):
        inbox.put(promise(), monotonic() + 0.05)
    inbox.put(promise(), wait=False)


def test_taking_lets_those_in_who_wait() -> None:
    """A thread that waits for room goes on as soon as there is some."""
    inbox = Inbox(lambda: None)
    full(inbox)
    late = promise()
    thread = threading.Thread(target=inbox.put, args=(late,))
    thread.start()
    inbox.take()
    thread.join()
    assert inbox.take() == [late]


def test_closing_turns_everybody_away() -> None:
    """Who waits for room, and who comes later, is told; what is inside stays."""
    inbox = Inbox(lambda: None)
    inside = full(inbox)
    told: list[RuntimeError] = []

    def wait() -> None:
        try:
            inbox.put(promise())
        except RuntimeError as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    inbox.close()
    inbox.close()
    thread.join()
    assert len(told) == 1
    with pytest.raises(RuntimeError, match="closed"):
        inbox.put(promise(), wait=False)
    assert inbox.take() == inside
