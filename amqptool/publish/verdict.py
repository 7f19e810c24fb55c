"""What is to happen to messages that were not confirmed: pure decisions.

A message is sent again only if a consumer can tell the repetition by its id, and only while its outcome is not
known. What the broker refused alone, or in words that fit it, is never sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqptool.errors import InDoubt, InputError, Nacked, PreconditionFailed, Unroutable
from amqptool.publish.outcome import Confirmed, Failed
from amqptool.publish.refusal import culprits, is_refusal, vanished_exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.errors import AmqptoolError
    from amqptool.publish.outcome import Outcome
    from amqptool.publish.window import InFlight

_NACKED = "the broker did not take responsibility for it (basic.nack)"


@dataclass(frozen=True, slots=True)
class Loss:
    """A channel is gone, with messages in flight."""

    reason: AmqptoolError
    #: Since when the messages in flight are in doubt, and what time it is.
    since: float
    now: float
    #: Seconds for which a message may be in doubt before it ends so.
    patience: float


def after_ack(entry: InFlight[Any], now: float) -> Outcome:
    """Return the outcome of a message that the broker acked."""
    message = entry.message
    if entry.returned is not None:
        where = f"exchange {message.exchange!r} with key {message.routing_key!r}"
        return Failed(message, Unroutable(f"unroutable: no queue took it from {where}", message))
    return Confirmed(message, now - entry.first_sent_at, entry.sends)


def after_nack(entry: InFlight[Any], retries: int) -> Failed | None:
    """Return the outcome of a message that the broker nacked, or None to send it again.

    One of several queues may have taken it, so without an id it is not sent again.
    """
    entry.nacks += 1
    entry.suspect = False
    if entry.nacks <= retries and entry.message.message_id is not None:
        return None
    times = f", {entry.nacks} times" if entry.nacks > 1 else ""
    return Failed(entry.message, Nacked(f"{_NACKED}{times}", entry.message))


def after_loss(entry: InFlight[Any], loss: Loss, *, refused: bool) -> Failed | None:
    """Return the outcome of a message that was in flight, or None to send it again."""
    if entry.in_doubt_since is None:
        entry.in_doubt_since = loss.since
    if refused:
        return Failed(entry.message, _refusal(loss.reason))
    if entry.message.message_id is None:
        return in_doubt(entry, loss.reason, ", and without an id it is not sent again")
    if loss.now - entry.in_doubt_since >= loss.patience:
        return in_doubt(entry, loss.reason)
    return None


def _refusal(reason: AmqptoolError) -> AmqptoolError:
    # RabbitMQ says 406, which elsewhere means that an object has other properties, of a message's properties or size.
    return InputError(f"refused by the broker: {reason}") if isinstance(reason, PreconditionFailed) else reason


def after_giving_up(entry: InFlight[Any], reason: AmqptoolError) -> Failed:
    """Return the outcome of a message that nobody waits for any longer."""
    if entry.nacks and entry.in_doubt_since is None:
        return Failed(entry.message, Nacked(f"{_NACKED}, and then: {reason}", entry.message))
    return in_doubt(entry, reason)


def in_doubt(entry: InFlight[Any], reason: AmqptoolError, more: str = "") -> Failed:
    """Return the outcome of a message that may or may not have arrived."""
    return Failed(entry.message, InDoubt(f"in doubt: {reason}{more}", entry.message))


def judge_loss(entries: Sequence[InFlight[Any]], loss: Loss) -> list[tuple[InFlight[Any], Failed | None]]:
    """Decide about all that was in flight: each message with its outcome, or None to send it again.

    When it cannot be told which one the broker refused, each is marked as a suspect, to be sent again alone. For
    an exchange that vanished none is refused yet: it is looked for again, and may have come back.
    """
    refused: set[int] = set()
    if is_refusal(loss.reason) and vanished_exchange(loss.reason) is None:
        refused = {entry.number for entry in culprits(entries, loss.reason)}
        for entry in entries:
            entry.suspect = entry.suspect or not refused
    return [(entry, after_loss(entry, loss, refused=entry.number in refused)) for entry in entries]
