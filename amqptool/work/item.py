"""A delivery on its way through a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amqptool.log_context import facts_about

if TYPE_CHECKING:
    import asyncio

    from amqptool.broker.amqp import Channel
    from amqptool.dedup.interface import Acquired, Key
    from amqptool.message import Delivery, Message
    from amqptool.work.ladder import Step


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
    #: Attempts that failed here, without a copy being made.
    failures: int = 0
    #: The copy that is to be confirmed before this one is acknowledged, and how often it was not.
    copy: tuple[Step, Message] | None = None
    sendings: int = 0
    #: How often somebody else was found at work on it, or nobody could tell whether it is done.
    looks: int = 0
    #: Tried for the last time; stays un-acked, without its body, until the worker stops.
    given_up: bool = False
    #: Handled with nothing beside it, since the process that had it before has died.
    is_alone: bool = False
    #: In hand for nearly as long as the broker allows.
    is_old: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def about(self) -> dict[str, object]:
        """What a log tells of it, as `extra`."""
        return facts_about(self.original)

    @property
    def held_claim(self) -> Acquired | None:
        """Its claim as it is renewed: an attempt that is made alone is counted before it begins."""
        if self.claim is None or not self.is_alone:
            return self.claim
        return self.claim._replace(attempt=self.claim.attempt + 1)

    @property
    def has_failed(self) -> bool:
        """Whether its last attempt failed, and it is still here."""
        return self.failures > 0 or self.copy is not None

    def give_up(self) -> None:
        """Let go of the body, which nobody will ask for."""
        self.given_up = True
        self.delivery = replace(self.delivery, message=replace(self.delivery.message, body=b""))
        self.original = replace(self.original, message=replace(self.original.message, body=b""))
        if self.copy is not None:
            step, copy = self.copy
            self.copy = step, replace(copy, body=b"")
