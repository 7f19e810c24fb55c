"""Text in the charset that the content type names, which is UTF-8 if it names none."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from amqptool.errors import CodecError

if TYPE_CHECKING:
    from amqptool.codecs.interface import ContentType, Limits

#: What Python calls text encodings and nobody sends: those for host names take time by the square of the size.
_NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}


class TextCodec:
    """`text/*`."""

    content_type = "text/plain"

    def encode(self, value: Any, content_type: ContentType) -> bytes:
        """Return text in its charset."""
        if not isinstance(value, str):
            raise CodecError(f"{content_type.name} takes text, not {type(value).__name__}")
        charset = _charset(content_type)
        try:
            return value.encode(charset)
        except UnicodeError as error:
            raise CodecError(f"cannot be encoded as {charset}: {error}") from error

    def decode(self, body: bytes, content_type: ContentType, _limits: Limits) -> str:
        """Return the text."""
        charset = _charset(content_type)
        try:
            return body.decode(charset)
        except UnicodeError as error:
            raise CodecError(f"not valid {charset}: {error}") from error


def _charset(content_type: ContentType) -> str:
    name = content_type.parameters.get("charset") or "utf-8"
    try:
        "".encode(name)  # fails for what Python can look up but is no text encoding, such as zip
        if codecs.lookup(name).name.replace("_", "-") in _NO_CHARSETS:
            raise LookupError(name)
    except (LookupError, ValueError):
        raise CodecError(f"unknown charset {name!r}") from None
    return name
