"""Which of the messages in flight made the broker close the channel, as far as its words tell.

The broker works publishes off in order and closes the channel at the first one that it does not take, in words
that hold what it did not like, but no number. What came after that one was not taken; what came before may be
confirmed or not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from amqptool.errors import BrokerBlocked, BrokerError, BrokerUnavailable, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqptool.errors import AmqptoolError
    from amqptool.message import Message
    from amqptool.publish.window import InFlight

# RabbitMQ's words (rabbit_channel.erl, rabbit_basic.erl), and what a message they are about must be like. The
# default exchange has no name, so access to it is checked under another.
_WORDS: tuple[tuple[re.Pattern[str], Callable[[Message, re.Match[str]], bool]], ...] = (
    (
        re.compile(r"user_id property set to '(?P<user>.*)' but", re.DOTALL),
        lambda message, said: message.user_id == said["user"],
    ),
    (
        re.compile(r"message size \d+ .*larger than .*max size (?P<most>\d+)"),
        lambda message, said: len(message.body) > int(said["most"]),
    ),
    (
        re.compile(r"topic '(?P<key>.*)' in exchange '(?P<exchange>.*)' in vhost", re.DOTALL),
        lambda message, said: (message.exchange, message.routing_key) == (said["exchange"], said["key"]),
    ),
    (
        re.compile(r"exchange '(?P<exchange>.*)' in vhost", re.DOTALL),
        lambda message, said: (message.exchange or "amq.default") == said["exchange"],
    ),
)


def is_refusal(reason: AmqptoolError) -> bool:
    """Whether a channel was closed because of what was published, and not because the broker went away."""
    return isinstance(reason, BrokerError) and not isinstance(reason, (BrokerUnavailable, BrokerBlocked))


def vanished_exchange(reason: AmqptoolError) -> str | None:
    """Return the exchange that does not exist any more, if that is why the channel was closed."""
    said = re.search(r"no exchange '(.*)' in vhost", str(reason), re.DOTALL)
    return said[1] if said and isinstance(reason, NotFound) else None


def culprits(entries: Sequence[InFlight[Any]], reason: AmqptoolError) -> list[InFlight[Any]]:
    """Return the messages that the broker refused and would refuse again; none when that cannot be told."""
    if len(entries) == 1:
        return list(entries)
    for pattern, fits in _WORDS:
        said = pattern.search(str(reason))
        if said:
            return [entry for entry in entries if fits(entry.message, said)]
    return []
