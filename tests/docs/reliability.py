"""What a release has shown, of which the lines are kept beside this."""

from __future__ import annotations

from pathlib import Path

from tests.faults.release.parts import PARTS
from tests.faults.release.report import Report

REPORT = Path(__file__).parents[1] / "faults" / "release" / "report.jsonl"


def reliability() -> str:
    """Return the table of what was shown, without the details."""
    figures = [figure for figure in Report(REPORT, PARTS).summary() if not figure.is_detail]
    rows = [f"| {figure.what} | {figure.wanted or '-'} | {figure.found} |" for figure in figures]
    return "\n".join(["| | wanted | found |", "|---|---|---|", *rows]) + "\n"
