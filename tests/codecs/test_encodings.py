"""Content encodings: gzip where it pays, and never a bomb."""

from __future__ import annotations

import gzip
import random
import resource
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool import CodecError, Limits, Message
from amqptool.codecs.encodings import Compress, compress

RANDOM = random.Random(7)
MIB = 1024 * 1024


def decode(body: bytes, content_encoding: str | None = "gzip", limits: Limits | None = None) -> object:
    """Decode a body of bytes."""
    return Message(body=body, content_encoding=content_encoding).decode(limits=limits)


@settings(deadline=None)
@given(body=st.binary(max_size=5000), when=st.sampled_from(["auto", "always", "never"]))
def test_a_body_comes_back_as_it_was(body: bytes, when: Compress) -> None:
    """However it went out."""
    message = Message.encode(body, content_type="application/octet-stream", compress=when)

    assert message.decode() == body
    assert (message.content_encoding == "gzip") == (message.body != body)


@pytest.mark.parametrize(
    ("body", "compressed"),
    [
        (b"", False),
        (bytes(1023), False),
        (bytes(1024), True),
        (RANDOM.randbytes(100_000), False),
        (RANDOM.randbytes(90_000) + bytes(9_000), False),
        (RANDOM.randbytes(80_000) + bytes(20_000), True),
        (bytes(MIB), True),
        (bytes(2 * MIB), False),
    ],
)
def test_auto_compresses_what_pays(body: bytes, compressed: bool) -> None:
    """From 1 KiB on, if a tenth is gained, and only what `decode` then takes."""
    assert (compress(body, "auto")[1] == "gzip") == compressed


def test_always_compresses_everything() -> None:
    """Also what grows."""
    body, content_encoding = compress(b"x", "always")

    assert (gzip.decompress(body), content_encoding) == (b"x", "gzip")


def test_the_same_body_gives_the_same_bytes() -> None:
    """No name and no time goes in (RFC 1952: MTIME is zero)."""
    body, _ = compress(b"tea", "always")

    assert body[4:8] == bytes(4)
    assert zlib.decompress(body, 31) == b"tea"


@pytest.mark.parametrize(
    "content_encoding", [None, "", "identity", "binary", "utf-8", "UTF-8", "us-ascii", "identity, identity"]
)
def test_a_body_to_which_nothing_was_done_is_taken_as_it_is(content_encoding: str | None) -> None:
    """kombu names a charset as content encoding, in every message."""
    assert decode(b"\x1f\x8b", content_encoding) == b"\x1f\x8b"


@pytest.mark.parametrize("content_encoding", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
def test_gzip_has_several_names(content_encoding: str) -> None:
    """As HTTP has them."""
    assert decode(gzip.compress(b"tea"), content_encoding) == b"tea"


@pytest.mark.parametrize(
    ("content_encoding", "words"),
    [
        ("br", "unknown content encoding 'br'"),
        ("gzip, gzip", "more than one is not undone"),
        ("gzip,identity,x-gzip", "more than one is not undone"),
        ("latin-1", "unknown content encoding 'latin-1'"),
    ],
)
def test_what_cannot_be_undone_is_refused(content_encoding: str, words: str) -> None:
    """Nothing is guessed, and nothing is undone twice."""
    with pytest.raises(CodecError, match=words):
        decode(b"x", content_encoding)


GOOD = gzip.compress(b"tea" * 100, mtime=0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cut off"),
        (b"tea", "not valid gzip"),
        (GOOD[:-1], "cut off"),
        (GOOD[:15], "cut off"),
        (GOOD + b"x", "something follows its end"),
        (GOOD + GOOD, "something follows its end"),
        (GOOD[:-5] + b"\0" + GOOD[-4:], "not valid gzip"),
        (zlib.compress(b"tea"), "not valid gzip"),
    ],
)
def test_what_is_no_whole_gzip_is_refused(body: bytes, words: str) -> None:
    """Cut off, damaged, or followed by anything: the body is not what was sent."""
    with pytest.raises(CodecError, match=words):
        decode(body)


def bomb(size: int) -> bytes:
    """Compress that many zeros, a MiB at a time."""
    deflate = zlib.compressobj(1, wbits=31)
    return b"".join(deflate.compress(bytes(MIB)) for _ in range(size // MIB)) + deflate.flush()


def test_a_bomb_stops_at_the_ratio() -> None:
    """A few KB that would be 128 MiB are not expanded beyond 200 times their size."""
    packed = bomb(128 * MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CodecError, match=rf"gzip of {len(packed):,} bytes holds more than the [0-9,]+ that"):
        decode(packed)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200


@pytest.mark.parametrize(
    ("size", "limits", "words"),
    [
        (2 * MIB, Limits(max_ratio=100), "more than the 1,048,576 that"),
        (64 * MIB, Limits(max_ratio=10_000), None),
        (65 * MIB, Limits(max_ratio=10_000), "more than the 67,108,864 that"),
        (2 * MIB, Limits(max_ratio=2_000), None),
        (MIB, Limits(), None),
        (MIB, Limits(max_size=MIB - 1), "more than the 1,048,575 that"),
    ],
)
def test_the_limits_hold_to_the_byte(size: int, limits: Limits, words: str | None) -> None:
    """The size counts always, the ratio beyond the first MiB, and both can be set."""
    if words is None:
        assert decode(bomb(size), limits=limits) == bytes(size)
    else:
        with pytest.raises(CodecError, match=words):
            decode(bomb(size), limits=limits)
