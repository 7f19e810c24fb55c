"""What became of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from amqptool.errors import AccessRefused, AmqptoolError, InDoubt, Nacked, NotFound, PreconditionFailed, Unroutable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.message import Message
    from amqptool.publish.window import InFlight


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker has taken responsibility for the message."""

    message: Message
    #: From the publish to the confirm.
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The message did not arrive, or may not have; `error` says which."""

    message: Message
    error: AmqptoolError


Outcome: TypeAlias = Confirmed | Failed


def after_confirm(entry: InFlight[Any], now: float, *, accepted: bool) -> Outcome:
    """Return the outcome of a message that the broker acked (`accepted`) or nacked."""
    message = entry.message
    if not accepted:
        return Failed(message, Nacked("the broker did not take responsibility for it (basic.nack)", message))
    if entry.returned is not None:
        where = f"exchange {message.exchange!r} with key {message.routing_key!r}"
        return Failed(message, Unroutable(f"unroutable: no queue took it from {where}", message))
    return Confirmed(message, now - entry.sent_at)


def after_loss(messages: Sequence[Message], reason: AmqptoolError) -> list[Failed]:
    """Return the outcomes of the messages that were in flight when their channel was closed.

    The broker closes a channel because of one publish, whose exchange it names. If only one message in
    flight fits that, it was certainly refused; of any other, it is not known.
    """
    suspects: Sequence[Message] = []
    if isinstance(reason, (NotFound, AccessRefused, PreconditionFailed)):
        suspects = [message for message in messages if f"exchange '{message.exchange}'" in str(reason)] or messages
    refused = suspects[0] if len(suspects) == 1 else None
    return [
        Failed(message, reason if message is refused else InDoubt(f"in doubt: {reason}", message))
        for message in messages
    ]
