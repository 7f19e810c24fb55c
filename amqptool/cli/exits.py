"""What each outcome is worth as an exit code: one table, nothing else decides."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from amqptool import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.publish.report import Report
    from amqptool.topology.routing import Routed
    from amqptool.topology.validate import Verdict
    from amqptool.work.look import LookReport
    from amqptool.work.report import WorkReport
    from amqptool.work.tap import TapReport


class ExitCode(IntEnum):
    """The exit codes of every command; small numbers are outcomes, 65 to 78 are sysexits(3)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    DRIFT = 4
    UNROUTABLE = 5
    BAD_INPUT = 65
    UNAVAILABLE = 69
    BUG = 70
    LOCAL_IO = 74
    TRY_AGAIN = 75
    REFUSED = 77
    CONFIGURATION = 78
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


#: One line per code, as the README and `amqptool --help` readers see it.
MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done, or nothing to do; a worker that drained after SIGTERM",
    ExitCode.FAILED: "a definite failure: a nacked message, a handler that failed with `-n`, `--idle-timeout` or "
    "`--timeout`, an exchange or queue that does not exist, a routing test that does not hold, "
    "a route that cannot be predicted, a queue beyond a limit of `status`",
    ExitCode.USAGE: "wrong usage: an unknown option, a missing argument, an option's value that cannot be read",
    ExitCode.PARTIAL: "partial: some done, some not; both are listed, or of what `tap` has missed the number",
    ExitCode.DRIFT: "drift: the broker holds the object with other properties, "
    "`plan --detailed-exitcode` found changes, `declare --check` found something missing, "
    "or the broker has changed since a plan was saved",
    ExitCode.UNROUTABLE: "unroutable: no queue takes the message; `publish` had it returned by the broker",
    ExitCode.BAD_INPUT: "a value that AMQP or RabbitMQ would refuse: a topology file, a line, a property; "
    "nothing was sent unless said",
    ExitCode.UNAVAILABLE: "the broker, the dedup store or etcd cannot be reached, or has no room for another "
    "connection, channel or queue, or no RabbitMQ is installed; what `wait` waits for did not come in time",
    ExitCode.BUG: "a bug of amqptool: one line and a crash file (a traceback with `--debug`)",
    ExitCode.LOCAL_IO: "local input or output: a missing or unreadable file, a full disk, a closed stdout",
    ExitCode.TRY_AGAIN: "try again: blocked by an alarm, no confirm in time, in doubt, the broker gone for too long "
    "in the middle of publishing, fewer messages than `--min-messages` in time",
    ExitCode.REFUSED: "credentials or permissions refused, or no such vhost",
    ExitCode.CONFIGURATION: "configuration: a bad broker URL or profile, no broker URL in etcd, "
    "a handler that does not import, TLS",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
    ExitCode.PIPE_CLOSED: "the reader of stdout went away",
    ExitCode.TERMINATED: "terminated by SIGTERM before the work in hand was finished",
}


class StoppedError(Exception):
    """A signal cancelled the command; `code` is its exit code."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(f"stopped by a signal, exit code {int(code)}")
        self.code = code


# The first matching line wins, so a subclass stands before its base.
_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (errors.ConfigError, ExitCode.CONFIGURATION),
    (errors.HandlerError, ExitCode.CONFIGURATION),
    (errors.InputError, ExitCode.BAD_INPUT),
    (errors.CodecError, ExitCode.BAD_INPUT),
    (errors.TopologyError, ExitCode.BAD_INPUT),
    (errors.BrokerBlocked, ExitCode.TRY_AGAIN),
    (errors.AccessRefused, ExitCode.REFUSED),
    (errors.NotFound, ExitCode.FAILED),
    (errors.PreconditionFailed, ExitCode.DRIFT),
    (errors.BrokerError, ExitCode.UNAVAILABLE),
    (errors.DedupError, ExitCode.UNAVAILABLE),
    (errors.Unroutable, ExitCode.UNROUTABLE),
    (errors.Nacked, ExitCode.FAILED),
    (errors.InDoubt, ExitCode.TRY_AGAIN),
    (errors.AmqptoolError, ExitCode.FAILED),
    (BrokenPipeError, ExitCode.PIPE_CLOSED),
    (OSError, ExitCode.LOCAL_IO),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


def exit_code(error: BaseException) -> ExitCode:
    """Return the code for an error that ended a command."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.BUG


def tally(done: int, failures: Iterable[BaseException]) -> ExitCode:
    """Return the code for a list of items, of which `done` succeeded.

    ============  ====================  ==========================
    done          failures              code
    ============  ====================  ==========================
    any           none                  0
    some          some                  3
    none          all of one code       that code
    none          of several codes      1
    ============  ====================  ==========================
    """
    codes = {exit_code(failure) for failure in failures}
    if not codes:
        return ExitCode.DONE
    if done:
        return ExitCode.PARTIAL
    return codes.pop() if len(codes) == 1 else ExitCode.FAILED


def publish_code(report: Report, signal_code: ExitCode | None) -> ExitCode:
    """Return the code for an input that was published, to its end or not.

    ==========  ===========================  =======================
    signal      messages                     code
    ==========  ===========================  =======================
    SIGINT      anything                     130
    SIGTERM     anything                     143
    none        the broker stayed away       75
    none        stopped by anything else     that error's code
    none        one or more in doubt         75
    none        anything else                the code of their tally
    ==========  ===========================  =======================
    """
    if signal_code is not None:
        return signal_code
    if report.stopped_by is not None:
        code = exit_code(report.stopped_by)
        return ExitCode.TRY_AGAIN if code is ExitCode.UNAVAILABLE else code
    if any(isinstance(error, errors.InDoubt) for error in report.errors.values()):
        return ExitCode.TRY_AGAIN
    return tally(report.confirmed, [*report.errors.values(), *report.bad_items])


def validate_code(verdicts: Iterable[Verdict], *, unreadable: bool, strict: bool) -> ExitCode:
    """Return the code for files that were checked; the first line that fits counts.

    ==================================  ====
    files                               code
    ==================================  ====
    one cannot be read                  74
    problems, or warnings if `strict`   65
    tests that do not hold              1
    anything else                       0
    ==================================  ====
    """
    if unreadable:
        return ExitCode.LOCAL_IO
    checked = list(verdicts)
    if any(each.problems or (strict and each.warnings) for each in checked):
        return ExitCode.BAD_INPUT
    return ExitCode.FAILED if any(each.failed_tests for each in checked) else ExitCode.DONE


def route_code(routed: Routed) -> ExitCode:
    """Return the code for a route that was looked up offline.

    ====================================  ====
    route                                 code
    ====================================  ====
    an exchange makes a choice on it      1
    no queue                              5
    one queue or more                     0
    ====================================  ====
    """
    if routed.unknown:
        return ExitCode.FAILED
    return ExitCode.UNROUTABLE if routed.unroutable else ExitCode.DONE


def work_code(report: WorkReport, signal_code: ExitCode | None, min_messages: int | None, *, limited: bool) -> ExitCode:
    """Return the code for a worker that ended by itself or by a signal; `limited` if it was to handle so many.

    ==========  =====================================  ====
    signal      worker                                 code
    ==========  =====================================  ====
    SIGINT      anything                               130
    SIGTERM     handlers left unfinished               143
    SIGTERM     drained                                0
    none        failed, dead or unfinished messages    1
    none        some that cannot be decoded            1
    none        limited, and some wait for a retry     1
    none        fewer than `min_messages` acked        75
    none        anything else                          0
    ==========  =====================================  ====
    """
    if signal_code is ExitCode.TERMINATED and not report.abandoned:
        return ExitCode.DONE
    if signal_code is not None:
        return signal_code
    if report.failed or report.dead or report.abandoned or report.undecodable or (limited and report.retried):
        return ExitCode.FAILED
    if min_messages is not None and report.acknowledged < min_messages:
        return ExitCode.TRY_AGAIN
    return ExitCode.DONE


def look_code(report: LookReport, signal_code: ExitCode | None, min_messages: int | None) -> ExitCode:
    """Return the code for a look through a queue; it has drained when a signal has let it put everything back.

    ==========  ==========================================  ====
    signal      look                                        code
    ==========  ==========================================  ====
    SIGINT      anything                                    130
    SIGTERM     messages left unfinished                    143
    SIGTERM     drained                                     0
    none        failed or unfinished messages               1
    none        some that cannot be decoded                 1
    none        fewer than `min_messages` were as wanted    75
    none        anything else                               0
    ==========  ==========================================  ====
    """
    if signal_code is ExitCode.TERMINATED and not report.abandoned:
        return ExitCode.DONE
    if signal_code is not None:
        return signal_code
    if report.failed or report.abandoned or report.undecodable:
        return ExitCode.FAILED
    if min_messages is not None and report.handled < min_messages:
        return ExitCode.TRY_AGAIN
    return ExitCode.DONE


def tap_code(report: TapReport, missed: int, signal_code: ExitCode | None) -> ExitCode:
    """Return the code for a tap, which a signal ends as well as anything else does.

    ==========  =========================================  =================
    signal      tap                                        code
    ==========  =========================================  =================
    SIGINT      anything                                   130
    any other   its connection was lost                    that error's code
    any other   messages missed, or not decodable          3
    any other   anything else                              0
    ==========  =========================================  =================
    """
    if signal_code is ExitCode.INTERRUPTED:
        return signal_code
    if report.lost is not None:
        return exit_code(report.lost)
    return ExitCode.PARTIAL if missed or report.overflowed or report.undecodable else ExitCode.DONE
