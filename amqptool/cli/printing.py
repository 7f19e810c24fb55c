"""Deliveries on stdout: each is written and flushed before its message is acknowledged."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import TYPE_CHECKING

from amqptool.cli.sanitize import clean_body, clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.message import Delivery

#: How deliveries can be shown.
FORMATS = ("body", "jsonl", "pretty")


class Printer:
    """A handler that prints; when stdout fails, it keeps the error and asks to stop."""

    def __init__(self, output: str, *, color: bool | None) -> None:
        self._format = _format(output, on_terminal=sys.stdout.isatty(), color=color)
        self.error: OSError | None = None
        self._on_error: Callable[[], object] = lambda: None

    def on_error(self, function: Callable[[], None]) -> None:
        """Have a function called on the running event loop when stdout fails."""
        loop = asyncio.get_running_loop()
        self._on_error = partial(loop.call_soon_threadsafe, function)

    def __call__(self, delivery: Delivery) -> None:
        """Print one delivery."""
        try:
            sys.stdout.buffer.write(self._format(delivery))
            sys.stdout.buffer.flush()
        except OSError as error:
            self.error = error
            self._on_error()
            raise


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
    from amqptool.records import delivery_to_record

    return json.dumps(delivery_to_record(delivery)).encode() + b"\n"


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
    try:
        return clean_body(json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        return clean_body(delivery.body)
