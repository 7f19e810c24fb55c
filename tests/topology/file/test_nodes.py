"""The schema of scalars: what a text without quotes stands for."""

from __future__ import annotations

import pytest

from amqptool.topology.file.nodes import Surprise, resolve, surprise


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-5", -5),
        ("259200000", 259_200_000),
        ("9223372036854775807", 2**63 - 1),
        ("1.5", 1.5),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    """Booleans, null and decimal numbers are what they look like."""
    assert (type(resolve(text)), resolve(text)) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "on",
        "yes",
        "True",
        "010",
        "0x1F",
        "1_000",
        "1e3",
        ".nan",
        "12:30:45",
        "2024-01-01",
        "-",
        "9" * 5000,
        "9223372036854775808",
    ],
)
def test_everything_else_is_text(text: str) -> None:
    """What YAML 1.1 or 1.2 would guess at is text, never another value in silence."""
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "kind", "plain"),
    [
        ("no", "boolean", "false"),
        ("On", "boolean", "true"),
        ("TRUE", "boolean", "true"),
        ("Null", "null", "null"),
        ("010", "number", "10"),
        ("0x1F", "number", "31"),
        ("0o17", "number", "15"),
        ("1_000", "number", "1000"),
        ("1e3", "number", "1000"),
        (".5", "number", "0.5"),
        (".nan", "number", None),
        ("-.inf", "number", None),
        ("9" * 5000, "number", None),
        ("9223372036854775808", "number", None),
        ("12:30", "time", None),
        ("190:20:30.15", "time", None),
        ("2024-01-01", "time", None),
        ("2024-1-1 12:30:45.5 -5", "time", None),
        ("2024-01-01T12:30:45Z", "time", None),
    ],
)
def test_surprises(text: str, kind: str, plain: str | None) -> None:
    """Text that another reader takes for a value is known, with the plain way to write that value."""
    assert surprise(text) == Surprise(kind, plain)


@pytest.mark.parametrize("text", ["topic", "publish.*", "12:75", "a:1", "2024-01", "1-2-3", "127.0.0.1", "nobody", "y"])
def test_no_surprise(text: str) -> None:
    """Ordinary text is text for everybody who matters."""
    assert surprise(text) is None
