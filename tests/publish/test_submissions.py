"""Who waits for what was handed over, and how long."""

from __future__ import annotations

from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from amqptool import InputError, Message
from amqptool.publish.handover import Inbox
from amqptool.publish.submissions import Promise, Stream


def test_a_promise_is_waited_for_so_long() -> None:
    """Without an outcome in time there is a TimeoutError, and with one there is none, however often it is asked."""
    promise = Promise(Message(body=b""))
    for wait in (promise.result, promise.exception):
        with pytest.raises(TimeoutError):
            wait(0)
    promise.fail(InputError("bad"))
    for _ in range(2):
        assert isinstance(promise.exception(), InputError)
        with pytest.raises(InputError):
            promise.result()


def test_a_cancelled_promise_is_told_to_who_waits() -> None:
    """Whoever waits in another thread ends with a CancelledError."""
    promise = Promise(Message(body=b""))
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(promise.result) for _ in range(2)]
        assert promise.cancel()
        assert [type(each.exception()) for each in waiting] == [CancelledError] * 2


def test_a_stream_does_not_wait_for_what_was_turned_away() -> None:
    """A message that a closed inbox did not take has no outcome, and the rest of the stream ends without it."""
    inbox = Inbox(lambda: None)
    inbox.close()
    stream = Stream(10, 10)
    with pytest.raises(RuntimeError, match="closed"):
        stream.hand_over(Message(body=b"more than ten bytes"), inbox)
    assert not stream.is_full
    assert list(stream.rest()) == []
