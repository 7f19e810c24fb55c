"""What becomes of claims when the worker ends while the store has no time for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import pytest

from amqptool import Delivery, MemoryStore, Message
from amqptool.dedup.interface import Acquired, Key, State
from amqptool.work.claims import Claims
from amqptool.work.item import Item
from amqptool.work.store import StoreThread
from amqptool.work.tasks import END_TIMEOUT
from tests.support.model_store import HeldCalls
from tests.support.virtual_time import Clock, VirtualLoop, advance

KEYS = [Key("scope", name) for name in "abc"]


class Ending:
    """A worker's claims of three messages, whose store is busy with something else."""

    def __init__(self, loop: VirtualLoop, clock: Clock) -> None:
        self.loop, self._clock = loop, clock
        self.store, self._calls = MemoryStore(), HeldCalls()
        acquired = self.store.claim(KEYS)
        self.items = [_item(key, claim) for key, claim in zip(KEYS, acquired, strict=True)]
        self._calls.is_held = True
        opening = loop.create_task(self._open())
        self.wait(0)
        self.claims = opening.result()

    async def _open(self) -> Claims:
        return Claims(
            StoreThread(self.store, self._calls),
            set(self.items),
            on_claimed=lambda _: None,
            on_completed=lambda _: None,
            on_failure=_fail,
        )

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        advance(self._clock, seconds, lambda: [self.loop])

    def states(self) -> dict[str, State]:
        """Let the store have time, and return what it knows then."""
        self._calls.let_go()
        found = {key.message_id: self.store.find(key.message_id) for key in KEYS}
        return {name: State(entries[0].row.state) for name, entries in found.items() if entries}


def _fail(error: BaseException) -> None:
    raise AssertionError from error


def _item(key: Key, claim: object) -> Item:
    assert isinstance(claim, Acquired)
    delivery = Delivery(message=Message(body=b""), queue="q", delivery_tag=1, redelivered=False)
    return Item(delivery, delivery, cast("Any", None), key, 0.0, claim)


@pytest.fixture
def ending() -> Iterator[Ending]:
    """Give them."""
    clock = Clock()
    with closing(VirtualLoop(clock)) as loop:
        yield Ending(loop, clock)


def end(ending: Ending) -> None:
    """End as a worker does."""

    async def stop() -> None:
        await ending.claims.stop()
        await ending.claims.end()

    stopping = ending.loop.create_task(stop())
    ending.wait(3 * END_TIMEOUT)
    assert stopping.done()


def test_what_was_handled_is_done(ending: Ending) -> None:
    """Whether it was on its way to the store, or waited for what was: its handler is not to run again."""
    on_its_way, waiting, other = ending.items
    ending.claims.complete(on_its_way)
    ending.wait(0)
    ending.claims.complete(waiting)
    ending.claims.let_go(other, failed=False)
    end(ending)
    assert ending.states() == {"a": State.DONE, "b": State.DONE, "c": State.RELEASED}


def test_what_was_passed_on_is_given_up(ending: Ending) -> None:
    """Its copy is to be handled, or is a dead letter that is replayed one day."""
    retried, dead, _ = ending.items
    passing_on = ending.loop.create_task(ending.claims.give_up_passed_on([retried], [dead]))
    ending.wait(0)
    passing_on.cancel()
    end(ending)
    assert ending.states() == {"a": State.RELEASED, "c": State.CLAIMED}
