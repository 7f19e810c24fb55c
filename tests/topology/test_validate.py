"""A verdict on one file, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.validate import validate

if TYPE_CHECKING:
    from pathlib import Path


def test_valid_file(tmp_path: Path) -> None:
    """A valid file's verdict holds its topology."""
    path = tmp_path / "a.yaml"
    path.write_text("queues: {q: }")
    verdict = validate(str(path))
    assert (str(verdict), verdict.problems) == (f"{path}: 0 exchanges, 1 queue, 0 bindings", ())


def test_content_with_problems() -> None:
    """Content with problems has them in its verdict, and no topology."""
    verdict = validate("<stdin>", b"queues: {amq.q: , 5: }")
    assert (str(verdict), verdict.topology) == ("<stdin>: 2 problems", None)
