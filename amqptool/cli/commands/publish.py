"""`amqptool publish`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.exits import ExitCode, publish_code
from amqptool.cli.fields import HeaderType, as_headers
from amqptool.cli.options import Command
from amqptool.cli.output import View, describe
from amqptool.cli.running import Stop, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from amqptool.message import Message
    from amqptool.publish.outcome import Confirmed
    from amqptool.publish.report import Report
    from amqptool.settings.url import AmqpUrl

_STDIN = "-"
#: How many failures are told; the JSON document lists more.
_TOLD_FAILURES = 10
_WORDS = {"Unroutable": "unroutable", "Nacked": "nacked", "InDoubt": "in doubt", "NotFound": "not found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """Where the messages come from: exactly one of these."""

    body: str | None
    file: str | None
    lines: str | None
    jsonl: str | None

    @property
    def is_bulk(self) -> bool:
        return self.lines is not None or self.jsonl is not None


@click.command(cls=Command)
@click.argument("body", required=False)
@click.option("--exchange", "-e", metavar="NAME", help="The exchange; left out, the default one: the key is a queue.")
@click.option("--routing-key", "-k", metavar="KEY", help="The routing key.")
@click.option("--file", metavar="FILE", help="Publish a file's bytes as one message; - is stdin.")
@click.option("--lines", metavar="FILE", help="Publish each line as a message; - is stdin.")
@click.option("--jsonl", metavar="FILE", help="Publish JSON records, as 'consume --output jsonl' writes them.")
@click.option("--header", "-H", "headers", multiple=True, type=HeaderType(), metavar="K=V", help="k=text or k:=json.")
@click.option("--content-type", metavar="TYPE", help="Such as application/json.")
@click.option("--content-encoding", metavar="NAME", help="Such as gzip; the body is sent as it is.")
@click.option("--message-id", metavar="UUID", help="Left out, a new UUID.")
@click.option("--correlation-id", metavar="TEXT")
@click.option("--reply-to", metavar="TEXT")
@click.option("--expiration", metavar="MS", help="Milliseconds the message may wait in a queue.")
@click.option("--priority", type=click.IntRange(0, 255), metavar="N")
@click.option("--timestamp", type=click.IntRange(min=0), metavar="SECONDS", help="Seconds since the epoch.")
@click.option("--type", metavar="TEXT")
@click.option("--user-id", metavar="NAME", help="Must be the connection's user; the broker checks.")
@click.option("--app-id", metavar="TEXT")
@click.option("--transient", is_flag=True, help="Do not ask for survival of a broker restart.")
@click.option("--allow-unroutable", is_flag=True, help="Confirm even what no queue takes (not mandatory).")
@click.option("--confirm-timeout", type=click.FloatRange(min=0.1), default=30.0, show_default=True, metavar="SECONDS")
@click.option("--blocked-timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, metavar="SECONDS")
@pass_context
def publish(
    context: Context,
    /,
    body: str | None,
    file: str | None,
    lines: str | None,
    jsonl: str | None,
    **options: Any,
) -> ExitCode:
    """Publish a message, or many, and say what became of each.

    BODY is the message's text; '-' (or nothing, behind a pipe) reads one body from stdin. Messages are
    persistent, mandatory, confirmed, and carry a UUID as their id, which is printed.
    """
    source = _choose_input(body, file, lines, jsonl)
    _check_options(source, options)
    url = context.resolve_url().value

    async def publish_and_view(stop: Stop) -> View:
        return _view(await _publish(url, source, options, stop), source, stop)

    return context.output.show(run(context, publish_and_view))


def _choose_input(body: str | None, file: str | None, lines: str | None, jsonl: str | None) -> _Input:
    given = [value for value in (body, file, lines, jsonl) if value is not None]
    if len(given) > 1:
        raise click.UsageError("Give the messages once: BODY, --file, --lines or --jsonl.")
    if not given or body == _STDIN:
        if not given and (sys.stdin is None or sys.stdin.isatty()):
            raise click.UsageError("Nothing to publish: give BODY, --file, --lines or --jsonl, or pipe a body in.")
        return _Input(body=None, file=_STDIN, lines=None, jsonl=None)
    return _Input(body=body, file=file, lines=lines, jsonl=jsonl)


def _check_options(source: _Input, options: dict[str, Any]) -> None:
    from amqptool.message import PROPERTIES

    if source.lines is not None and options["message_id"] is not None:
        raise click.UsageError("--message-id is one message's: --lines gives each line a UUID of its own.")
    if source.jsonl is not None:
        given = [name for name in PROPERTIES if options[name] is not None]
        given += [name for name in ("headers", "transient") if options[name]]
        if given:
            raise click.UsageError(f"{_flag(given[0])} does not go with --jsonl: records have their own.")
    elif options["exchange"] is None and options["routing_key"] is None:
        raise click.UsageError("Say where to: --exchange, --routing-key, or both.")


def _flag(name: str) -> str:
    return "--header" if name == "headers" else f"--{name.replace('_', '-')}"


async def _publish(url: AmqpUrl, source: _Input, options: dict[str, Any], stop: Stop) -> Report:
    from amqptool.publish.publisher import Publisher
    from amqptool.publish.report import publish_all

    stopping = asyncio.Event()
    stop.then(stopping.set)
    messages = _messages(source, options, stopping)
    publisher = Publisher(
        url,
        mandatory=not options["allow_unroutable"],
        confirm_timeout=options["confirm_timeout"],
        blocked_timeout=options["blocked_timeout"],
    )
    return await publish_all(publisher, messages, stopping)


def _messages(
    source: _Input, options: dict[str, Any], stop: asyncio.Event
) -> Iterable[Message] | AsyncIterable[Message]:
    if not source.is_bulk and source.file is None:
        return [_template(source, options)]
    from amqptool.publish import source as read

    if source.jsonl is not None:
        return read.records_as_messages(
            source.jsonl, stop, exchange=options["exchange"], routing_key=options["routing_key"]
        )
    template = _template(source, options)
    if source.lines is not None:
        return read.lines_as_messages(source.lines, template, stop)
    return read.file_as_message(source.file or _STDIN, template, stop)


def _template(source: _Input, options: dict[str, Any]) -> Message:
    from amqptool.message import PROPERTIES, Message, check_message

    given = {name: options[name] for name in PROPERTIES if options[name] is not None}
    message = Message(
        body=(source.body or "").encode("utf-8", "surrogateescape"),
        exchange=options["exchange"] or "",
        routing_key=options["routing_key"] or "",
        persistent=not options["transient"],
        headers=as_headers(options["headers"]),
        **given,
    )
    check_message(message)
    return message


def _view(report: Report, source: _Input, stop: Stop) -> View:
    one = None if source.is_bulk else report.last
    return View(
        kind="publish",
        document={**_document(report), **(_one_document(one) if one else {})},
        data=(one.message.message_id or "") if one else "",
        errors=_errors(report),
        talk=_summary(report) if _needs_summary(report, source) else "",
        detail=f"confirmed in {one.seconds * 1000:.0f} ms" if one else "",
        code=publish_code(report, stop.code),
    )


def _document(report: Report) -> dict[str, Any]:
    return {
        "confirmed": report.confirmed,
        "failed": report.failed.total(),
        "failures_by_error": dict(report.failed),
        "failures": [
            {**_names(failed.message), "error": type(failed.error).__name__, "message": str(failed.error)}
            for failed in report.failures
        ],
        "interrupted": report.interrupted,
        "error": None if report.stopped_by is None else describe(report.stopped_by),
        "seconds": report.seconds,
    }


def _one_document(confirmed: Confirmed) -> dict[str, Any]:
    return {**_names(confirmed.message), "confirm_seconds": confirmed.seconds}


def _names(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
    }


def _errors(report: Report) -> tuple[str, ...]:
    told = report.failures[:_TOLD_FAILURES]
    lines = [f"{failed.message.message_id}: {failed.error}" for failed in told]
    untold = report.failed.total() - len(told)
    if untold:
        lines.append(f"… and {untold:,} more")
    if report.stopped_by is not None:
        lines.append(describe(report.stopped_by))
    return tuple(lines)


def _needs_summary(report: Report, source: _Input) -> bool:
    nothing_sent = not report.confirmed and not report.failed
    if report.stopped_by is not None and nothing_sent:
        return False  # the error says it all
    return source.is_bulk or report.interrupted


def _summary(report: Report) -> str:
    rate = report.confirmed / report.seconds if report.seconds else 0
    parts = [f"{report.confirmed:,} confirmed in {report.seconds:.1f} s ({rate:,.0f}/s)"]
    parts += [f"{count:,} {_WORDS.get(name, name)}" for name, count in sorted(report.failed.items())]
    return ", ".join(parts)
