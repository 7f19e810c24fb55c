"""Sending a whole stream of messages, each of which has its outcome in the end."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Protocol

from amqptool.publish.outcome import not_sent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from amqptool.errors import AmqptoolError
    from amqptool.message import Message
    from amqptool.publish.engine import Engine
    from amqptool.publish.outcome import Outcome


class Sink(Protocol):
    """Where the outcomes of a stream go."""

    @property
    def added(self) -> int:
        """How many outcomes it was given."""
        ...

    @property
    def refusal(self) -> AmqptoolError | None:
        """Why the first message that was refused for what it is was refused; the next one most likely would be too."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether `room` must be awaited before more is sent."""
        ...

    async def room(self) -> None:
        """Wait until it is not full."""

    def add(self, outcome: Outcome) -> None:
        """Take one outcome in; called on the loop, so it must not block or raise."""


async def pour(
    engine: Engine, messages: Iterable[Message] | AsyncIterable[Message], sink: Sink, *, skip_refused: bool
) -> None:
    """Send all messages; return, or raise what ended the stream, once everything taken of it has its outcome.

    Raises:
        AmqptoolError: the broker stays away; or, without `skip_refused`, a message was refused for what it is.
        Exception: whatever the stream raised.
    """
    wanted = sink.added
    given_up = engine.given_up
    try:
        async for message in _asynchronous(messages):
            if sink.is_full:
                await sink.room()
            wanted += 1
            try:
                if not engine.try_send(message, sink.add):
                    await engine.send(message, sink.add)
            except Exception as error:  # also what a field of a wrong type raises
                sink.add(not_sent(message, error))
                if not engine.is_refusal(error):
                    raise
            if engine.given_up is not None and engine.given_up is not given_up:
                raise engine.given_up
            if sink.refusal is not None and not skip_refused:
                raise sink.refusal
    except Exception:
        await _added(wanted, sink, engine)
        raise
    await _added(wanted, sink, engine)


async def _added(wanted: int, sink: Sink, engine: Engine) -> None:
    while sink.added < wanted:
        await engine.next_progress()


def _asynchronous(messages: Iterable[Message] | AsyncIterable[Message]) -> AsyncIterable[Message]:
    return messages if isinstance(messages, AsyncIterable) else _each(messages)


async def _each(messages: Iterable[Message]) -> AsyncIterator[Message]:
    for message in messages:
        yield message
