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
_IDS = re.compile(r"[A-G]\d+(?:(?:, | to )[A-G]\d+)*: ")


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
def docstrings_in(file: str) -> dict[str, str]:
    """Return the tests of a file with their docstrings, as they stand in its text."""
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    functions = [each for each in tree.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {each.name: ast.get_docstring(each) or "" for each in functions if each.name.startswith("test_")}


ROWS = read_rows(CATALOGUE.read_text())


def test_each_fault_has_a_row() -> None:
    """All of them, once and in order."""
    assert [row.id for row in ROWS] == [
        f"{section}{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_a_row_names_is_there(row: Row) -> None:
    """Each of its tests, in the file that it names; a row without any says why."""
    assert [f"{file}::{name}" for file, name in row.tests if name not in docstrings_in(file)] == []
    assert row.tests or row.remark
    assert "::" not in row.remark, "no test is written so"


def test_a_test_stands_in_the_rows_that_it_names() -> None:
    """As some do at the beginning of their docstrings."""
    rows = {row.id: row.tests for row in ROWS}
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py")]
    strays = [
        f"{row}: {file}::{name}"
        for file in files
        for name, text in docstrings_in(file).items()
        if (rows_named := _IDS.match(text)) is not None
        for row in re.findall(r"[A-G]\d+", rows_named[0])
        if (file, name) not in rows[row]
    ]
    assert strays == []


def test_most_faults_are_shown_by_tests() -> None:
    """A reason is for what nobody can make happen here."""
    assert sum(bool(row.tests) for row in ROWS) >= SHOWN_AT_LEAST
