"""What became of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from amqptool.errors import AmqptoolError
    from amqptool.message import Message


@dataclass(frozen=True, slots=True)
class Confirmed:
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


Outcome: TypeAlias = Confirmed | Failed
