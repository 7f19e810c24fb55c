"""Content encodings: what was done to a body after it was encoded, and how it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from amqptool.codecs import gzip
from amqptool.codecs.interface import Limits
from amqptool.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: When to compress: only where it pays, whatever it does to the size, or not at all.
Compress: TypeAlias = Literal["auto", "always", "never"]

#: The name under which compressed bodies go out.
GZIP = "gzip"
#: kombu and celery name a charset here, or "binary".
_NOTHING_DONE = {"", "identity", "binary", "utf-8", "us-ascii"}
_UNDO: Mapping[str, Callable[[bytes, Limits], bytes]] = {GZIP: gzip.decompress, "x-gzip": gzip.decompress}

#: Bytes below which a body is not worth compressing.
_SMALL = 1024
#: The share of its size that a body must lose to be worth it.
_GAIN = 0.1


def compress(body: bytes, when: Compress) -> tuple[bytes, str | None]:
    """Return a body and its content encoding, compressed or not.

    What `decode_content` would refuse to expand, and what loses too little, is not worth compressing.
    """
    if when == "never" or (when == "auto" and len(body) < _SMALL):
        return body, None
    smaller = gzip.compress(body)
    if when == "always" or _pays(len(body), len(smaller)):
        return smaller, GZIP
    return body, None


def applied(content_encoding: str | None) -> list[str]:
    """Return the names of what a content encoding says was done to a body, in that order."""
    names = [name.strip().lower() for name in (content_encoding or "").split(",")]
    return [name for name in names if name not in _NOTHING_DONE]


def decode_content(body: bytes, content_encoding: str | None, limits: Limits) -> bytes:
    """Undo what a content encoding says was done to a body.

    Raises:
        CodecError: the encoding is unknown, there are several, or the body does not fit it or the limits.
    """
    done = applied(content_encoding)
    if not done:
        return body
    if len(done) > 1:
        raise CodecError(f"content encoding {content_encoding!r}: more than one is not undone")
    if done[0] not in _UNDO:
        raise CodecError(f"unknown content encoding {done[0]!r}")
    return _UNDO[done[0]](body, limits)


def _pays(size: int, compressed: int) -> bool:
    return compressed <= size * (1 - _GAIN) and size <= gzip.highest_size(compressed, Limits())
