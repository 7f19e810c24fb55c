"""What became of an input, as people and scripts read it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from amqptool.cli.exits import publish_code
from amqptool.cli.output import View, describe, error_fields
from amqptool.errors import PublishError

if TYPE_CHECKING:
    from amqptool.cli.publishing import Job
    from amqptool.cli.running import Stop
    from amqptool.message import Message
    from amqptool.publish.outcome import Confirmed
    from amqptool.publish.report import Report

#: How many failures are told; the JSON document lists more.
_TOLD_FAILURES = 10
_WORDS = {
    "Unroutable": "unroutable",
    "Nacked": "nacked",
    "InDoubt": "in doubt",
    "PublishError": "not sent",
    "BrokerUnavailable": "not sent",
    "NotFound": "not found",
    "InputError": "not acceptable",
    "AccessRefused": "refused",
}
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def view(report: Report, job: Job, stop: Stop) -> View:
    """Return a report as text, document and exit code."""
    one = None if job.is_bulk else report.last
    return View(
        kind="publish",
        document={**_document(report, job), **(_one_document(one) if one else {})},
        data=(one.message.message_id or "") if one and not job.keeps_stdout else "",
        errors=_errors(report, job),
        talk="\n".join(_talk(report, job)),
        detail=f"confirmed in {one.seconds * 1000:.0f} ms" if one else "",
        code=publish_code(report, stop.code),
    )


def _document(report: Report, job: Job) -> dict[str, Any]:
    return {
        "confirmed": report.confirmed,
        "failed": report.failed.total(),
        "failures_by_error": dict(report.failed),
        "failures": [{**_names(failed.message), **error_fields(failed.error)} for failed in report.failures],
        "invalid": report.bad,
        "invalid_items": [error_fields(error) for error in report.bad_items],
        "interrupted": report.interrupted,
        **error_fields(report.stopped_by),
        "seconds": report.seconds,
        "per_second": _rate(report),
        "confirm_latency_seconds": _latencies(report),
        **_run_document(job),
    }


def _run_document(job: Job) -> dict[str, Any]:
    if job.receipts is None:
        return {}
    return {"run": str(job.receipts.run.id), "confirmed_before": job.receipts.confirmed_before}


def _one_document(confirmed: Confirmed) -> dict[str, Any]:
    return {**_names(confirmed.message), "confirm_seconds": confirmed.seconds}


def _names(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
    }


def _rate(report: Report) -> float:
    return report.confirmed / report.seconds if report.seconds else 0.0


def _latencies(report: Report) -> dict[str, float]:
    """Return the seconds that confirms took: three quantiles and the longest."""
    quantiles = {name: report.latencies.quantile(share) for name, share in _QUANTILES.items()}
    return {**quantiles, "max": report.latencies.longest}


def _errors(report: Report, job: Job) -> tuple[str, ...]:
    # What was never sent is counted in the summary; why is what ended the input.
    sent = [failed for failed in report.failures if type(failed.error) is not PublishError]
    lines = [f"{_place(failed.message, job)}{failed.error}" for failed in sent]
    lines += [describe(error) for error in report.bad_items if error is not report.stopped_by]
    failures = report.failed.total() - report.failed[PublishError.__name__]
    untold = failures + report.bad - (report.stopped_by in report.bad_items) - _TOLD_FAILURES
    lines = lines[:_TOLD_FAILURES]
    if untold > 0:
        lines.append(f"… and {untold:,} more")
    told = [failed.error for failed in sent[:_TOLD_FAILURES]]
    if report.stopped_by is not None and report.stopped_by not in told:
        lines.append(describe(report.stopped_by))
    return tuple(lines)


def _place(message: Message, job: Job) -> str:
    """Return which message it is, and where it is in an input of many."""
    from amqptool.publish.making import SourcedMessage

    name = f"{message.message_id or 'a message without an id'}: "
    if job.is_bulk and isinstance(message, SourcedMessage):
        return f"{job.source.place(message.number)}: {name}"
    return name


def _talk(report: Report, job: Job) -> list[str]:
    nothing_done = not report.confirmed and not report.failed and not report.bad
    if report.stopped_by is not None and nothing_done:
        return []  # the error says it all
    if not (job.is_bulk or report.interrupted):
        return []
    lines = [_summary(report, job)]
    if report.confirmed:
        shown = [f"{name} {_milliseconds(seconds)}" for name, seconds in _latencies(report).items()]
        lines.append(f"confirms took {', '.join(shown)}")
    if job.receipts is not None and not job.keeps_stdout and not job.source.is_stream and _is_unfinished(report):
        lines.append("the same command with --resume goes on: it sends what was not confirmed, with the same ids")
    return lines


def _summary(report: Report, job: Job) -> str:
    parts = [f"{report.confirmed:,} confirmed in {report.seconds:.1f} s ({_rate(report):,.0f}/s)"]
    failed: Counter[str] = Counter()
    for name, count in sorted(report.failed.items()):
        failed[_WORDS.get(name, name)] += count
    parts += [f"{count:,} {words}" for words, count in failed.items()]
    if report.bad:
        parts.append(f"{report.bad:,} invalid")
    if job.receipts is not None and job.receipts.confirmed_before:
        parts.append(f"{job.receipts.confirmed_before:,} confirmed before")
    return ", ".join(parts)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def _is_unfinished(report: Report) -> bool:
    return report.interrupted or report.stopped_by is not None or bool(report.failed)
