"""Deliveries on stdout: each is written and flushed before its message is acknowledged."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from amqptool.cli.sanitize import clean_body, clean_line, clean_text
from amqptool.errors import AmqptoolError
from amqptool.handlers.interface import StopWork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from amqptool.message import Delivery, Message

#: How deliveries can be shown.
FORMATS = ("body", "jsonl", "pretty")


class Form(Protocol):
    """How a delivery looks, with what else is known of its origin."""

    def __call__(self, delivery: Delivery, /, **origin: Any) -> bytes:
        """Return its bytes."""
        ...


class Printer:
    """A handler that prints; when stdout fails, it ends the worker.

    Raises:
        OSError: the process was started without a stdout.
    """

    def __init__(self, form: Callable[[Delivery], bytes]) -> None:
        check_stdout()
        self._form = form

    def __call__(self, delivery: Delivery) -> None:
        """Print one delivery.

        Raises:
            StopWork: stdout was closed, or its disk is full.
        """
        try:
            write_out(self._form(delivery))
        except OSError as error:
            raise StopWork from error


def check_stdout() -> None:
    """Check that there is a stdout, before anything is taken for it.

    Raises:
        OSError: the process was started without one.
    """
    if sys.__stdout__ is None:
        raise OSError("stdout is closed")


def write_out(data: bytes) -> None:
    """Write to stdout, and flush it.

    Raises:
        OSError: it was closed, or its disk is full.
    """
    try:
        _write_all(sys.stdout.buffer, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "stdout") from error


def _write_all(stream: BinaryIO, data: bytes) -> None:
    # With PYTHONUNBUFFERED, as in many containers, the stream may take a part, and say so, and no more.
    left = memoryview(data)
    while left:
        written = stream.write(left)
        if written is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[written:]
    stream.flush()


def form_of(output: str, *, color: bool | None) -> Form:
    """Return how a delivery looks in one of the formats; `color` None means on terminals."""
    if output == "jsonl":
        return _as_record
    if output == "pretty":
        return lambda delivery, /, **origin: page_bytes(_page(delivery, origin), color=color)
    return _as_safe_line if on_terminal() else _as_line


def default_format(*, as_json: bool) -> str:
    """Return the format of who has not named one: of a person, or of a program."""
    return "jsonl" if as_json else "pretty" if on_terminal() else "body"


def page_bytes(page: str, *, color: bool | None) -> bytes:
    """Return a page as it is written: with its colours where they are wanted."""
    import click

    shown = page if (on_terminal() if color is None else color) else click.unstyle(page)
    return shown.encode("utf-8", "backslashreplace")


def field_lines(fields: Mapping[str, Any]) -> list[str]:
    """Return the properties or headers of a record, a line each."""
    import click

    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return [f"  {click.style(clean_line(name), dim=True)}: {clean_line(text)}" for name, text in shown.items()]


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def _as_line(delivery: Delivery, /, **_origin: Any) -> bytes:
    return delivery.body + b"\n"


def _as_safe_line(delivery: Delivery, /, **_origin: Any) -> bytes:
    return clean_body(delivery.body).encode() + b"\n"


def _as_record(delivery: Delivery, /, **origin: Any) -> bytes:
    from amqptool.records import delivery_to_line

    return delivery_to_line(delivery, **origin)


def _page(delivery: Delivery, origin: Mapping[str, Any]) -> str:
    import click

    from amqptool.records import delivery_to_record

    record = delivery_to_record(delivery)
    way = f"{delivery.exchange or '(default exchange)'} → {delivery.routing_key}"
    known = "".join(f"{click.style(clean_line(str(each)), dim=True)}  " for each in origin.values())
    title = f"{known}{click.style(clean_line(way), bold=True)}{' (redelivered)' if delivery.redelivered else ''}"
    fields = field_lines({**record["properties"], **record["headers"]})
    return "\n".join([title, *fields, "", body_text(delivery.message), "", ""])


def body_text(message: Message) -> str:
    """Return a body for a person: decoded as its message says, and JSON laid out whatever it says."""
    try:
        value = message.decode()
    except AmqptoolError as error:
        return f"{clean_body(message.body)}\n({clean_line(str(error))})"
    if isinstance(value, str):
        return clean_text(value)
    return _laid_out(value) if not isinstance(value, bytes) else _guessed(value)


def _guessed(body: bytes) -> str:
    try:
        return _laid_out(json.loads(body))
    except (ValueError, RecursionError):
        return clean_body(body)


def _laid_out(value: object) -> str:
    from amqptool.records import field_to_json

    # MessagePack has bytes, which are shown as in a record.
    return clean_text(json.dumps(value, indent=2, ensure_ascii=False, default=field_to_json))
