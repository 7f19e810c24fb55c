"""The library's log, as talk on stderr."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

from amqptool.cli.sanitize import clean_line, clean_text


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"amqptool: {record.levelname.lower()}: {clean_line(record.getMessage())}"
        if record.exc_info:
            line = f"{line}\n{clean_text(self.formatException(record.exc_info))}"
        return line


class _Handler(logging.Handler):
    """Writes to stderr as it is at that moment: a progress bar puts itself before it."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            print(self.format(record), file=sys.stderr, flush=True)


def configure_logs(*, verbose: int, quiet: bool, debug: bool) -> None:
    """Send amqptool's log to stderr: warnings, with `-v` the events too, with `-vv` everything.

    The AMQP library's own log holds tracebacks and parts of bodies: only with `--debug`.
    """
    handler = _Handler()
    handler.setFormatter(_Formatter())
    own = logging.getLogger("amqptool")
    own.handlers, own.propagate = [handler], False
    own.setLevel(_level(verbose, quiet=quiet))
    if debug:
        logging.getLogger("pika").addHandler(handler)


def _level(verbose: int, *, quiet: bool) -> int:
    if quiet:
        return logging.WARNING
    return {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
