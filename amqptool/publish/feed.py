"""The messages of an input that are still to be sent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from amqptool.errors import InputError
from amqptool.waiting import unless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Iterator

    from amqptool.publish.ledger import Ledger
    from amqptool.publish.making import MakeMessage, SourcedMessage
    from amqptool.publish.rate import Pace, Playback
    from amqptool.publish.sources.interface import Item, Source


class Feed:
    """Reads a source and makes its messages, leaving out the items that are done.

    A bad item goes to the ledger, and then ends the input or, with `skip_bad`, is left out. A pace says when each
    message goes, or a playback, by the time when it was received.
    """

    def __init__(
        self,
        source: Source,
        make: MakeMessage,
        ledger: Ledger,
        *,
        done: Container[int] = (),
        skip_bad: bool = False,
        pace: Pace | None = None,
        playback: Playback | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._make = make
        self._ledger = ledger
        self._done = done
        self._skip_bad = skip_bad
        self._pace = pace
        self._playback = playback
        self._clock = clock
        # Made, and not given to anybody yet.
        self._in_hand: SourcedMessage | None = None

    async def messages(self, stop: asyncio.Event) -> AsyncIterator[SourcedMessage]:
        """Give the messages one after the other; `stop` ends them early.

        Raises:
            InputError: an item is bad, and bad ones are not skipped; the text begins with its place.
            OSError: the source cannot be read.
        """
        await self._ledger.begin()
        done, ledger = self._done, self._ledger
        async for number, item in self._source.items(stop):
            if number in done:
                continue
            try:
                message = self._message(number, item)
            except (InputError, OSError) as error:
                ledger.add_bad(number, error)
                if not self._skip_bad:
                    raise
                continue
            if self._pace is not None or self._playback is not None:
                self._in_hand = message
                if not await self._due(stop, message):
                    return
                self._in_hand = None
            yield message
            if ledger.has_failed:
                return

    def unsent(self) -> Iterator[SourcedMessage]:
        """Make the messages of what was read of a stream and not given: nobody can read it again.

        A bad item goes to the ledger.
        """
        if not self._source.is_stream:
            return
        if self._in_hand is not None:
            yield self._in_hand
        for number, item in self._source.left():
            try:
                message = self._message(number, item)
            except (InputError, OSError) as error:
                self._ledger.add_bad(number, error)
                continue
            yield message

    def _message(self, number: int, item: Item) -> SourcedMessage:
        try:
            if not isinstance(item, bytes):
                raise item
            return self._make(number, self._source.name(number), item)
        except InputError as error:
            raise InputError(f"{self._source.place(number)}: {error}") from error

    async def _due(self, stop: asyncio.Event, message: SourcedMessage) -> bool:
        """Wait for a message's time; False when told to stop."""
        wait = self._wait(message)
        if wait:
            await unless(stop, asyncio.sleep(wait))
        return not stop.is_set()

    def _wait(self, message: SourcedMessage) -> float:
        if self._playback is not None and message.received_at is not None:
            return self._playback.wait(self._clock(), message.received_at)
        return 0.0 if self._pace is None else self._pace.wait(self._clock())
