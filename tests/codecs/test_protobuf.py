"""Protocol Buffers bodies, by a compiled schema."""

from __future__ import annotations

import subprocess
import sys

import pytest

from amqptool import CodecError, ConfigError, Message, ProtobufCodec
from tests.support.cli import cli_environment
from tests.support.schema import ORDER, compiled


@pytest.fixture(scope="module")
def codec() -> ProtobufCodec:
    """Return a codec for the order of a shop."""
    return ProtobufCodec.from_descriptor(compiled(), ORDER)


def test_values_have_the_forms_of_the_json_mapping(codec: ProtobufCodec) -> None:
    """64-bit integers are text, bytes base64, timestamps RFC 3339; field names are the schema's."""
    order = {"name": "tea", "large": "9007199254740993", "image": "/w==", "at": "2026-01-01T00:00:00Z"}
    message = Message.encode(order, codec=codec)

    assert message.content_type == "application/x-protobuf"
    assert message.body.startswith(b"\x0a\x03tea\x18")
    assert message.decode(codec=codec) == order


def test_a_schema_makes_the_same_bytes_every_time(codec: ProtobufCodec) -> None:
    """An id made of the body is the same for the same value."""
    order = {"name": "tea", "quantity": 2}
    assert Message.encode(order, codec=codec).body == Message.encode(dict(reversed(order.items())), codec=codec).body


def test_fields_of_a_newer_schema_are_left_out(codec: ProtobufCodec) -> None:
    """A publisher may be ahead of its consumers."""
    assert Message(body=b"\x0a\x03tea\xa0\x06\x01").decode(codec=codec) == {"name": "tea"}


def test_nesting_is_bounded(codec: ProtobufCodec) -> None:
    """Orders within orders, deeper than the library allows, are a CodecError both ways."""
    body, value = b"", dict[str, object]()
    for _ in range(150):
        size = len(body)
        body = b"\x42" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + body
        value = {"parts": [value]}

    with pytest.raises(CodecError, match=r"not a valid shop\.Order"):
        Message(body=body).decode(codec=codec)
    with pytest.raises(CodecError, match=r"cannot be encoded as shop\.Order"):
        Message.encode(value, codec=codec)


@pytest.mark.parametrize(
    ("descriptor", "message", "words"),
    [
        (b"\xff", ORDER, "not a complete descriptor set"),
        (compiled(with_imports=False), ORDER, "not a complete descriptor set, as protoc --include_imports writes"),
        (b"", ORDER, "no message type 'shop.Order'"),
        (compiled(), "Order", "no message type 'Order'"),
        (compiled(), "", "no message type ''"),
    ],
)
def test_a_schema_that_does_not_fit_is_refused(descriptor: bytes, message: str, words: str) -> None:
    """The error says what is missing before any message is touched."""
    with pytest.raises(ConfigError, match=words):
        ProtobufCodec.from_descriptor(descriptor, message)


def test_without_a_schema_a_body_stays_bytes() -> None:
    """The content type alone cannot say what is in it."""
    assert Message(body=b"\x0a\x03tea", content_type="application/x-protobuf").decode() == b"\x0a\x03tea"


def test_the_missing_library_is_named() -> None:
    """Without protobuf, the error says what to install."""
    program = (
        "import sys; sys.modules['google.protobuf'] = None; "
        "from amqptool import ProtobufCodec; ProtobufCodec.from_descriptor(b'', '')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=cli_environment(), check=False
    )
    assert "ConfigError: Protocol Buffers need a library: pip install 'amqptool[protobuf]'" in done.stderr
