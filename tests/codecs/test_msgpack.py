"""MessagePack bodies: no extension types, and no bombs."""

from __future__ import annotations

import subprocess
import sys

import msgpack
import pytest

from amqptool import CodecError, ConfigError, Message
from tests.support.cli import cli_environment


def decode(body: bytes, content_type: str = "application/msgpack") -> object:
    """Decode a MessagePack body."""
    return Message(body=body, content_type=content_type).decode()


@pytest.mark.parametrize("content_type", ["application/msgpack", "application/x-msgpack", "application/vnd.msgpack"])
def test_its_older_names_are_known(content_type: str) -> None:
    """Clients write one of several names."""
    assert decode(b"\x81\xa1a\xc4\x01\xff", content_type) == {"a": b"\xff"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\x91" * 100_000, "nested too deeply"),
        (b"\x91" * 201 + b"\xc0", "nested deeper than 200 levels"),
        (b"\xdd\xff\xff\xff\xff", "exceeds max_array_len"),
        ((b"\xdd" + (100_000).to_bytes(4)) * 900 + bytes(100_000), "incomplete input"),
        (b"\xc6\xff\xff\xff\xff", "incomplete input"),
        (b"\xd4\x05a", "extension type 5"),
        (b"\x91" + msgpack.packb(msgpack.Timestamp(1, 1)), "extension type -1"),
        (b"\xc7\x0c\xff" + b"\xff" * 12, "nanoseconds"),
        (b"\x82\xa1a\x01\xa1a\x02", "the key 'a' stands there twice"),
        (b"\x81\x01\x02", "int is not allowed for map key"),
        (b"\x81\xc4\x01a\x02", "keys must be text, not bytes"),
        (b"\xa1\xff", "invalid start byte"),
        (b"\xc0\xc0", "extra data"),
    ],
)
def test_what_is_no_plain_data_is_refused(body: bytes, words: str) -> None:
    """Each kind of bad input has its own words, and a few bytes never make much of themselves."""
    with pytest.raises(CodecError, match=words):
        decode(body)


def test_the_missing_library_is_named() -> None:
    """Without msgpack, the error says what to install."""
    program = "import sys; sys.modules['msgpack'] = None; from amqptool import Message; "
    for call in (
        "Message.encode(1, content_type='application/msgpack')",
        "Message(body=b'', content_type='application/msgpack').decode()",
    ):
        done = subprocess.run(
            [sys.executable, "-c", program + call], capture_output=True, text=True, env=cli_environment(), check=False
        )
        assert f"{ConfigError.__name__}: MessagePack needs a library: pip install 'amqptool[msgpack]'" in done.stderr
