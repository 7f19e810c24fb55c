"""Rows of text in columns, as wide as they need to be."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from amqptool.cli.sanitize import clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Between two columns.
_GAP = "  "
#: Characters of a line where there is no terminal to fit into.
_UNBOUNDED = 10_000


def in_columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), cut: bool = True) -> str:
    """Return rows below each other, the first of which are titles; columns `right` are numbers, aligned to the right.

    On a terminal the last column is cut where the line ends, unless it is to be read as a whole.
    """
    cells = [[clean_line(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths, right) for row in cells]
    return "\n".join(map(_cut, lines) if cut else lines)


def wrapped(line: str, indent: int) -> list[str]:
    """Return a line as lines that fit into the terminal, if there is one, of which those that follow are indented."""
    return textwrap.wrap(line, _width(), subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    padded = [
        f"{' ' * (width - cell_len(cell))}{cell}" if column in right else f"{cell}{' ' * (width - cell_len(cell))}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return _GAP.join(padded).rstrip()


def _cut(line: str) -> str:
    return set_cell_size(line, _width() - 1).rstrip() + "…" if cell_len(line) > _width() else line


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else _UNBOUNDED
