"""JSON bodies: strict, bounded, and always one CodecError when they are not what they say."""

from __future__ import annotations

import pytest

from amqptool import CodecError, Limits, Message


def decode(body: bytes, limits: Limits | None = None) -> object:
    """Decode a JSON body."""
    return Message(body=body, content_type="application/json").decode(limits=limits)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Expecting value at line 1, column 1"),
        (b'{"a": 1,\n}', "at line 2, column 1"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"1e999", "1e999 does not fit a double"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands there twice"),
        (b"9" * 5000, "Exceeds the limit"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"[" * 201 + b"]" * 201, "nested deeper than 200 levels"),
        (b'"\xff"', "invalid start byte"),
        (b'"\xed\xa0\x80"', "can't decode"),
        ("{}".encode("utf-16"), "invalid start byte"),
        (b"1 2", "Extra data at line 1, column 3"),
    ],
)
def test_what_is_no_strict_json_is_refused(body: bytes, words: str) -> None:
    """Each kind of bad input has its own words, and none is a traceback."""
    with pytest.raises(CodecError, match=words):
        decode(body)


def test_a_byte_order_mark_does_no_harm() -> None:
    """RFC 8259 lets parsers ignore it, and editors write it."""
    assert decode(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_large_integers_are_kept() -> None:
    """An integer of JSON has no width."""
    assert decode(b"9" * 4000) == int("9" * 4000)


def test_the_depth_can_be_set() -> None:
    """A reader who expects little can say so."""
    assert decode(b"[[1]]", Limits(max_depth=2)) == [[1]]
    with pytest.raises(CodecError, match="nested deeper than 2 levels"):
        decode(b"[[[]]]", Limits(max_depth=2))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_is_no_number_is_not_written(value: object) -> None:
    """NaN and infinity have no form in JSON."""
    with pytest.raises(CodecError, match="cannot be encoded as JSON: Out of range float"):
        Message.encode(value)


def test_text_is_written_as_itself() -> None:
    """UTF-8, no escapes, no spaces: as short as JSON gets."""
    assert Message.encode({"čaj": ["雪", 1]}).body == '{"čaj":["雪",1]}'.encode()
