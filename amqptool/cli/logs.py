"""The library's log, as talk on stderr."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any

from amqptool.cli.log_lines import log_line
from amqptool.cli.sanitize import clean_line, clean_text, without_passwords
from amqptool.log_context import facts_of

#: What every record has; anything else came with `extra`.
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
#: What a line of text ends with, and what stands there for it.
_SHORT = {"message_id": "id", "correlation_id": "corr", "trace_id": "trace"}


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = clean_line(record.getMessage())
        line = f"amqptool: {record.levelname.lower()}: {text}{_ending(record, text)}"
        if record.exc_info:
            line = f"{line}\n{clean_text(self.formatException(record.exc_info))}"
        return line


class _HandlersFormatter(logging.Formatter):
    """What a handler logs, as it would be without us, and which message it is about."""

    def format(self, record: logging.LogRecord) -> str:
        text = _message(record)
        line = f"{text}{_ending(record, text)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _JsonFormatter(logging.Formatter):
    """One JSON object a line; tracebacks only if told so."""

    def __init__(self, *, with_traceback: bool) -> None:
        super().__init__()
        self._with_traceback = with_traceback

    def format(self, record: logging.LogRecord) -> str:
        fields = facts_of(record) | {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return log_line(
            record.levelname.lower(),
            record.name,
            _message_and_error(record),
            at=record.created,
            fields={**self._exception(record), **fields},
        )

    def _exception(self, record: logging.LogRecord) -> dict[str, Any]:
        if not record.exc_info or record.exc_info[1] is None:
            return {}
        traceback = {"traceback": self.formatException(record.exc_info)} if self._with_traceback else {}
        return {"error": type(record.exc_info[1]).__name__, **traceback}


def _message_and_error(record: logging.LogRecord) -> str:
    """Return what a record says, and what its error says unless that is a part of it."""
    message = _message(record)
    if not record.exc_info or record.exc_info[1] is None:
        return message
    from amqptool.work.copies import text_of

    said = text_of(record.exc_info[1])
    return message if said in message else f"{message}: {said}"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a handler's own log call, whose arguments do not fit
        return str(record.msg)


def _ending(record: logging.LogRecord, text: str) -> str:
    """Return which message a line is about, as far as its text does not say it."""
    facts = {name: clean_line(str(fact)) for name, fact in facts_of(record).items() if fact is not None}
    if facts.get("message_id", "") in text:
        facts.pop("message_id", None)
    told = [f"{short} {facts[name]}" for name, short in _SHORT.items() if name in facts]
    return f" [{' '.join(told)}]" if told else ""


class _Handler(logging.Handler):
    """Writes to stderr as it is at that moment: a progress bar puts itself before it."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            sys.stderr.write(f"{without_passwords(self.format(record))}\n")
            sys.stderr.flush()


def configure_logs(*, verbose: int, quiet: bool, debug: bool, as_json: bool) -> None:
    """Send amqptool's log to stderr: warnings, with `-v` the events too, with `-vv` everything.

    The AMQP library's own log holds tracebacks and parts of bodies: only with `--debug`. As JSON, the
    warnings of all other libraries and of handlers are lines like ours; as text, where nobody has configured
    them otherwise, they are what they would be without us, and tell of the message that they are about.
    """
    handler = _Handler()
    handler.setFormatter(_JsonFormatter(with_traceback=debug) if as_json else _TextFormatter())
    own, pika, others = logging.getLogger("amqptool"), logging.getLogger("pika"), logging.getLogger()
    own.handlers, own.propagate = [handler], False
    own.setLevel(_level(verbose, quiet=quiet))
    if debug:
        pika.addHandler(handler)
    if as_json and not others.handlers:
        pika.propagate = False
        others.addHandler(handler)
    if not as_json:  # a handler at the root would keep a program's `basicConfig` from doing anything
        logging.lastResort = _Handler(logging.WARNING)
        logging.lastResort.setFormatter(_HandlersFormatter())


def _level(verbose: int, *, quiet: bool) -> int:
    if quiet:
        return logging.WARNING
    return {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
