"""How long a publisher waits for what, and how often it tries again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds a message may wait for its confirm, after which its channel is given up.
CONFIRM_TIMEOUT = 30.0
#: Seconds an alarm of the broker may block publishing.
BLOCKED_TIMEOUT = 60.0
#: Seconds without a broker, or in doubt, until what is in flight ends in doubt.
RECONNECT_TIMEOUT = 60.0
#: How often a message that the broker nacked is sent again.
NACK_RETRIES = 5
#: The waits before a nacked message is sent again, and before a connection is tried again.
NACK_BACKOFF = Backoff(first=0.1, longest=10.0)
CONNECT_BACKOFF = Backoff(first=0.1, longest=5.0)
#: How many messages are sent before the others on the loop have a turn.
BURST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The limits of one publisher, in seconds and times."""

    mandatory: bool = True
    confirm_timeout: float = CONFIRM_TIMEOUT
    blocked_timeout: float = BLOCKED_TIMEOUT
    reconnect_timeout: float = RECONNECT_TIMEOUT
    nack_retries: int = NACK_RETRIES
    #: Gives the chance, from 0 to 1, by which each wait is shortened.
    jitter: Callable[[], float] = random.random
