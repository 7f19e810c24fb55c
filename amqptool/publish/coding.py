"""Bodies that are encoded and compressed on their way out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool import codecs
from amqptool.codecs.encodings import compress
from amqptool.codecs.json import JsonCodec
from amqptool.errors import CodecError, InputError

if TYPE_CHECKING:
    from amqptool.codecs.encodings import Compress
    from amqptool.codecs.interface import Codec
    from amqptool.publish.making import MakeMessage, SourcedMessage


def coded(make: MakeMessage, codec: Codec | None, when: Compress) -> MakeMessage:
    """Make the same messages with other bodies: what was JSON is encoded by the codec, then all are compressed.

    `make` raises InputError for a body that is no JSON, or that the codec has no words for.
    """

    def make_coded(number: int, name: str, body: bytes) -> SourcedMessage:
        message = make(number, name, body)
        if codec is None:
            smaller, content_encoding = compress(message.body, when)
            return replace(message, body=smaller, content_encoding=content_encoding)
        try:
            value = codecs.decode(message.body, JsonCodec.content_type, None)
            encoded = codecs.encode(value, message.content_type, codec=codec, compress=when)
        except CodecError as error:
            raise InputError(str(error)) from error
        return replace(message, **encoded._asdict())

    return make_coded
