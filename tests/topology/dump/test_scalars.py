"""Single values as YAML: plain where nobody can misread them, exact everywhere."""

from __future__ import annotations

from datetime import datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.cli.sanitize import clean_text
from amqptool.topology import Topology
from amqptool.topology.dump.scalars import scalar, text

#: Half a surrogate pair is no character, and `${` is another text in a topology file.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(
    lambda value: "${" not in value and value != "k"
)
words = st.sampled_from(
    ["no", "On", "y", "010", "1e3", "0x1F", "12:30", "1_000", ".5", ".inf", "~", "null", "2024-01-01"]
)
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.decimals(-(10**9), 10**9, places=6).map(float)


@pytest.mark.parametrize(
    "value",
    [
        *("incoming", "publish.*", "jobs.#", ".error", "^amq\\.", "30s", "64MiB", "7D", "/", "größe"),
        *("with space", "a - b", "x-match", "a#b", "$share", "_", "ключ"),
    ],
)
def test_plain(value: str) -> None:
    """Names, keys, patterns, durations and sizes need no quotes."""
    assert text(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("", "#", "*.error", "no", "Yes", "y", "n", "null", "~", "true", "5", "-5", "1.5", ".5", "010", "0x1F", "1e3"),
        *(
            "12:30",
            "1_000",
            "2024-01-01",
            ".inf",
            "<<",
            "=",
            "...",
            "---",
            "- a",
            "a: b",
            "a:b",
            "a #b",
            " a",
            "a ",
            "a  b",
        ),
        *("a,b", "a?b", "[a]", "{a}", "&a", "!a", "|", ">", "%a", "@a", "`a`", "'a'", "?"),
    ],
)
def test_quoted(value: str) -> None:
    """What some reader of YAML takes for something else, or cannot read, stands in quotes."""
    assert text(value) == f'"{value}"'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('say "hi" \\ back', '"say \\"hi\\" \\\\ back"'),
        ("tab\tline\n", '"tab\\tline\\n"'),
        ("\x1b[0m\x7f\x85", '"\\x1b[0m\\x7f\\x85"'),
        ("\u202egnp", '"\\u202egnp"'),
        ("\U000e0001", '"\\U000e0001"'),
        ("☃ 雪", '"☃ 雪"'),
    ],
)
def test_escapes(value: str, written: str) -> None:
    """What people can read stays as it is, and what a terminal would act on is escaped."""
    assert text(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (1e16, "10000000000000000.0"),
        (2.5e-7, "0.00000025"),
        (-0.0, "-0.0"),
        ("1", '"1"'),
    ],
)
def test_types(value: object, written: str) -> None:
    """1 is not true, not 1.0 and not "1"; numbers have no exponent."""
    assert scalar(value) == written


@pytest.mark.parametrize("value", [b"x", datetime(2024, 1, 1), float("nan"), float("inf")])
def test_what_a_file_cannot_hold(value: object) -> None:
    """Types of AMQP's that no topology file has are refused."""
    with pytest.raises(TypeError, match="has no form"):
        scalar(value)


def read(written: str) -> object:
    """Return a value as our own reader finds it, which refuses what others may understand differently."""
    queue = Topology.parse(f"queues: {{q: {{arguments: {{x-zz: {written}}}}}}}").queues[0]
    return queue.arguments["x-zz"]


@settings(deadline=None, max_examples=300)
@given(texts | words)
def test_every_reader_reads_the_same_text(value: str) -> None:
    """PyYAML (YAML 1.1) and our own reader find the text that was written, as a key and as a value."""
    written = f"{{{text(value)}: {text(value)}, k: [{text(value)}]}}"
    assert yaml.safe_load(written) == {value: value, "k": [value]}
    assert read(written) == {value: value, "k": [value]}


@settings(deadline=None)
@given(texts | words)
def test_nothing_is_left_for_the_sanitizer(value: str) -> None:
    """What goes to a terminal is sanitized, which must not change a document."""
    assert clean_text(text(value)) == text(value)


@settings(deadline=None)
@given(numbers)
def test_numbers_are_exact(value: float) -> None:
    """A number is read as the same number of the same type."""
    found = read(scalar(value))
    assert (type(found), found) == (type(value), value)
