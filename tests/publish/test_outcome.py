"""What a closed channel means for each message that was in flight."""

from __future__ import annotations

import pytest

from amqptool.errors import AmqptoolError, BrokerUnavailable, InDoubt, NotFound, PreconditionFailed
from amqptool.message import Message
from amqptool.publish.outcome import after_loss

HERE = Message(body=b"", exchange="here")
GONE = Message(body=b"", exchange="gone")
GONE_TOO = Message(body=b"", exchange="gone")
NO_EXCHANGE = NotFound("NOT_FOUND - no exchange 'gone' in vhost '/'")
REFUSED = PreconditionFailed("PRECONDITION_FAILED - user_id property set to 'bob'")
LOST = BrokerUnavailable("the connection was lost")


@pytest.mark.parametrize(
    ("messages", "reason", "refused"),
    [
        ([GONE], NO_EXCHANGE, [True]),
        ([HERE, GONE, HERE], NO_EXCHANGE, [False, True, False]),
        ([GONE, GONE_TOO], NO_EXCHANGE, [False, False]),  # the first may have been taken before it vanished
        ([HERE], REFUSED, [True]),
        ([HERE, GONE], REFUSED, [False, False]),
        ([HERE], LOST, [False]),
        ([], LOST, []),
    ],
)
def test_only_a_message_that_was_certainly_refused_is_not_in_doubt(
    messages: list[Message], reason: AmqptoolError, refused: list[bool]
) -> None:
    """The broker's refusal belongs to one message; if it could be several, all of them are in doubt."""
    failures = after_loss(messages, reason)
    assert [failed.message for failed in failures] == messages
    assert [failed.error is reason for failed in failures] == refused
    assert all(failed.error is reason or isinstance(failed.error, InDoubt) for failed in failures)
