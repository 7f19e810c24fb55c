"""The values that pika 1.4 gets wrong, put right in its tables for the whole process.

It makes integers of floats, cannot send any, and loses the connection to a timestamp that Python cannot say, and to
arrays and tables within each other beyond some 900 levels. Large integers it shows as `1L`, and it cuts the zeros off a
decimal. A string that is no UTF-8 it gives as bytes, which go out as a byte array or not at all; with this it is text
with the bytes escaped (PEP 383). So what arrives goes out again as the same value of the same type; only integers go
out 32 or 64 bits wide and floats 64, whatever width they came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pika import data

from amqptool.broker.amqp.decoding import decode_short_string, decode_table, decode_value
from amqptool.broker.amqp.encoding import encode_short_string, encode_table, encode_value

if TYPE_CHECKING:
    from collections.abc import Callable


def teach_pika() -> None:
    """Let pika decode and encode as we do."""
    data.decode_value, data.decode_table = decode_value, decode_table
    data.decode_short_string = decode_short_string
    data.encode_value, data.encode_short_string = _appending(encode_value), _appending(_pikas_short_string)
    data.encode_table = _appending(lambda table: encode_table(table or {}))


def _pikas_short_string(value: str | bytes) -> bytes:
    """Encode a short string, which may be bytes where a program uses pika itself."""
    return encode_short_string(value if isinstance(value, str) else value.decode("utf-8", "surrogateescape"))


def _appending(encode: Callable[[Any], bytes]) -> Callable[[list[bytes], Any], int]:
    """Return what encodes as pika's functions do: it appends to a list, and returns how many bytes that are."""

    def append(pieces: list[bytes], value: Any) -> int:
        encoded = encode(value)
        pieces.append(encoded)
        return len(encoded)

    return append
