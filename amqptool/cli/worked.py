"""What a worker did, in words: its counts while it runs, and its summary."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from amqptool.cli.output import counted

if TYPE_CHECKING:
    from amqptool.work.look import LookReport
    from amqptool.work.report import WorkReport


def summary(report: WorkReport, verb: str) -> str:
    """Return what became of the messages; `verb` is what success is called."""
    done = f"{report.handled:,} {verb} in {report.seconds:,.1f} s ({per_second(report):,.0f}/s)"
    reason = [] if report.stopped_by in ("", "stop") else [f"stopped by --{report.stopped_by}"]
    return ", ".join([done, *counts(report), *reason])


def document(report: WorkReport | LookReport) -> dict[str, Any]:
    """Return the same for programs."""
    return asdict(report) | {"per_second": per_second(report)}


def per_second(report: WorkReport | LookReport) -> float:
    """Return how many messages were handled in a second, on average."""
    return report.handled / report.seconds if report.seconds else 0.0


def counts(report: WorkReport) -> list[str]:
    """Return, of all that is not a success, what there was any of."""
    failed = f" ({report.failed:,} of them failed)" if report.failed else ""
    parts = [
        (report.without_id, f"{report.without_id:,} without a UUID"),
        (report.duplicates, counted(report.duplicates, "duplicate")),
        (report.retried, f"{report.retried:,} retried"),
        (report.dead, counted(report.dead, "dead letter")),
        (report.failed_attempts, counted(report.failed_attempts, "failed attempt")),
        (report.returned, f"{report.returned:,} given back{failed}"),
        (report.undecodable, f"{report.undecodable:,} not decodable"),
        (report.abandoned, f"{report.abandoned:,} left unfinished"),
        (report.reconnects, counted(report.reconnects, "reconnect")),
        (report.restarts, f"{counted(report.restarts, 'restart')} of a process"),
    ]
    return [text for number, text in parts if number]
