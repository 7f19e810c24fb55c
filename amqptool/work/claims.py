"""The claims of a worker: how it comes by them, keeps them, and lets go of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.dedup.interface import Acquired, Key
from amqptool.message import normalize_message_id
from amqptool.work.batches import Batches
from amqptool.work.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from amqptool.dedup.interface import Claim
    from amqptool.message import Delivery
    from amqptool.work.item import Item
    from amqptool.work.store import StoreThread

#: Seconds between two looks for what the store may forget.
PRUNE_INTERVAL = 600.0


class Claims:
    """Claims the keys of deliveries, and keeps them claimed as long as these are in hand.

    `store` None means that there is no dedup: nothing has a key then. `in_hand` are all the deliveries there are.
    `on_claimed` and `on_completed` are called with what the store has answered for each.

    Everything that is to be claimed and to be completed when the store has time is one call, which is one transaction
    where it can be.
    """

    def __init__(
        self,
        store: StoreThread | None,
        in_hand: Collection[Item],
        *,
        on_claimed: Callable[[list[tuple[Item, Claim]]], None],
        on_completed: Callable[[list[tuple[Item, bool]]], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._store = store
        self._in_hand = in_hand
        self._on_claimed = on_claimed
        self._on_completed = on_completed
        # What has a claim is to be completed, and what has none is to be claimed.
        self._waiting: Batches[Item] = Batches()
        # With whether the attempt failed.
        self._releasing: Batches[tuple[Acquired, bool]] = Batches()
        self._working, self._telling = Tasks(on_failure), Tasks(on_failure)
        self._keeping = Tasks(on_failure)
        self._gathering, self._ending = Tasks(on_failure), Tasks(on_failure)
        if store is not None:
            self._working.work_off(self._waiting, self._complete_and_claim)
            self._gathering.work_off(self._releasing, self._release)
            self._keeping.start(self._renew_forever(store))
            self._keeping.start(self._prune_forever(store))

    @property
    def store_works(self) -> bool:
        """Whether what is handled now can be recorded as done."""
        return self._store is None or self._store.is_healthy

    def key(self, delivery: Delivery, scope: str) -> Key | None:
        """Return what tells a delivery from its repetition; None: nothing does."""
        if self._store is None:
            return None
        message_id = normalize_message_id(delivery.message_id)
        return Key(scope, message_id) if message_id else None

    def claim(self, item: Item) -> None:
        """Claim the key of a delivery that has no claim."""
        self._waiting.put(item)

    def complete(self, item: Item) -> None:
        """Write DONE for a delivery that has one."""
        self._waiting.put(item)

    def purge(self) -> None:
        """Let go of the bodies of what has left, also behind a store that is slow."""
        self._waiting.keep(lambda item: item.claim is not None or item in self._in_hand)

    def let_go(self, item: Item, *, failed: bool) -> None:
        """Give up a delivery's claim, if it has one."""
        if item.claim is not None:
            self.give_up(item.claim, failed=failed)
            item.claim = None

    def give_up(self, claim: Acquired, *, failed: bool) -> None:
        """Give up a claim."""
        self._releasing.put((claim, failed))

    async def count_attempt(self, item: Item) -> None:
        """Have the attempt counted that a delivery handled alone is about to begin."""
        if item.held_claim is not None:
            await self._required_store.renew([item.held_claim])

    async def give_up_passed_on(self, retried: Sequence[Item], dead: Sequence[Item]) -> None:
        """Give up the claims of what will be tried again, and of what will not, without a trace."""
        if self._store is not None:
            given_up = [item.claim for item in retried if item.claim]
            forgotten = [item.claim for item in dead if item.claim]
            # Both at once, so that neither has still to be begun when the store has no time until the end.
            calls = [self._store.release(given_up, failed=True)] if given_up else []
            calls += [self._store.discard(forgotten)] if forgotten else []
            await asyncio.gather(*calls)

    async def stop(self) -> None:
        """Complete what is to be completed, at the latest when the store has time; claim nothing, and renew nothing."""
        self._keeping.cancel()
        self._waiting.close()
        await asyncio.gather(self._keeping.end(), self._working.end())
        if self._store is not None:
            self._store.leave_completed([item.claim for item in self._waiting.rest() if item.claim])
        await self._telling.end()

    async def end(self) -> None:
        """Give up what is to be given up, and end."""
        self._releasing.close()
        await self._gathering.end()
        await self._ending.end()

    async def _complete_and_claim(self, batch: list[Item]) -> None:
        done = [item for item in batch if item.claim is not None]
        wanted = [item for item in batch if item.claim is None and item in self._in_hand]
        recorded, claims = await self._required_store.complete_and_claim(
            [item.claim for item in done if item.claim], [item.key for item in wanted if item.key]
        )
        # In a task of its own, so that the store has its next call before what it has answered is worked on.
        self._telling.start(self._tell(list(zip(done, recorded, strict=True)), list(zip(wanted, claims, strict=True))))

    async def _tell(self, completed: list[tuple[Item, bool]], claimed: list[tuple[Item, Claim]]) -> None:
        self._on_completed(completed)
        self._on_claimed(claimed)

    async def _release(self, batch: list[tuple[Acquired, bool]]) -> None:
        for failed in (True, False):
            claims = [claim for claim, has_failed in batch if has_failed is failed]
            if claims:
                # In a task of its own, so that none has still to be begun when the store has no time until the end.
                self._ending.start(self._required_store.release(claims, failed=failed))

    async def _renew_forever(self, store: StoreThread) -> None:
        while True:
            await asyncio.sleep(store.lease / 3)
            held = [item.held_claim for item in self._in_hand]
            await store.renew([claim for claim in held if claim is not None])

    async def _prune_forever(self, store: StoreThread) -> None:
        while True:
            await store.prune()
            await asyncio.sleep(PRUNE_INTERVAL)

    @property
    def _required_store(self) -> StoreThread:
        if self._store is None:
            raise RuntimeError("a delivery without a store was claimed")
        return self._store
