"""AMQP's field tables, properties and methods as bytes, right and wrong."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

from pika import spec

from tests.fuzz import oddities
from tests.support.raw_client import nested

#: The types of fields that RabbitMQ knows, with so many bytes for each that has a fixed width.
_WIDTHS = {
    b"t": 1,
    b"b": 1,
    b"B": 1,
    b"s": 2,
    b"u": 2,
    b"I": 4,
    b"i": 4,
    b"l": 8,
    b"L": 8,
    b"f": 4,
    b"d": 8,
    b"D": 5,
    b"T": 8,
    b"V": 0,
}
_NAMES = (
    b"x-death",
    b"x-amqptool-attempt",
    b"x-amqptool-reason",
    b"x-delivery-count",
    b"traceparent",
    b"CC",
    b"k",
    b"",
)


def field(random: Random, depth: int = 3) -> bytes:
    """Encode a value of some type, with its type before it."""
    kind = random.random()
    if kind < 0.4:
        name, width = random.choice(list(_WIDTHS.items()))
        return name + random.choice((random.randbytes(width), bytes(width), b"\xff" * width))
    if kind < 0.6 or depth == 0:
        return random.choice((b"S", b"x")) + _long(oddities.text(random)[:2_000].encode("utf-8", "surrogatepass"))
    if kind < 0.8:
        return b"F" + table(random, depth - 1)
    if kind < 0.95:
        return b"A" + _long(b"".join(field(random, depth - 1) for _ in range(random.randrange(4))))
    return random.choice((nested(random.choice((30, 256, 300, 1_000))), random.randbytes(1) + random.randbytes(4)))


def table(random: Random, depth: int = 3) -> bytes:
    """Encode a table with its length before it, which is seldom wrong."""
    content = b"".join(
        _short(random, random.choice((*_NAMES, random.randbytes(3)))) + field(random, depth)
        for _ in range(random.randrange(5))
    )
    return _long(content, random.choice((0,) * 20 + (1, -1, 2**31)))


def properties(random: Random) -> bytes:
    """Encode the properties of a message: their flags, and what these announce."""
    kind = random.random()
    if kind < 0.2:
        return struct.pack(">H", random.randrange(2**16)) + random.randbytes(random.randrange(40))
    if kind < 0.8:
        return struct.pack(">H", spec.BasicProperties.FLAG_HEADERS) + table(random)
    made = spec.BasicProperties(
        content_type=random.choice((None, "application/json", "text/plain")),
        content_encoding=random.choice((None, "gzip", "x")),
        delivery_mode=random.choice((None, 1, 2)),
        priority=random.choice((None, 0, 255)),
        message_id=random.choice((None, "a" * 255, "6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21")),
        timestamp=random.choice((None, 0, 2**62)),
    )
    return b"".join(made.encode())


def method(random: Random) -> bytes:
    """Encode a method that a broker may send at some time."""
    word = oddities.text(random).encode("utf-8", "replace")[:255].decode("utf-8", "ignore")
    number = random.choice((0, 1, 2, 5, 2**63, 2**64 - 1))
    code = random.choice((0, 200, 312, 320, 403, 404, 405, 406, 501, 504, 530, 541, 65535))
    made: Any = random.choice(
        (
            spec.Basic.Ack(number, random.random() < 0.5),
            spec.Basic.Nack(number, random.random() < 0.5, False),
            spec.Basic.Return(code, word, "", "q"),
            spec.Basic.Deliver("t", number, True, word, word),
            spec.Basic.Cancel("t", False),
            spec.Basic.CancelOk(word),
            spec.Basic.ConsumeOk(word),
            spec.Basic.GetEmpty(""),
            spec.Channel.Close(code, word, 60, 40),
            spec.Channel.CloseOk(),
            spec.Channel.OpenOk(),
            spec.Channel.Flow(False),
            spec.Connection.Close(code, word, 0, 0),
            spec.Connection.CloseOk(),
            spec.Connection.Blocked(word),
            spec.Connection.Unblocked(),
            spec.Connection.Secure("x"),
            spec.Connection.Tune(
                random.choice((0, 1, 65535)), random.choice((0, 8, 4096, 2**32 - 1)), random.choice((0, 1, 65535))
            ),
            spec.Connection.OpenOk(),
            spec.Queue.DeclareOk(word, 2**32 - 1, 0),
            spec.Confirm.SelectOk(),
            spec.Basic.QosOk(),
        )
    )
    return struct.pack(">I", made.INDEX) + b"".join(made.encode())


def _short(random: Random, name: bytes) -> bytes:
    return bytes([random.choice((len(name),) * 30 + (255,))]) + name


def _long(content: bytes, error: int = 0) -> bytes:
    return struct.pack(">I", max(0, len(content) + error) % 2**32) + content
