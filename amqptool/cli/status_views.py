"""How queues are doing, as a command shows it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import click

from amqptool.broker.status.choice import is_pattern
from amqptool.cli.exits import ExitCode
from amqptool.cli.output import View, counted
from amqptool.cli.sanitize import without_passwords
from amqptool.cli.status_monitors import prometheus
from amqptool.cli.status_table import status_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from amqptool.broker.status import QueueStatus, Verdict

#: So many queues of unknown age are named.
_NAMED = 5


def status_view(
    queues: Sequence[QueueStatus], verdict: Verdict, missing: Sequence[str], vhost: str, now: float, form: str
) -> View:
    """Return what is to be shown of queues; `form` says how it is written to stdout."""
    table = status_table(queues, now) if queues else ""
    return View(
        kind="status",
        document={
            "vhost": vhost,
            "queues": [_document(queue, verdict, now) for queue in queues],
            "missing": list(map(without_passwords, missing)),
            "age_unknown": verdict.unknown,
        },
        data=prometheus(queues, vhost, now) if form == "prometheus" else table,
        paint=None if form == "prometheus" else _painter(table, queues, verdict),
        errors=(*absent(missing, vhost), *verdict.lines),
        talk=_summary(queues, verdict),
        code=ExitCode.FAILED if missing or verdict.breaches else ExitCode.DONE,
    )


def absent(missing: Sequence[str], vhost: str) -> list[str]:
    """Say of names and patterns that there is no such queue."""
    lines = [f"no queue {'like ' if is_pattern(name) else ''}{name!r} in vhost {vhost!r}" for name in missing]
    return list(map(without_passwords, lines))  # of a URL that was given in the place of a name


def _painter(table: str, queues: Sequence[QueueStatus], verdict: Verdict) -> Callable[[str], str]:
    titles, *rows = table.split("\n")
    bad = {row for row, queue in zip(rows, queues, strict=True) if queue.name in verdict.breaches} if rows else set()

    def paint(line: str) -> str:
        if line in bad:
            return click.style(line, fg="red")
        return click.style(line, bold=True) if line == titles else line

    return paint


def _summary(queues: Sequence[QueueStatus], verdict: Verdict) -> str:
    ready, unacked = (sum(queue.ready or 0 for queue in queues), [queue.unacked for queue in queues])
    known = [number for number in unacked if number is not None]
    parts = [f"{sum(known):,} un-acked"] if known or not queues else []
    silent = sum(queue.ready is None for queue in queues)
    parts += [f"and {silent:,} of unknown depth (a young queue tells it within five seconds)"] if silent else []
    lines = [", ".join([counted(len(queues), "queue"), f"{ready:,} ready", *parts])]
    if verdict.unknown:
        more = ", …" if len(verdict.unknown) > _NAMED else ""
        names = ", ".join(map(repr, verdict.unknown[:_NAMED])) + more
        lines.append(f"note: the oldest message has no timestamp, so its age is not known: {names}")
    return "\n".join(lines)


def _document(queue: QueueStatus, verdict: Verdict, now: float) -> dict[str, Any]:
    age, drain = queue.age(now), queue.seconds_to_drain
    return {
        "name": queue.name,
        "state": queue.state,
        "depth": queue.depth,
        "ready": queue.ready,
        "unacked": queue.unacked,
        "consumers": queue.consumers,
        "bytes": queue.size,
        "incoming_per_second": queue.incoming,
        "outgoing_per_second": queue.outgoing,
        "oldest_age_seconds": None if age is None else round(age, 3),
        "drain_seconds": None if drain is None or drain == inf else round(drain, 3),
        "never_drains": drain == inf,
        "breaches": verdict.breaches.get(queue.name, []),
    }
