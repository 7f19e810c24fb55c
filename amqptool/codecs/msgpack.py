"""MessagePack, as far as it says the same things as JSON, and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from amqptool.codecs.interface import Limits
from amqptool.codecs.plain import check_plain, levels, spell, unique
from amqptool.errors import CodecError
from amqptool.extras import imported

if TYPE_CHECKING:
    from amqptool.codecs.interface import ContentType


class MsgpackCodec:
    """`application/msgpack`; dates and times are ISO 8601 text as in JSON, and extension types are refused."""

    content_type = "application/msgpack"

    def encode(self, value: Any, _content_type: ContentType) -> bytes:
        """Return a value as MessagePack."""
        library = _library()
        try:
            packed: bytes = library.packb(value, default=spell)
            check_plain(value, Limits().max_depth)
        except (CodecError, ValueError, TypeError, OverflowError) as error:
            raise CodecError(f"cannot be encoded as MessagePack: {error}") from error
        return packed

    def decode(self, body: bytes, _content_type: ContentType, limits: Limits) -> Any:
        """Return the value of a body."""
        library = _library()
        try:
            value = library.unpackb(body, ext_hook=_refuse, object_pairs_hook=unique)
            for level in levels(value, limits.max_depth):
                if any(isinstance(each, library.Timestamp) for each in level):
                    _refuse(-1, b"")  # the library makes these without asking the hook
        except library.StackError as error:
            raise CodecError("not valid MessagePack: nested too deeply") from error
        except (CodecError, ValueError, library.UnpackException, MemoryError) as error:
            raise CodecError(f"not valid MessagePack: {error or type(error).__name__}") from error
        return value


def _refuse(code: int, _data: bytes) -> NoReturn:
    raise CodecError(f"extension type {code}, which is not taken")


def _library() -> Any:
    return imported("msgpack", "msgpack", "MessagePack needs")
