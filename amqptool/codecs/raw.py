"""Bytes as they are: for what no other codec knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.errors import CodecError

if TYPE_CHECKING:
    from amqptool.codecs.interface import ContentType, Limits


class BytesCodec:
    """`application/octet-stream`, and every type that is not in the table: nothing is guessed."""

    content_type = "application/octet-stream"

    def encode(self, value: Any, content_type: ContentType) -> bytes:
        """Return the bytes."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise CodecError(f"{content_type.name} takes bytes, not {type(value).__name__}")
        return bytes(value)

    def decode(self, body: bytes, _content_type: ContentType, _limits: Limits) -> bytes:
        """Return the body."""
        return body
