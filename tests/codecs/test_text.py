"""Text bodies in the charset that the content type names."""

from __future__ import annotations

import pytest

from amqptool import CodecError, Message


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", "žluť".encode()),
        ("text/plain; charset=utf-8", "žluť".encode()),
        ('TEXT/HTML;Charset="ISO-8859-2"', "žluť".encode("latin2")),
        ("text/csv; header=present; charset=windows-1250", "žluť".encode("cp1250")),
        ("text/plain; charset=UTF-16", "žluť".encode("utf-16")),
        ("text/plain; charset=", "žluť".encode()),
    ],
)
def test_text_has_the_charset_of_its_content_type(content_type: str, body: bytes) -> None:
    """Both ways; without a charset it is UTF-8."""
    assert Message(body=body, content_type=content_type).decode() == "žluť"
    assert Message.encode("žluť", content_type=content_type).body == body


@pytest.mark.parametrize(
    "charset",
    ["klingon", "zip", "rot13", "hex", "idna", "punycode", "unicode_escape", "undefined", "utf-7", "..", "x\0"],
)
def test_what_is_no_charset_is_refused(charset: str) -> None:
    """Also what Python takes for an encoding and nobody sends, such as compression."""
    with pytest.raises(CodecError, match="unknown charset"):
        Message(body=b"x", content_type=f"text/plain; charset={charset}").decode()
    with pytest.raises(CodecError, match="unknown charset"):
        Message.encode("x", content_type=f"text/plain; charset={charset}")


def test_text_that_its_charset_has_no_words_for_is_refused() -> None:
    """No character is replaced by a question mark."""
    with pytest.raises(CodecError, match="cannot be encoded as ascii"):
        Message.encode("žluť", content_type="text/plain; charset=ascii")
    with pytest.raises(CodecError, match="not valid ascii"):
        Message(body="žluť".encode(), content_type="text/plain; charset=ascii").decode()
