"""Headers as they are written on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
import pytest
from click.testing import CliRunner

from amqptool.cli.fields import HeaderType, as_headers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("key=text", ("key", "text")),
        ("key=", ("key", "")),
        ("key=5", ("key", "5")),
        ("key=true", ("key", "true")),
        ("key=a=b:=c", ("key", "a=b:=c")),
        ("a key=a text", ("a key", "a text")),
        ("x:y=1", ("x:y", "1")),
        ("key:=5", ("key", 5)),
        ("key:=-1.5", ("key", -1.5)),
        ("key:=true", ("key", True)),
        ("key:=null", ("key", None)),
        ('key:="5"', ("key", "5")),
        ("key:= [1, [2]] ", ("key", [1, [2]])),
        ('key:={"a": {"b": 1}}', ("key", {"a": {"b": 1}})),
        ("key::=1", ("key:", 1)),
        ('key:={"$bytes": "/w=="}', ("key", b"\xff")),
        ('key:={"$decimal": "1.50"}', ("key", Decimal("1.50"))),
        ('key:={"$timestamp": 0}', ("key", datetime(1970, 1, 1, tzinfo=UTC))),
        ('key:={"$table": {"$bytes": ""}}', ("key", {"$bytes": ""})),
    ],
)
def test_a_header_is_text_or_json(written: str, expected: tuple[str, Any]) -> None:
    """After `=` comes text as it stands, after `:=` JSON with the tags of a record."""
    converted = HeaderType().convert(written, None, None)

    assert repr(converted) == repr(expected)


def test_a_converted_header_passes() -> None:
    """Click converts defaults twice: a header that is one already stays."""
    assert HeaderType().convert(("key", 5), None, None) == ("key", 5)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "write key=text, or key:=json"),
        ("key", "write key=text, or key:=json"),
        ("=text", "write key=text, or key:=json"),
        (":=5", "write key=text, or key:=json"),
        ("key:=", "is not JSON; after ':=' comes JSON"),
        ("key:=text", "'text' is not JSON; after ':=' comes JSON"),
        ("key:={", "is not JSON; after ':=' comes JSON"),
        ("key:=" + "[" * 100_000, "is not JSON; after ':=' comes JSON"),
        ('key:={"$bytes": "&"}', "'$bytes' is not valid base64"),
        ('key:={"$what": 1}', "unknown type '$what' in a header"),
    ],
)
def test_a_malformed_header_is_a_usage_error(written: str, words: str) -> None:
    """What is no header is a usage error that shows how to write one."""
    with pytest.raises(click.BadParameter) as caught:
        HeaderType().convert(written, None, None)

    assert words in caught.value.message


def test_the_last_of_equal_headers_counts() -> None:
    """A header that is given twice counts as it was given last."""
    assert as_headers([("a", 1), ("b", 2), ("a", 3)]) == {"a": 3, "b": 2}


def test_headers_arrive_in_a_command() -> None:
    """As the type of a repeated option, it hands over each header in the order given."""

    @click.command()
    @click.option("-H", "--header", "headers", type=HeaderType(), multiple=True)
    def command(headers: tuple[tuple[str, Any], ...]) -> None:
        click.echo(repr(headers))

    result = CliRunner().invoke(command, ["-H", "a=1", "-H", "b:=2"])

    assert result.output == "(('a', '1'), ('b', 2))\n"
