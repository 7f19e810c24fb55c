"""The examples with which the help of each command ends."""

from __future__ import annotations

from textwrap import indent
from typing import TypeAlias

#: What it is for, and a command line, which may have several lines. One that is to fail says `(exit code N)`.
Example: TypeAlias = tuple[str, str]


def examples(first: Example, second: Example) -> str:
    """Return the epilog of a command; tests/docs/test_examples.py runs what it shows."""
    shown = (indent(f"# {purpose}\n{command}", "  ") for purpose, command in (first, second))
    return "Examples:\n" + "\n\n".join(shown)
