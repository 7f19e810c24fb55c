"""What became of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from amqptool.errors import AmqptoolError, PublishError

if TYPE_CHECKING:
    from amqptool.message import Message


class Confirmed(NamedTuple):
    """The broker has taken responsibility for the message."""

    message: Message
    #: From the first publish to the confirm.
    seconds: float
    #: How often it was sent: more than once, it may be in its queues more than once, always with the same id.
    sends: int = 1


@dataclass(frozen=True, slots=True)
class Failed:
    """The message did not arrive, or may not have; `error` says which."""

    message: Message
    error: AmqptoolError


def not_sent(message: Message, error: Exception) -> Failed:
    """Return the outcome of a message that an error, or a mistake in it or in us, kept from being sent."""
    known = error if isinstance(error, AmqptoolError) else PublishError(f"not sent: {error!r}", message)
    return Failed(message, known)


Outcome: TypeAlias = Confirmed | Failed
