"""What `amqptool tap` is asked for, and what it says in the end."""

from __future__ import annotations

from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.columns import in_columns
from amqptool.cli.exits import ExitCode, tap_code
from amqptool.cli.output import View, counted, error_fields
from amqptool.cli.printing import on_terminal
from amqptool.cli.sanitize import clean_line
from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amqptool.work.rates import Row
    from amqptool.work.tap import Source, TapReport
    from amqptool.work.tap_sources import Asked

#: Lines of a terminal for what is not a row of the table.
_OTHER_LINES = 5
_TITLES = ("MESSAGES", "PER SECOND", "BYTES", "EXCHANGE", "ROUTING KEY")


class AskedType(click.ParamType["Asked"]):
    """`EXCHANGE` or `EXCHANGE:KEY`."""

    name = "exchange"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Asked:
        """Read one of them."""
        from amqptool.work.tap_sources import Asked

        try:
            return Asked.parse(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)


def opening(sources: Iterable[Source]) -> str:
    """Say what is tapped, once it is."""
    names = [f"{source.exchange}:{source.routing_key}" if source.routing_key else source.exchange for source in sources]
    return f"tapping {clean_line(', '.join(names))}"


def summary(report: TapReport, verb: str, missed: int = 0) -> str:
    """Say what came."""
    done = report.wanted - missed
    seen = f" of {report.received:,}" if report.received > done else ""
    reason = "" if report.stopped_by in ("", "stop") else f" (stopped by --{report.stopped_by})"
    return f"{done:,} {verb}{seen} in {report.seconds:,.1f} s{reason}"


def complaints(report: TapReport, missed: int = 0) -> tuple[str, ...]:
    """Say what did not come."""
    lines = []
    if missed:
        lines.append(f"{counted(missed, 'message')} missed: they came faster than they were written")
    if report.overflowed:
        lines.append("messages may be missing, nobody knows how many: they came faster than they were taken in")
    if report.undecodable:
        lines.append(f"{counted(report.undecodable, 'message')} could not be decoded, and passed over")
    return tuple(lines)


def lost(report: TapReport) -> tuple[str, ...]:
    """Say that the connection was lost, if it was."""
    return () if report.lost is None else (f"the tap ended with its connection: {report.lost}",)


def top_view(report: TapReport, rows: Sequence[Row], signal_code: ExitCode | None) -> View:
    """Return what went by which exchange and key."""
    own = [row for row in rows if row.exchange is not None]
    others = next((row for row in rows if row.exchange is None), None)
    return View(
        kind="tap",
        document={
            "received": report.received,
            "bytes": report.received_bytes,
            "counted": report.wanted,
            "undecodable": report.undecodable,
            "overflowed": report.overflowed,
            "seconds": report.seconds,
            "stopped_by": report.stopped_by,
            **error_fields(report.lost),
            "rates": [_document(row, report.seconds) for row in own],
            "others": None if others is None else _document(others, report.seconds),
        },
        data=_fitting_table([(row, _per_second(row, report.seconds)) for row in rows]) if rows else "",
        errors=(*complaints(report), *lost(report)),
        talk=summary(report, "counted"),
        code=tap_code(report, 0, signal_code),
    )


def top_table(rows: Iterable[tuple[Row, float]]) -> str:
    """Return rows and their rates as a table."""
    cells = [(f"{row.messages:,}", f"{rate:,.1f}", f"{row.bytes:,}", *_names(row)) for row, rate in rows]
    return in_columns([_TITLES, *cells], right=(0, 1, 2))


def _fitting_table(rows: Sequence[tuple[Row, float]]) -> str:
    """Return the whole table, or on a terminal as much of it as can be seen with what is said below it."""
    most = max(1, get_terminal_size().lines - _OTHER_LINES) if on_terminal() else len(rows)
    left_out = f"\n… and {len(rows) - most:,} more" if len(rows) > most else ""
    return f"{top_table(rows[:most])}{left_out}"


def _names(row: Row) -> tuple[str, str]:
    if row.exchange is None:
        return "(others)", ""
    return row.exchange or "(default exchange)", row.routing_key or ""


def _per_second(row: Row, seconds: float) -> float:
    return row.messages / seconds if seconds else 0.0


def _document(row: Row, seconds: float) -> dict[str, Any]:
    return row._asdict() | {"per_second": _per_second(row, seconds)}
