"""A warning when messages may wait for longer than the dedup store remembers what is done."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from amqptool.units import duration

if TYPE_CHECKING:
    from amqptool.dedup.interface import DedupStore
    from amqptool.work.ladder import Ladder

log = logging.getLogger(__name__)


def warn_of_short_retention(store: DedupStore, ladder: Ladder) -> None:
    """Warn if DONE may be forgotten before a copy of the message has waited for all its retries."""
    waits, retention = sum(ladder.delays), round(store.retention * 1000)
    if waits > retention:
        log.warning(
            "queue %r: the retries of a message may take %s, and the dedup store remembers for %s what is done: "
            "a copy that comes back after that is handled again",
            ladder.queue,
            duration(waits),
            duration(retention),
        )
