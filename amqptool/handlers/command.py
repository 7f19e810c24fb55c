"""`exec:COMMAND`: a process for each message, its body on stdin, its metadata in the environment."""

from __future__ import annotations

import logging
import signal
import tempfile
from contextlib import ExitStack, closing, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

from amqptool.errors import HandlerError
from amqptool.handlers import process as processes
from amqptool.handlers.interface import Reject, Retry
from amqptool.handlers.metadata import headers_as_json, metadata
from amqptool.handlers.process import Tail
from amqptool.handlers.timing import time_limit
from amqptool.tracing import TRACE_VARIABLES, context_to_pass_on, find_tracing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.message import Delivery

log = logging.getLogger(__name__)

#: Exit codes of sysexits(3): EX_TEMPFAIL and EX_DATAERR.
RETRY, REJECT = 75, 65
#: Bytes of AMQPTOOL_HEADERS; Linux takes 128 KiB in one variable.
LONGEST_HEADERS = 100_000


class CommandHandler:
    """Runs a command for each message; its exit code decides."""

    stops_when_cancelled = True
    reads_ahead = False

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], *, timeout: float) -> None:
        self._argv = tuple(argv)
        self._environ = processes.inherited(environ)
        self._timeout = timeout
        self._tracing = find_tracing()

    async def handle(self, delivery: Delivery) -> None:
        """Run the command to its end.

        Raises:
            Retry: it asked for that, or
            Reject: for that.
            HandlerError: it failed in any other way, or took too long.
            StopWork: there is no such command.
        """
        with ExitStack() as stack:
            stdin = stack.enter_context(tempfile.TemporaryFile())  # which, unlike a pipe, nobody has to read
            stdin.write(delivery.body)
            stdin.seek(0)
            stdout, stderr = (stack.enter_context(closing(Tail())) for _ in range(2))
            environ = self._environ | variables(delivery, context_to_pass_on(delivery.headers, self._tracing))
            code = await self._run(environ, stdin.fileno(), stdout, stderr)
        for name, tail in (("stdout", stdout), ("stderr", stderr)):
            if tail.text():
                log.debug("message %s: %s: %s", delivery.message_id, name, tail.text())
        check(PurePath(self._argv[0]).name, code, stderr.text() or stdout.text())

    async def close(self) -> None:
        """Do nothing: no process outlives its call."""

    async def _run(self, environ: Mapping[bytes, bytes], stdin: int, stdout: Tail, stderr: Tail) -> int:
        process = await processes.start(self._argv, environ, stdin=stdin, stdout=stdout.writer, stderr=stderr.writer)
        stdout.started()
        stderr.started()
        succeeded = False
        try:
            async with time_limit(self._timeout):
                code = await process.wait()
            succeeded = code == 0
        finally:
            if not succeeded:  # nothing of an attempt may go on beside the next one
                await processes.stop(process)
        return code


def variables(delivery: Delivery, trace: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return the environment variables that tell of a delivery and of its trace.

    Headers that are too long for one are left out.
    """
    facts = {name: value.replace("\0", "\\0") for name, value in metadata(delivery).items()}
    headers = headers_as_json(delivery)
    if len(headers) <= LONGEST_HEADERS:
        facts["headers"] = headers
    told = {f"AMQPTOOL_{name.upper()}": value for name, value in facts.items()}
    told |= {name: trace[name.lower()] for name in TRACE_VARIABLES if name.lower() in trace}
    return {name.encode(): value.encode("utf-8", "surrogateescape") for name, value in told.items()}


def check(command: str, code: int, output: str) -> None:
    """Raise what an exit code means.

    ============  ===================
    code          raises
    ============  ===================
    0             nothing
    75            Retry
    65            Reject
    a signal      HandlerError
    any other     HandlerError
    ============  ===================
    """
    if code == 0:
        return
    tail = output[-processes.SHOWN_OUTPUT :]
    reason = f"{command} {_ending(code)}{': ' if tail else ''}{tail}"
    if code == RETRY:
        raise Retry(reason)
    if code == REJECT:
        raise Reject(reason)
    raise HandlerError(reason)


def _ending(code: int) -> str:
    if code > 0:
        return f"exited with {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
