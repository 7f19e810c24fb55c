"""Placeholders: what they become, and that a bad one is never sent."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.publish.templates import Filling, Template, field_template

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)


def fill(text: str, count: int = 7) -> str:
    """Fill a text."""
    return Template(text).fill(Filling(count, NOW, Random(1)))


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("nothing to fill: {} }} {a}", "nothing to fill: {} }} {a}"),
        ("{{count}}", "7"),
        ("a{{ count }}b{{count}}", "a7b7"),
        ('{"a":{"n":{{count}}}}', '{"a":{"n":7}}'),
        ("{{now}}", "2026-01-02T03:04:05.678Z"),
        ("{{random 5 5}}", "5"),
        ("{{random -3 -3}}", "-3"),
        ("{{{{count}}", "{{count}}"),
        ("{{{{{{count}}", "{{7"),
    ],
)
def test_a_placeholder_becomes_its_value(text: str, filled: str) -> None:
    """Each placeholder is replaced wherever it stands; four braces are two."""
    assert fill(text) == filled


def test_each_uuid_is_a_new_one() -> None:
    """Two placeholders in one text, and one text for two messages, never give the same UUID."""
    filling = Filling(1, NOW, Random(1))
    template = Template("{{uuid}} {{uuid}}")
    found = [UUID(text) for _ in range(2) for text in template.fill(filling).split()]
    assert len(set(found)) == 4
    assert {each.version for each in found} == {4}


@settings(deadline=None)
@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 1000), st.integers())
def test_a_random_number_is_within_its_bounds(low: int, width: int, seed: int) -> None:
    """Both bounds are included, and nothing beyond."""
    high = min(low + width, 10**18 - 1)
    number = int(Template(f"{{{{random {low} {high}}}}}").fill(Filling(1, NOW, Random(seed))))
    assert low <= number <= high


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{cuont}}", "unknown placeholder '{{cuont}}'; known are {{count}}"),
        ("{{}}", "unknown placeholder"),
        ("{{count 1}}", "unknown placeholder"),
        ("{{COUNT}}", "unknown placeholder"),
        ("{{random}}", "unknown placeholder"),
        ("{{random 2 1}}", "two whole numbers, the lower one first"),
        ("{{random 1 x}}", "two whole numbers"),
        ("{{random 1 ٣}}", "two whole numbers"),
        ("{{random 1 9999999999999999999}}", "two whole numbers"),
        ("{{count", "no '}}' closes"),
        ("{{count}} and {{", "no '}}' closes"),
    ],
)
def test_a_bad_placeholder_is_refused(text: str, complaint: str) -> None:
    """What cannot be filled is an input error that says what could be."""
    with pytest.raises(InputError) as caught:
        Template(text)
    assert complaint in str(caught.value)


@settings(deadline=None)
@given(st.text(st.sampled_from("{}count 1\n\ud800é"), max_size=30))
def test_doubled_braces_stand_for_any_text(text: str) -> None:
    """Whatever a text holds, with each `{{` written twice it comes out as it was, if it can be read at all."""
    escaped = text.replace("{{", "{{{{")
    assert fill(escaped) == text


def test_a_headers_values_are_filled_at_any_depth() -> None:
    """Texts in lists and tables are filled; keys and other types stay as they are."""
    value = {"{{count}}": ["{{count}}", 1, {"a": "n={{count}}", "b": None}], "x": b"{{count}}"}
    filled = field_template(value)(Filling(7, NOW, Random(1)))  # type: ignore[arg-type]
    assert filled == {"{{count}}": ["7", 1, {"a": "n=7", "b": None}], "x": b"{{count}}"}


def test_a_bad_placeholder_in_a_header_is_refused() -> None:
    """Its depth does not hide it."""
    with pytest.raises(InputError):
        field_template({"a": ["{{nope}}"]})
