"""Foreign text on its way to a terminal: nothing survives that would move a cursor or forge a line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amqptool.cli.sanitize import clean_body, clean_line, clean_text, without_passwords
from tests.support.terminal import acting

EVERY_CHARACTER = "".join(map(chr, range(0x110000)))
NASTY = st.text(st.characters() | st.characters(categories=["Cc", "Cs", "Cf", "Zl", "Zp"]))


def test_no_dangerous_character_survives_in_a_line() -> None:
    """Of all characters of Unicode, no control, line break, bidi control or surrogate survives."""
    cleaned = clean_line(EVERY_CHARACTER)
    assert acting(cleaned) == set()
    assert not {"\n", "\t"} & set(cleaned)


def test_a_text_keeps_only_line_breaks_and_tabs() -> None:
    """In text of several lines, line feeds and tabs are the only controls that survive."""
    cleaned = clean_text(EVERY_CHARACTER)
    assert acting(cleaned) == set()
    assert {"\n", "\t"} <= set(cleaned)


def test_all_other_characters_stay() -> None:
    """Whatever is harmless is shown as it is, in every script."""
    harmless = "".join(sorted(set(EVERY_CHARACTER) - acting(EVERY_CHARACTER) - {"\n", "\t"}))

    assert clean_line(harmless) == harmless
    assert clean_text(harmless) == harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb", r"a\x0db"),
        ("\x00\x7f", r"\x00\x7f"),
        ("file\u202etxt.exe", r"file\u202etxt.exe"),
        ("\u2066\u2069\u200f", r"\u2066\u2069\u200f"),
        ("one\u2028two", r"one\u2028two"),
        ("\udc80", r"\udc80"),
        ("[/b] :smiley: [link=x]", "[/b] :smiley: [link=x]"),
        ("čaj 茶 🍵 \u200d", "čaj 茶 🍵 \u200d"),
    ],
)
def test_what_is_dangerous_is_shown_as_an_escape(text: str, shown: str) -> None:
    """A dangerous character is not dropped but shown, so that the reader knows it was there."""
    assert clean_line(text) == shown
    assert clean_text(text) == shown


def test_a_line_stays_one_line() -> None:
    """Line breaks and tabs in a line are escaped, so a body cannot forge a log record."""
    assert clean_line("a\nINFO fake\tb\r\n") == r"a\x0aINFO fake\x09b\x0d\x0a"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ""),
        ("čaj\n".encode(), "čaj\n"),
        (b"\xff\x00\x9b", r"\xff\x00\x9b"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        ("\u202e\x9b".encode(), r"\u202e\x9b"),
    ],
)
def test_a_body_is_shown_as_text_and_escapes(body: bytes, shown: str) -> None:
    """Bytes that are no UTF-8 show as escapes next to the text around them."""
    assert clean_body(body) == shown


@settings(deadline=None)
@given(body=st.binary())
@example(body=b"\xc2\x9b1m")
def test_no_body_is_dangerous(body: bytes) -> None:
    """Any bytes at all can be shown."""
    assert acting(clean_body(body)) == set()


@pytest.mark.parametrize("clean", [clean_line, clean_text])
@settings(deadline=None)
@given(text=NASTY)
def test_cleaning_twice_changes_nothing(clean: Callable[[str], str], text: str) -> None:
    """What is clean stays as it is, so text may pass through more than once."""
    assert clean(clean(text)) == clean(text)


@settings(deadline=None)
@given(text=NASTY.filter(lambda text: "\\" not in text))
def test_escapes_can_be_read_back(text: str) -> None:
    """Each escape is the character's own code, so nothing of a text without backslashes is lost."""
    shown = clean_line(text)

    assert re.sub(r"\\x(..)|\\u(....)", lambda match: chr(int(match[1] or match[2], 16)), shown) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no command 'amqp://ann:pw@host/v'", "no command 'amqp://***@host/v'"),
        ("amqp:/ann:p/#?@%@host: absent", "amqp:/***@host: absent"),
        ("redis://:pw@a, postgresql://u:p@b/c", "redis://***@a, postgresql://***@b/c"),
        ("--ulr=amqp://ann:s3/c#r@e?t:%@host is no option", "--ulr=amqp://***@host is no option"),
        ("no rule '--ulr=amqp://ann:s3cr…'; more", "no rule '--ulr=amqp://***…'; more"),
        (r'"no rule \'amqp://ann:s3cr\u2026\'"', r'"no rule \'amqp://***\u2026\'"'),
        ("amqp://ann:s3cret@one/…", "amqp://***@one/…"),
        ("amqp://a:s3cret@one,amqp://b:s3cret@two", "amqp://***@two"),
        ("it is amqp://user:password@host", "it is amqp://user:password@host"),
        ("amqp://ann:password@is@host", "amqp://***@host"),
        ('{"url":"https://a/b","time":"10:00","to":"x@y.z"}', '{"url":"https://a/b","time":"10:00","to":"x@y.z"}'),
        ("postgresql://db/v?user=ann&password=s3cret&x=1", "postgresql://db/v?user=ann&password=***&x=1"),
        ("host=db Password=s3cret", "host=db Password=***"),
        ("it is redis://[USER:PASSWORD@]HOST", "it is redis://[USER:PASSWORD@]HOST"),
        ("http://host:80/path and ann@example.org", "http://host:80/path and ann@example.org"),
        ("https://example.com/@ann and a@b.c", "https://example.com/@ann and a@b.c"),
        ("http://127.0.0.1:15672/api", "http://127.0.0.1:15672/api"),
    ],
)
def test_a_password_in_a_url_is_hidden(text: str, shown: str) -> None:
    """However badly it is escaped; what is no user and password stays."""
    assert without_passwords(text) == shown


def test_hiding_passwords_takes_time_in_proportion() -> None:
    """A megabyte without spaces, which a pattern that looks back would never come to the end of."""
    text = "a://:" * 200_000
    assert without_passwords(text) == text
    assert without_passwords(f"{text}@") == "a://***@"
