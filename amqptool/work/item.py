"""A delivery on its way through a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from amqptool.broker.amqp import Channel
    from amqptool.dedup.interface import Acquired, Key
    from amqptool.message import Delivery


@dataclass(slots=True, eq=False)
class Item:
    """One un-acked delivery on its way."""

    delivery: Delivery
    #: What its handler gets: the delivery as its publisher sent it, with the attempt.
    original: Delivery
    channel: Channel
    #: None: no dedup for this one.
    key: Key | None
    #: When it arrived, by the loop's clock.
    since: float
    claim: Acquired | None = None
    failures: int = 0
    looks: int = 0
    #: Tried for the last time; stays un-acked until the worker stops.
    given_up: bool = False
    timer: asyncio.TimerHandle | None = None
