"""Codecs: from values to bodies and back, by content type and content encoding.

=============================================  =====================================
content type                                   codec
=============================================  =====================================
application/json, …+json                       json
application/msgpack and its older names        msgpack (extra `msgpack`)
text/*                                         text, by its charset
any other, or none                             raw: bytes as they are
protobuf's, which need a schema                protobuf, passed in (extra `protobuf`)
=============================================  =====================================

Nothing in a body is ever executed: no pickle, no YAML. Decoding is bounded by `Limits`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from amqptool.codecs.interface import ContentType, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.codecs.encodings import Compress
    from amqptool.codecs.interface import Codec

_JSON = ("json", "JsonCodec")
_MSGPACK = ("msgpack", "MsgpackCodec")
_TEXT = ("text", "TextCodec")
_BYTES = ("raw", "BytesCodec")
_BY_NAME: Mapping[str, tuple[str, str]] = {
    "application/json": _JSON,
    "application/msgpack": _MSGPACK,
    "application/vnd.msgpack": _MSGPACK,
    "application/x-msgpack": _MSGPACK,
}


class Encoded(NamedTuple):
    """A body, and what a message says of it."""

    body: bytes
    content_type: str
    content_encoding: str | None


@lru_cache(maxsize=100)
def codec_for(content_type: str) -> tuple[Codec, ContentType]:
    """Return the codec for a content type, which is that of bytes if no other knows it, and the type's parts."""
    parsed = ContentType.parse(content_type)
    module, name = _look_up(parsed.name)
    return getattr(import_module(f"amqptool.codecs.{module}"), name)(), parsed


def same_type(one: str, other: str) -> bool:
    """Return whether two content types are the same, perhaps by another of its names; parameters do not count."""
    names = ContentType.parse(one).name, ContentType.parse(other).name
    return names[0] == names[1] or (names[0] in _BY_NAME and _BY_NAME[names[0]] == _BY_NAME.get(names[1]))


def encode(
    value: Any, content_type: str | None = None, *, codec: Codec | None = None, compress: Compress = "never"
) -> Encoded:
    """Turn a value into a body: by a codec, else by the content type, else as JSON.

    Raises:
        CodecError: the value cannot be said in this content type.
        ConfigError: the library that this takes is not installed.
    """
    from amqptool.codecs.encodings import compress as compressed

    name = content_type or (codec.content_type if codec else "application/json")
    known, parsed = codec_for(name)
    body, content_encoding = compressed((codec or known).encode(value, parsed), compress)
    return Encoded(body, name, content_encoding)


def decode(
    body: bytes,
    content_type: str | None,
    content_encoding: str | None,
    *,
    codec: Codec | None = None,
    limits: Limits | None = None,
) -> Any:
    """Turn a body into a value: by a codec, else by the content type.

    Raises:
        CodecError: the body is not what the message says it is, or goes beyond the limits.
        ConfigError: the library that this takes is not installed.
    """
    from amqptool.codecs.encodings import decode_content

    within = limits or Limits()
    known, parsed = codec_for(content_type or "")
    return (codec or known).decode(decode_content(body, content_encoding, within), parsed, within)


def _look_up(name: str) -> tuple[str, str]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.endswith("+json"):
        return _JSON
    return _TEXT if name.startswith("text/") else _BYTES
