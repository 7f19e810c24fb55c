"""`amqptool consume` without a handler, once through the queue: --where and --requeue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.exits import look_code
from amqptool.cli.output import View
from amqptool.cli.running import Stop, run
from amqptool.cli.worked import document

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.cli.context import Context
    from amqptool.message import Delivery
    from amqptool.work.filters import Condition
    from amqptool.work.look import LookReport

_LOOK_OPTIONS = ("where", "prefetch", "concurrency", "grace", "max_messages", "idle_timeout", "timeout")


class Where(click.ParamType["Condition"]):
    """`FIELD=VALUE` or `FIELD!=VALUE`."""

    name = "condition"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Condition:
        """Read one condition."""
        from amqptool.errors import InputError
        from amqptool.work.filters import Condition

        if isinstance(value, Condition):
            return value
        try:
            return Condition.parse(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)


def look(context: Context, queue: str, function: Callable[[Delivery], Any], verb: str, options: dict[str, Any]) -> View:
    """Look through a queue, and tell what became of its messages."""
    report, stop = run(context, lambda stop: _look(context, queue, function, options, stop))
    return View(
        kind="consume",
        document=document(report),
        talk=_summary(report, verb, kept=options["requeue"]),
        code=look_code(report, stop.code, options["min_messages"]),
    )


async def _look(
    context: Context, queue: str, function: Callable[[Delivery], Any], options: dict[str, Any], stop: Stop
) -> tuple[LookReport, Stop]:
    from amqptool.handlers.python import BlockingHandler, ThreadEach
    from amqptool.work.look import Look
    from amqptool.work.worker import PREFETCH

    settings = {name: options[name] for name in _LOOK_OPTIONS} | {"prefetch": options["prefetch"] or PREFETCH}
    through = Look(
        context.resolve_urls().value, queue, ThreadEach(BlockingHandler(function)), keep=options["requeue"], **settings
    )
    stop.then(through.stop)
    return await through.run(), stop


def _summary(report: LookReport, verb: str, *, kept: bool) -> str:
    parts = [
        f"{report.looked_at:,} looked at",
        f"{report.handled:,} {verb}{'' if kept else ' and taken'}",
        f"{report.returned:,} given back",
    ]
    if report.failed:
        parts.append(f"{report.failed:,} failed")
    if report.undecodable:
        parts.append(f"{report.undecodable:,} not decodable")
    if report.abandoned:
        parts.append(f"{report.abandoned:,} left unfinished")
    reason = "" if report.stopped_by in ("", "stop") else f" (stopped by --{report.stopped_by})"
    return ", ".join(parts) + reason
