"""Dead letters on the command line: which are meant, and how they look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from amqptool.cli.columns import in_columns
from amqptool.cli.exits import ExitCode, exit_code, tally
from amqptool.cli.looking import Where
from amqptool.cli.measures import Duration
from amqptool.cli.options import options_in, together
from amqptool.cli.output import View, error_fields
from amqptool.cli.printing import body_text, field_lines
from amqptool.cli.sanitize import clean_line
from amqptool.units import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from amqptool.dead.choice import Choice
    from amqptool.dead.groups import Group
    from amqptool.dead.letter import DeadLetter
    from amqptool.dead.replay import ReplayReport
    from amqptool.errors import AmqptoolError
    from amqptool.publish.report import Report

F = TypeVar("F", bound="Callable[..., Any]")

#: Before anything died.
_LONG_AGO = datetime.fromtimestamp(0, UTC)
#: So many failures are told; the others are counted.
_TOLD = 10
_TITLES = ("COUNT", "REASON", "DIED IN", "OLDEST", "NEWEST", "LAST ERROR")


_choosing = options_in("Which dead letters")

choice_options = together(
    _choosing("--id", "ids", multiple=True, metavar="ID", help="Only this message; may be repeated."),
    _choosing("--reason", "reasons", multiple=True, metavar="REASON", help="Only what died of this."),
    _choosing("--error", "errors", multiple=True, metavar="KIND", help="Only what failed with this kind of error."),
    _choosing("--died-in", "origins", multiple=True, metavar="QUEUE", help="Only what died in this queue."),
    _choosing("--older-than", type=Duration(), metavar="1h", help="Only what died longer ago."),
    _choosing("--newer-than", type=Duration(), metavar="1h", help="Only what has died since."),
    _choosing(
        "--where",
        type=Where(),
        multiple=True,
        metavar="FIELD=VALUE",
        help="Only what was published so; FIELD!=VALUE: was not.",
    ),
)


def choice_of(options: dict[str, Any]) -> Choice:
    """Return what the options say."""
    from amqptool.dead.choice import Choice

    now = datetime.now(UTC)
    until, since = (_before(now, options[name]) for name in ("older_than", "newer_than"))
    chosen = {name: options[name] for name in ("ids", "reasons", "errors", "origins", "where")}
    return Choice(**chosen, until=until, since=since)


def _before(now: datetime, seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    return now - timedelta(seconds=seconds) if seconds < now.timestamp() else _LONG_AGO


def group_table(groups: Iterable[Group]) -> str:
    """Return groups as a table for people."""
    now = datetime.now(UTC)
    rows = [
        (
            f"{group.count:,}",
            group.cause.reason,
            group.cause.queue or "?",
            _ago(group.oldest, now),
            _ago(group.newest, now),
            group.example or "",
        )
        for group in groups
    ]
    return in_columns([_TITLES, *rows], right=(0, 3, 4)) if rows else ""


def group_document(group: Group) -> dict[str, Any]:
    """Return a group as JSON has it."""
    return {
        "count": group.count,
        "reason": group.cause.reason,
        **_error_fields(group.example),
        "died_in": group.cause.queue,
        "oldest": _iso(group.oldest),
        "newest": _iso(group.newest),
    }


def letter_document(letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter as JSON has it; `original` is the record of what its publisher sent.

    Raises:
        InputError: its headers are nested too deeply, or hold a number that is none.
    """
    from amqptool.records import message_to_record

    return {
        "reason": letter.reason,
        "died_in": letter.queue,
        "at": _iso(letter.at),
        **_error_fields(letter.error),
        "traceback": letter.traceback,
        "history": [{"at": _iso(each.at), "what": each.what} for each in letter.history],
        "original": message_to_record(letter.original),
    }


def letter_page(letter: DeadLetter, *, verbose: bool) -> str:
    """Return a dead letter as a person reads it: what it is, why it died, and what it says."""
    message = letter.original
    record = letter_document(letter)["original"]
    name = click.style(clean_line(message.message_id or "(a message without an id)"), bold=True)
    death = f"{letter.reason} in {letter.queue or '?'}, {_when(letter.at)}"
    told = [
        f"{message.exchange or '(default exchange)'} → {message.routing_key}",
        death + (f": {letter.error}" if letter.error else ""),
        *(f"  {_when(each.at)}  {each.what}" for each in letter.history),
        *(f"  | {line}" for line in (letter.traceback or "").splitlines() if verbose),
    ]
    fields = field_lines({**record["properties"], **record["headers"]})
    return "\n".join([name, *(f"  {clean_line(line)}" for line in told), *fields, "", body_text(message), "", ""])


def replay_view(
    queue: str, report: ReplayReport, signal_code: ExitCode | None, stopped_by: AmqptoolError | None, *, dry_run: bool
) -> View:
    """Return what became of a replay, which an error may have stopped."""
    total = report.replayed.total()
    outcomes = report.outcomes
    targets = report.replayed.most_common()
    failed = outcomes.failed.total()
    verb = "would be replayed" if dry_run else "replayed"
    twice = f"{report.twice:,} sent and still there, with the same ids"
    parts = [
        f"{total:,} {verb}",
        *([f"{failed:,} failed"] if failed else []),
        *([twice] if report.twice else []),
        f"{report.returned - report.twice:,} kept",
    ]
    return View(
        kind="dead replay",
        document={
            "queue": queue,
            "dry_run": dry_run,
            "replayed": total,
            "failed": failed,
            "kept": report.returned - report.twice,
            "sent_and_still_there": report.twice,
            **error_fields(stopped_by),
            "undecodable": report.undecodable,
            "targets": [{"exchange": at, "routing_key": key, "count": count} for (at, key), count in targets],
            "failures": [
                {"message_id": each.message.message_id, **error_fields(each.error)} for each in outcomes.failures
            ],
        },
        data=_target_table(targets) if targets and dry_run else "",
        errors=(*_failures(outcomes), *([] if stopped_by is None else [str(stopped_by)])),
        talk=", ".join(parts),
        code=signal_code or _replay_code(report, stopped_by),
    )


def _replay_code(report: ReplayReport, stopped_by: AmqptoolError | None) -> ExitCode:
    if stopped_by is not None:
        return exit_code(stopped_by)
    return ExitCode.FAILED if report.undecodable else tally(report.replayed.total(), report.outcomes.errors.values())


def _target_table(targets: Sequence[tuple[tuple[str, str], int]]) -> str:
    rows = [(f"{count:,}", exchange or "(default exchange)", key) for (exchange, key), count in targets]
    return in_columns([("COUNT", "EXCHANGE", "ROUTING KEY"), *rows], right=(0,))


def _failures(outcomes: Report) -> tuple[str, ...]:
    told = [f"{each.message.message_id or 'a message without an id'}: {each.error}" for each in outcomes.failures]
    untold = outcomes.failed.total() - _TOLD
    return (*told[:_TOLD], *([f"… and {untold:,} more"] if untold > 0 else []))


def _error_fields(text: str | None) -> dict[str, str | None]:
    """Return an error of which a dead letter has the whole text as every document has errors."""
    from amqptool.dead.letter import parts_of

    return dict(zip(("error", "message"), parts_of(text), strict=True))


def _ago(at: datetime | None, now: datetime) -> str:
    return "?" if at is None else f"{rounded(max(now - at, timedelta()).total_seconds())} ago"


def _when(at: datetime | None) -> str:
    return "at an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def _iso(at: datetime | None) -> str | None:
    from amqptool.records import time_to_json

    return None if at is None else time_to_json(at, "seconds")
