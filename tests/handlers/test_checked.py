"""Handlers behind a check: they are called for bodies that fit, and what does not fit is rejected."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable
from typing import Any

import pytest

from amqptool import Delivery, Message, Reject, Topology
from amqptool.handlers import as_handler
from amqptool.handlers.checked import checked
from amqptool.handlers.interface import Handler
from amqptool.handlers.python import BlockingHandler
from amqptool.testing import make_delivery
from amqptool.topology.bodies.checker import BodyChecker

CHECKER = BodyChecker(Topology.parse('queues: {q: }\nmessages: [{exchange: "", schema: {type: integer}}]'))
FLAW = "the body does not fit the schema of message to the default exchange with key #: 'x' is not of type 'integer'"


def handled_by(make: Callable[[list[bytes]], Any], body: bytes) -> tuple[list[bytes], Exception | None]:
    """Return what a handler behind the check was called with, and how it ended."""
    seen: list[bytes] = []
    handler = checked(as_handler(make(seen)), CHECKER)
    delivery = make_delivery(body, queue="q")
    if isinstance(handler, BlockingHandler):
        ending = handler.call(delivery)
        assert ending is None or isinstance(ending, Exception)
        return seen, ending
    assert isinstance(handler, Handler)
    try:
        asyncio.run(handler.handle(delivery))  # type: ignore[arg-type]
    except Reject as error:
        return seen, error
    return seen, None


def blocking(seen: list[bytes]) -> Callable[[Delivery], None]:
    """Make a function that may block."""
    return lambda delivery: seen.append(delivery.body)


def awaited(seen: list[bytes]) -> Callable[[Delivery], Any]:
    """Make a coroutine function."""

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.body)

    return handle


@pytest.mark.parametrize("make", [blocking, awaited])
def test_what_fits_is_handled(make: Callable[[list[bytes]], Any]) -> None:
    """As without the check."""
    assert handled_by(make, b"1") == ([b"1"], None)


@pytest.mark.parametrize("make", [blocking, awaited])
def test_what_does_not_fit_is_rejected(make: Callable[[list[bytes]], Any]) -> None:
    """No handler sees it, and the reason is said."""
    seen, error = handled_by(make, b'"x"')
    assert (seen, type(error), str(error)) == ([], Reject, FLAW)


def test_a_checked_handler_is_of_the_same_kind() -> None:
    """It is read ahead for, and cancelled, as the other one."""
    handler = as_handler(awaited([]))
    behind = checked(handler, CHECKER)
    assert isinstance(behind, Handler)
    assert (behind.reads_ahead, behind.stops_when_cancelled) == (True, True)


class Watched(BodyChecker):
    """Notes which threads check."""

    def __init__(self) -> None:
        super().__init__(Topology.parse('queues: {q: }\nmessages: [{exchange: "", schema: {type: integer}}]'))
        self.threads: list[threading.Thread] = []

    def flaw(self, message: Message) -> str | None:
        """Check, and note the thread."""
        self.threads.append(threading.current_thread())
        return super().flaw(message)


@pytest.mark.parametrize(
    ("body", "encoding", "on_the_loop"),
    [(b"1", None, True), (b" " * 20_000 + b"1", None, False), (gzip.compress(b"1"), "gzip", False)],
    ids=["small", "large", "compressed"],
)
def test_the_loop_goes_on_while_a_large_body_is_checked(body: bytes, encoding: str | None, on_the_loop: bool) -> None:
    """It is checked in a thread, as is what is compressed, whose size nobody knows."""
    seen: list[bytes] = []
    watched = Watched()
    handler = checked(as_handler(awaited(seen)), watched)
    assert isinstance(handler, Handler)
    delivery = make_delivery(body, queue="q", content_encoding=encoding)
    asyncio.run(handler.handle(delivery))  # type: ignore[arg-type]
    assert seen == [body]
    assert [thread is threading.main_thread() for thread in watched.threads] == [on_the_loop]
