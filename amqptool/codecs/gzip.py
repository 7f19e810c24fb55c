"""gzip, made the same way every time, and never expanded beyond a limit."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from amqptool.errors import CodecError

if TYPE_CHECKING:
    from amqptool.codecs.interface import Limits

#: zlib's word for gzip with a window of 32 KiB.
_GZIP = 16 + zlib.MAX_WBITS
#: Bytes up to which no ratio is a bomb.
_HARMLESS = 1024 * 1024


def compress(body: bytes) -> bytes:
    """Compress a body; the same body gives the same bytes, which name no file and no time."""
    deflate = zlib.compressobj(wbits=_GZIP)
    return deflate.compress(body) + deflate.flush()


def decompress(body: bytes, limits: Limits) -> bytes:
    """Decompress a body, stopping at the limits.

    Raises:
        CodecError: it is no gzip, it is cut off, something follows it, or it is larger than allowed.
    """
    highest = highest_size(len(body), limits)
    inflate = zlib.decompressobj(_GZIP)
    try:
        plain = inflate.decompress(body, highest + 1)
    except zlib.error as error:
        raise CodecError(f"not valid gzip: {error}") from error
    if len(plain) > highest:
        raise CodecError(f"gzip of {len(body):,} bytes holds more than the {highest:,} that are allowed")
    if not inflate.eof:
        raise CodecError("not valid gzip: it is cut off")
    if inflate.unused_data:
        raise CodecError("not valid gzip: something follows its end")
    return plain


def highest_size(compressed: int, limits: Limits) -> int:
    """Return how many bytes may come of so many compressed ones."""
    return min(limits.max_size, max(_HARMLESS, compressed * limits.max_ratio))
