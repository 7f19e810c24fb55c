"""Protocol Buffers, as dictionaries in their JSON form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.errors import CodecError, ConfigError
from amqptool.extras import importing_for

if TYPE_CHECKING:
    from amqptool.codecs.interface import ContentType, Limits


class ProtobufCodec:
    """One message type of a compiled schema.

    Values are what protobuf's JSON mapping makes of messages: 64-bit integers are text, bytes base64. A field
    that the schema does not know is an error on encoding, and left out on decoding, so that a newer publisher
    does no harm.
    """

    content_type = "application/x-protobuf"

    def __init__(self, message_class: Any, pool: Any) -> None:
        self._class = message_class
        self._pool = pool

    @classmethod
    def from_descriptor(cls, descriptor: bytes, message: str) -> ProtobufCodec:
        """Make a codec for a message type, by its full name, of a descriptor set.

        `protoc --include_imports --descriptor_set_out=FILE` writes one.

        Raises:
            ConfigError: it is no complete descriptor set, there is no such type in it, or protobuf is not installed.
        """
        with importing_for("protobuf", "Protocol Buffers need"):
            from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
            from google.protobuf.message import DecodeError
        pool = descriptor_pool.DescriptorPool()
        try:
            for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor).file:
                pool.Add(file)
        except (DecodeError, TypeError, ValueError) as error:
            raise ConfigError(f"not a complete descriptor set, as protoc --include_imports writes: {error}") from error
        try:
            return cls(message_factory.GetMessageClass(pool.FindMessageTypeByName(message)), pool)
        except KeyError as error:
            raise ConfigError(f"the descriptor set has no message type {message!r}") from error

    def encode(self, value: Any, _content_type: ContentType) -> bytes:
        """Return a dictionary as a message."""
        from google.protobuf import json_format
        from google.protobuf.message import EncodeError

        if not isinstance(value, dict):
            raise CodecError(f"a protobuf message is made of a dictionary, not of {type(value).__name__}")
        try:
            filled = json_format.ParseDict(value, self._class(), descriptor_pool=self._pool)
            body: bytes = filled.SerializeToString(deterministic=True)
        except (json_format.Error, EncodeError, TypeError, ValueError, RecursionError) as error:
            raise CodecError(f"cannot be encoded as {self._class.DESCRIPTOR.full_name}: {error}") from error
        return body

    def decode(self, body: bytes, _content_type: ContentType, _limits: Limits) -> dict[str, Any]:
        """Return a message as a dictionary; the library itself allows no more than 100 levels."""
        from google.protobuf import json_format
        from google.protobuf.message import DecodeError

        try:
            filled = self._class.FromString(body)
            return dict(json_format.MessageToDict(filled, preserving_proto_field_name=True, descriptor_pool=self._pool))
        except (json_format.Error, DecodeError, TypeError, ValueError, RecursionError) as error:
            raise CodecError(f"not a valid {self._class.DESCRIPTOR.full_name}: {error}") from error
