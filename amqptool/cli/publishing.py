"""What `amqptool publish` is asked to do, made of its options."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.coding import coded, lasting
from amqptool.cli.described import checker_of
from amqptool.cli.fields import as_headers
from amqptool.cli.trace import GivenTrace
from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.cli.context import Context
    from amqptool.message import Message
    from amqptool.publish.feed import Feed
    from amqptool.publish.ids import MakeId
    from amqptool.publish.ledger import Book, Ledger
    from amqptool.publish.making import MakeMessage
    from amqptool.publish.publisher import Publisher
    from amqptool.publish.receipts.file import Receipts
    from amqptool.publish.report import Report
    from amqptool.publish.sources.interface import Source
    from amqptool.topology.bodies.checker import BodyChecker

_STD = "-"
_MESSAGES = "BODY, --file, --lines or --jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One input on its way to the broker."""

    source: Source
    make: MakeMessage
    options: dict[str, Any]
    #: There may be more than one message.
    is_bulk: bool
    receipts: Receipts | None
    #: The open file for what fails.
    failed: int | None
    #: What the messages are part of.
    trace: GivenTrace

    @property
    def keeps_stdout(self) -> bool:
        """Whether stdout is lines of receipts or of records."""
        return _STD in (self.options["receipts"], self.options["failed"])

    @property
    def skips_errors(self) -> bool:
        """Whether what is wrong with one message leaves the others alone."""
        return bool(self.options["on_error"] == "skip")

    def ledger(self) -> Ledger:
        """Make what takes the outcomes."""
        from amqptool.publish.ledger import Ledger
        from amqptool.publish.report import Report

        return Ledger(Report(), *self._books())

    def _books(self) -> list[Book]:
        books: list[Book] = []
        if self.receipts is not None:
            from amqptool.publish.receipts.book import ReceiptsBook

            books.append(ReceiptsBook(self.receipts, self.source))
        if self.failed is not None:
            from amqptool.publish.failed import FailedBook

            books.append(FailedBook(self.failed, self.options["failed"]))
        return books

    def feed(self, ledger: Ledger) -> Feed:
        """Make what reads the messages."""
        from amqptool.publish.feed import Feed
        from amqptool.publish.rate import Pace, Playback

        return Feed(
            self.source,
            self.make,
            ledger,
            done=() if self.receipts is None else self.receipts.confirmed,
            skip_bad=self.skips_errors,
            pace=None if self.options["rate"] is None else Pace(self.options["rate"]),
            playback=None if self.options["speed"] is None else Playback(self.options["speed"]),
        )

    @contextmanager
    def progress_shown(self, context: Context, publisher: Publisher, report: Report) -> Iterator[None]:
        """Show how far it is while a block runs on the event loop, if there is a person who wants to see it."""
        if not self.is_bulk or context.json or context.logs_json or context.quiet or not sys.stderr.isatty():
            yield
            return
        from amqptool.cli.progress import Progress

        before = 0 if self.receipts is None else self.receipts.confirmed_before
        with Progress(self.source, publisher, report, before=before, color=context.output.color) as bar:
            bar.begin()
            yield


def prepare(context: Context, options: dict[str, Any]) -> Job:
    """Choose, check and open what the options name; nothing has been sent when it fails."""
    _check_modes(options)
    _check_files(context, options)
    trace = GivenTrace(context.environ)
    source, is_bulk = _source(options)
    if options["resume"] and source.is_stream:
        raise click.UsageError("--resume needs a file: what was read of stdin, or of a pipe, is gone.")
    template = None if options["jsonl"] is not None else _template(options)
    coded(_maker(template, options, None), options)  # what is wrong with the options is said before a file is opened
    checker = None if options["validate"] is None else checker_of(context, options["validate"])
    receipts = _open_receipts(source, template, options)
    make = coded(_maker(template, options, _ids(options, receipts, is_bulk=is_bulk)), options)
    return Job(
        source=source,
        make=trace.told_by(make if checker is None else _checked(make, checker)),
        options=options,
        is_bulk=is_bulk,
        receipts=receipts,
        failed=_open_failed(options),
        trace=trace,
    )


def _checked(make: MakeMessage, checker: BodyChecker) -> MakeMessage:
    from amqptool.publish.checking import checked

    return checked(make, checker)


# -- which options go together --


def _check_modes(options: dict[str, Any]) -> None:
    given = [name for name in ("body", "files", "lines", "jsonl") if options[name] not in (None, ())]
    if options["recursive"] and not options["files"]:
        raise click.UsageError("--recursive goes with --file.")
    if options["files"].count(_STD) > 1:
        raise click.UsageError("stdin is read once: give --file - once.")
    if len(given) > 1:
        raise click.UsageError(f"Give the messages once: {_MESSAGES}.")
    if not given:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError(f"Nothing to publish: give {_MESSAGES}, or pipe a body in.")
        options["body"] = _STD
    if options["jsonl"] is not None:
        _check_records(options)
    elif options["exchange"] is None and options["routing_key"] is None:
        raise click.UsageError("Say where to: --exchange, --routing-key, or both.")
    _check_ids(options)
    if options["speed"] is not None and (options["jsonl"] is None or options["rate"] is not None):
        raise click.UsageError("--speed is for the records of --jsonl, which say when each came; --rate is for others.")


def _check_records(options: dict[str, Any]) -> None:
    from amqptool.message import PROPERTIES

    given = [name for name in PROPERTIES if options[name] is not None]
    given += [name for name in ("headers", "transient", "template") if options[name]]
    if given:
        flag = "--header" if given[0] == "headers" else f"--{given[0].replace('_', '-')}"
        raise click.UsageError(f"{flag} does not go with --jsonl: records have their own.")


def _check_ids(options: dict[str, Any]) -> None:
    if options["message_id"] is not None and options["id_from"] is not None:
        raise click.UsageError("Give --message-id or --id-from, not both.")
    if options["message_id"] is not None and options["lines"] is not None:
        raise click.UsageError("--message-id is one message's: --lines gives each line a UUID of its own.")
    if options["message_id"] is not None and options["count"] not in (None, 1):
        raise click.UsageError("--message-id is one message's: --count gives each a UUID of its own.")
    if options["id_from"] is not None:
        _check_id_source(options["id_from"])
    if options["resume"] and options["receipts"] is None:
        raise click.UsageError("--resume needs the --receipts of the run that it goes on with.")
    if options["resume"] and options["id_from"] in ("uuid4", "uuid7"):
        raise click.UsageError(f"--resume cannot repeat the ids of --id-from {options['id_from']}; leave it out.")


def _check_id_source(name: str) -> None:
    from amqptool.publish.ids import named_ids

    try:
        named_ids(name)
    except InputError as error:
        raise click.UsageError(f"--id-from: {error}") from None


def _check_files(context: Context, options: dict[str, Any]) -> None:
    outputs = [name for name in ("receipts", "failed") if options[name] is not None]
    to_stdout = [name for name in outputs if options[name] == _STD]
    if len(to_stdout) > 1 or (to_stdout and (context.json or options["resume"])):
        raise click.UsageError(
            f"--{to_stdout[0]} - takes stdout for itself: not with --json, --resume, or another one of its kind."
        )
    inputs = [*options["files"], options["lines"], options["jsonl"]]
    for name in outputs:
        others = [options[other] for other in outputs if other != name]
        if any(_is_same(options[name], path) for path in (*inputs, *others)):
            raise click.UsageError(f"--{name} names a file that is used already: {options[name]}")
        if any(_is_in(options[name], path, recursive=options["recursive"]) for path in options["files"]):
            raise click.UsageError(f"--{name} names a file among those that are published: {options[name]}")


def _is_same(one: str, other: str | None) -> bool:
    if other is None or _STD in (one, other):
        return False
    return Path(one).resolve() == Path(other).resolve()


def _is_in(path: str, directory: str, *, recursive: bool) -> bool:
    """Whether a path is one of a directory's files, or will be."""
    if _STD in (path, directory):
        return False
    parents = list(Path(path).resolve().parents)
    return Path(directory).resolve() in (parents if recursive else parents[:1])


# -- the messages --


def _source(options: dict[str, Any]) -> tuple[Source, bool]:
    """Return where the messages come from, and whether there may be many."""
    if options["lines"] is not None or options["jsonl"] is not None:
        if options["count"] is not None:
            raise click.UsageError("--count repeats one message: it does not go with --lines or --jsonl.")
        from amqptool.publish.sources.lines import LineSource

        path = options["jsonl"] if options["lines"] is None else options["lines"]
        return LineSource(path), True
    one, is_bulk = _one_source(options)
    if options["count"] is None:
        return one, is_bulk
    if is_bulk:
        raise click.UsageError("--count repeats one message: give it one file.")
    from amqptool.publish.sources.body import RepeatedSource

    return RepeatedSource(one, options["count"]), True


def _one_source(options: dict[str, Any]) -> tuple[Source, bool]:
    body, paths = options["body"], list(options["files"])
    if body is not None and body != _STD:
        from amqptool.publish.sources.body import BodySource

        return BodySource(_encoded(body)), False
    from amqptool.publish.sources.files import FileSource, find_files

    found = find_files(paths or [_STD], recursive=options["recursive"])
    is_bulk = found != (paths or [_STD]) or len(found) > 1
    if is_bulk and options["message_id"] is not None:
        raise click.UsageError("--message-id is one message's: each file gets a UUID of its own.")
    return FileSource(found), is_bulk


def _encoded(body: str) -> bytes:
    return body.encode("utf-8", "surrogateescape")


def _template(options: dict[str, Any]) -> Message:
    """Make the message that each one is like, but for its body and its id."""
    from amqptool.carried import check_message
    from amqptool.message import PROPERTIES, Message

    given = {name: options[name] for name in PROPERTIES if options[name] is not None}
    message = Message(
        body=b"",
        exchange=options["exchange"] or "",
        routing_key=options["routing_key"] or "",
        persistent=not options["transient"],
        headers=as_headers(options["headers"]),
        **{**given, "expiration": _milliseconds(options["expiration"])},
    )
    # A placeholder may be longer than what it becomes.
    check_message(replace(message, routing_key="") if options["template"] else message)
    return message


def _milliseconds(expiration: str | None) -> str | None:
    if expiration is None or expiration.isdigit():
        return expiration
    from amqptool.units import milliseconds

    known = milliseconds(expiration)
    if known is None:
        raise InputError(f"--expiration {expiration!r}: write a duration such as 30s, or a number of milliseconds")
    return str(known)


def _maker(template: Message | None, options: dict[str, Any], make_id: MakeId | None) -> MakeMessage:
    from amqptool.publish import making

    if template is None:
        return making.from_records(
            exchange=options["exchange"],
            routing_key=options["routing_key"],
            make_id=make_id,
            replace_ids=options["id_from"] is not None,
            timed=options["speed"] is not None,
        )
    if not options["template"]:
        return making.like(template, make_id)
    if options["body"] not in (None, _STD):
        from amqptool.publish.templates import Template

        Template(options["body"])
    return making.filled(template, make_id)


def _ids(options: dict[str, Any], receipts: Receipts | None, *, is_bulk: bool) -> MakeId | None:
    """Return where ids come from; None: the template has the only one, or records have their own."""
    if options["id_from"] is None and receipts is None and (options["jsonl"] is not None or not is_bulk):
        return None
    if options["message_id"] is not None:
        return None
    from amqptool.publish import ids

    if options["id_from"] is not None:
        return ids.named_ids(options["id_from"])
    return ids.uuid7_ids() if receipts is None else ids.run_ids(receipts.run.id)


# -- the files that are written --


def _open_receipts(source: Source, template: Message | None, options: dict[str, Any]) -> Receipts | None:
    if options["receipts"] is None:
        return None
    from uuid import uuid4

    from amqptool.publish.receipts.file import open_receipts
    from amqptool.publish.receipts.record import Run

    wanted = Run(
        id=uuid4(),
        source={"stream": True} if source.is_stream else source.identity(),
        options=_lasting(template, options),
    )
    most = source.count if source.count is not None else source.size
    return open_receipts(options["receipts"], wanted, resume=options["resume"], most_items=most)


def _lasting(template: Message | None, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that must not change when a run goes on."""
    from amqptool.records import message_to_record

    modes = {name: True for name in ("lines", "jsonl", "template") if options[name]}
    modes |= {"id_from": options["id_from"]} if options["id_from"] is not None else {}
    if template is None:
        aim = {"exchange": options["exchange"], "routing_key": options["routing_key"]}
        return modes | {name: value for name, value in aim.items() if value is not None}
    record = message_to_record(template)
    record["properties"]["message_id"] = options["message_id"]
    sent = {name: record[name] for name in ("exchange", "routing_key", "properties", "headers")}
    return modes | sent | lasting(options)


def _open_failed(options: dict[str, Any]) -> int | None:
    if options["failed"] is None:
        return None
    from amqptool.publish.failed import open_failed

    return open_failed(options["failed"], resume=options["resume"])
