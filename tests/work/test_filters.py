"""Conditions on messages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amqptool import InputError, Message
from amqptool.work.filters import Condition


def holds(expression: str, **fields: Any) -> bool:
    """Apply a condition to a message with these fields."""
    return Condition.parse(expression).holds(Message(body=b"", **fields))


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("publish.*", "publish.web", True),
        ("publish.*", "publish.web.fast", False),
        ("publish.#", "publish.web.fast", True),
        ("publish.#", "publish", True),
        ("#.fast", "publish.web.fast", True),
        ("pub*", "publish", False),
        ("", "", True),
        ("", "publish", False),
    ],
)
def test_a_routing_key_is_compared_as_a_topic_exchange_does(pattern: str, key: str, expected: bool) -> None:
    """`*` is one word, `#` any number of words."""
    assert holds(f"routing_key={pattern}", routing_key=key) is expected
    assert holds(f"routing_key!={pattern}", routing_key=key) is not expected


@pytest.mark.parametrize("field", ["exchange", "type", "message_id", "app_id", "correlation_id"])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("shop-eu.1", True),
        ("shop*", True),
        ("*.1", True),
        ("s*eu*1", True),
        ("*", True),
        ("shop", False),
        ("*.2", False),
        ("shop-eu.1*1", False),
        ("shop-eu?1", False),
        ("SHOP*", False),
        ("", False),
    ],
)
def test_texts_are_compared_with_stars_for_any_characters(field: str, pattern: str, expected: bool) -> None:
    """Every character but `*` stands for itself."""
    assert holds(f"{field}={pattern}", **{field: "shop-eu.1"}) is expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a=b", "a=b"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (-0.5, "-0.5"),
        (Decimal("1.50"), "1.50"),
        (b"raw", "raw"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ([{"count": 1}], "*"),
        (None, "*"),
    ],
)
def test_headers_are_compared_by_their_text(value: Any, text: str) -> None:
    """Whatever its type, a header equals the text that a person would write for it."""
    assert holds(f"header.h={text}", headers={"h": value})
    assert not holds(f"header.h={text}-", headers={"h": value})


def test_what_is_absent_equals_nothing() -> None:
    """`=*` asks whether something is there, `!=*` whether it is not."""
    assert not holds("type=*")
    assert holds("type!=*")
    assert not holds("header.h=*", headers={"other": 1})
    assert holds("header.h!=1", headers={"other": 1})


def test_the_name_of_a_header_may_have_dots_and_exclamation_marks() -> None:
    """The first equals sign ends it, with the exclamation mark right before."""
    assert holds("header.a.b!c=1", headers={"a.b!c": 1})
    assert holds("header.a.b!c!=2", headers={"a.b!c": 1})


@pytest.mark.parametrize(
    "expression", ["", "type", "=x", "!=x", "types=x", "header=x", "header.=x", "body=x", "type =x"]
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    """The text says what is to be written."""
    with pytest.raises(InputError, match=r"write FIELD=VALUE|known are routing_key, exchange"):
        Condition.parse(expression)


@given(st.lists(st.text("ab*", max_size=3), min_size=1, max_size=4), st.text("ab", max_size=12))
def test_stars_mean_what_they_mean_in_a_regular_expression(parts: list[str], text: str) -> None:
    """A reference that is slow and obvious agrees."""
    pattern = "*".join(parts)
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert holds(f"type={pattern}", type=text) is expected
