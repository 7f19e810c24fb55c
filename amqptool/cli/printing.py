"""Deliveries on stdout: each is written and flushed before its message is acknowledged."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING

from amqptool.cli.sanitize import clean_body, clean_line, clean_text
from amqptool.errors import AmqptoolError
from amqptool.handlers.interface import StopWork

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from amqptool.message import Delivery

#: How deliveries can be shown.
FORMATS = ("body", "jsonl", "pretty")


class Printer:
    """A handler that prints; when stdout fails, it ends the worker.

    Raises:
        OSError: the process was started without a stdout.
    """

    def __init__(self, output: str, *, color: bool | None) -> None:
        if sys.__stdout__ is None:
            raise OSError("stdout is closed")
        self._format = _format(output, on_terminal=sys.stdout.isatty(), color=color)

    def __call__(self, delivery: Delivery) -> None:
        """Print one delivery.

        Raises:
            StopWork: stdout was closed, or its disk is full.
        """
        try:
            _write_all(sys.stdout.buffer, self._format(delivery))
        except OSError as error:
            raise StopWork from OSError(error.errno, error.strerror, "stdout")


def _write_all(stream: BinaryIO, data: bytes) -> None:
    # With PYTHONUNBUFFERED, as in many containers, the stream may take a part, and say so, and no more.
    left = memoryview(data)
    while left:
        written = stream.write(left)
        if written is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[written:]
    stream.flush()


def _format(output: str, *, on_terminal: bool, color: bool | None) -> Callable[[Delivery], bytes]:
    if output == "jsonl":
        return _as_record
    if output == "pretty":
        return lambda delivery: _as_page(delivery, color=on_terminal if color is None else color)
    return _as_safe_line if on_terminal else _as_line


def _as_line(delivery: Delivery) -> bytes:
    return delivery.body + b"\n"


def _as_safe_line(delivery: Delivery) -> bytes:
    return clean_body(delivery.body).encode() + b"\n"


def _as_record(delivery: Delivery) -> bytes:
    from amqptool.records import delivery_to_line

    return delivery_to_line(delivery)


def _as_page(delivery: Delivery, *, color: bool) -> bytes:
    import click

    from amqptool.records import delivery_to_record

    record = delivery_to_record(delivery)
    origin = f"{delivery.exchange or '(default exchange)'} → {delivery.routing_key}"
    lines = [click.style(clean_line(origin), bold=True) + (" (redelivered)" if delivery.redelivered else "")]
    for name, value in {**record["properties"], **record["headers"]}.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        lines.append(f"  {click.style(clean_line(name), dim=True)}: {clean_line(shown)}")
    lines += ["", _body(delivery), "", ""]
    page = "\n".join(lines)
    return (page if color else click.unstyle(page)).encode("utf-8", "backslashreplace")


def _body(delivery: Delivery) -> str:
    """Return the body for a person: decoded as the message says, and JSON laid out whatever it says."""
    try:
        value = delivery.decode()
    except AmqptoolError as error:
        return f"{clean_body(delivery.body)}\n({clean_line(str(error))})"
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
