"""The catalogue of faults has a line for each, and what it names is there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).with_name("catalogue.md")
ROOT = Path(__file__).parents[2]

#: How many faults each section of the catalogue has.
SECTIONS = {"A": 24, "B": 21, "C": 18, "D": 30, "E": 16, "F": 14, "G": 15}
#: How many of them must be shown by a test.
SHOWN_AT_LEAST = 120

_ROW = re.compile(r"\| (?P<id>[A-Z]\d+) \| (?P<fault>.+?) \| (?P<shown>.+?) \|")
_TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>\w+)`")


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: the tests that show what comes of it, and what else there is to say, such as why there is none."""

    id: str
    fault: str
    tests: tuple[tuple[str, str], ...]
    remark: str


def read_rows(text: str) -> list[Row]:
    """Read the rows of all tables, in their order."""
    found = [_ROW.fullmatch(line) for line in text.splitlines() if re.match(r"\| [A-Z]\d", line)]
    assert None not in found, "a row has three cells, its id, its fault, and what shows it"
    return [_row(match) for match in found if match is not None]


def _row(match: re.Match[str]) -> Row:
    shown = match["shown"]
    tests = tuple((test["file"], test["name"]) for test in _TEST.finditer(shown))
    return Row(match["id"], match["fault"], tests, _TEST.sub("", shown).replace("<br>", "").strip())


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of a file's tests, as they stand in its text."""
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    functions = [each for each in tree.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return frozenset(each.name for each in functions if each.name.startswith("test_"))


ROWS = read_rows(CATALOGUE.read_text())


def test_each_fault_has_a_row() -> None:
    """All of them, once and in order."""
    assert [row.id for row in ROWS] == [
        f"{section}{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_a_row_names_is_there(row: Row) -> None:
    """Each of its tests, in the file that it names; a row without any says why."""
    assert [f"{file}::{name}" for file, name in row.tests if name not in names_in(file)] == []
    assert row.tests or row.remark
    assert "::" not in row.remark, "no test is written so"


def test_most_faults_are_shown_by_tests() -> None:
    """A reason is for what nobody can make happen here."""
    assert sum(bool(row.tests) for row in ROWS) >= SHOWN_AT_LEAST
