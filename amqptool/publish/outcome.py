"""What became of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from amqptool.errors import AccessRefused, AmqptoolError, InDoubt, Nacked, NotFound, PreconditionFailed, Unroutable

if TYPE_CHECKING:
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


def after_loss(message: Message, reason: AmqptoolError, *, alone: bool) -> Failed:
    """Return the outcome of a message that was in flight when its channel was closed.

    The broker closes a channel because of one publish and names the exchange it refused: that message
    was certainly not taken. Any other may have been, unless it was `alone` in flight.
    """
    refusal = isinstance(reason, (NotFound, AccessRefused, PreconditionFailed))
    if refusal and (alone or f"exchange '{message.exchange}'" in str(reason)):
        return Failed(message, reason)
    return Failed(message, InDoubt(f"in doubt: {reason}", message))
