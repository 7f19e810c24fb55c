"""How large one document of 48 KB is in each form that `Message.encode` gives it: `python -m tests.docs.sizes`."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from amqptool import Message
from amqptool.codecs.encodings import Compress

#: Bytes of JSON, and a few more.
SIZE = 48_000
_CODECS = {"JSON": "application/json", "MessagePack": "application/msgpack"}
_WAYS: dict[str, Compress] = {"": "never", ", gzip": "always"}


def document() -> dict[str, Any]:
    """Return a list of orders, the same every time."""
    orders: list[dict[str, Any]] = []
    size = len(Message.encode({"orders": []}).body)
    for number in count():
        if size >= SIZE:
            break
        orders.append(_order(number))
        size += len(Message.encode(orders[-1]).body) + 1
    return {"orders": orders}


def _order(number: int) -> dict[str, Any]:
    return {
        "id": str(uuid5(NAMESPACE_URL, str(number))),
        "customer": 100_000 + number * 7919 % 90_000,
        "platform": ("ios", "android", "web")[number * 5 % 3],
        "paid": number % 4 != 0,
        "total": number * 104_729 % 20_000 / 100,
        "at": f"2026-01-{number % 28 + 1:02}T{number * 11 % 24:02}:{number * 37 % 60:02}:00Z",
    }


def sizes() -> str:
    """Return the table."""
    plain = len(Message.encode(document()).body)
    rows = ["| | KB | |", "|---|--:|--:|"]
    for way, compress in _WAYS.items():
        for name, content_type in _CODECS.items():
            size = len(Message.encode(document(), content_type=content_type, compress=compress).body)
            rows.append(f"| {name}{way} | {size / 1000:.1f} | {size / plain:.0%} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(sizes(), end="")
