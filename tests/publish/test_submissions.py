"""Who waits for what was handed over: a stream waits for nothing that never was."""

from __future__ import annotations

import pytest

from amqptool import Message
from amqptool.publish.handover import Inbox
from amqptool.publish.submissions import Stream


def test_a_stream_does_not_wait_for_what_was_turned_away() -> None:
    """A message that a closed inbox did not take has no outcome, and the rest of the stream ends without it."""
    inbox = Inbox(lambda: None)
    inbox.close()
    stream = Stream(10, 10)
    with pytest.raises(RuntimeError, match="closed"):
        stream.hand_over(Message(body=b"more than ten bytes"), inbox)
    assert not stream.is_full
    assert list(stream.rest()) == []
