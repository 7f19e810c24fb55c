"""The exit codes: every error has one, and nothing we raise on purpose counts as a bug of ours."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence

import pytest

from amqptool import errors
from amqptool.cli.exits import (
    MEANINGS,
    ExitCode,
    exit_code,
    look_code,
    publish_code,
    route_code,
    tally,
    tap_code,
    validate_code,
    work_code,
)
from amqptool.message import Message
from amqptool.publish.report import Report
from amqptool.topology import RoutingTest
from amqptool.topology.routing import FailedTest, Routed, UnknownRouting
from amqptool.topology.validate import Verdict
from amqptool.work.look import LookReport
from amqptool.work.report import WorkReport
from amqptool.work.tap import TapReport

MESSAGE = Message(body=b"")
PROBLEM = errors.Problem("a.yaml", 1, 1, "wrong", "rule")

TABLE: list[tuple[BaseException, ExitCode]] = [
    (errors.AmqptoolError("x"), ExitCode.FAILED),
    (errors.ConfigError("x"), ExitCode.CONFIGURATION),
    (errors.HandlerError("x"), ExitCode.CONFIGURATION),
    (errors.InputError("x"), ExitCode.BAD_INPUT),
    (errors.CodecError("x"), ExitCode.BAD_INPUT),
    (errors.InUse("x"), ExitCode.FAILED),
    (errors.TopologyError([PROBLEM]), ExitCode.BAD_INPUT),
    (errors.BrokerError("x"), ExitCode.UNAVAILABLE),
    (errors.BrokerUnavailable("x"), ExitCode.UNAVAILABLE),
    (errors.ManagementUnavailable("x"), ExitCode.UNAVAILABLE),
    (errors.BrokerBlocked("x"), ExitCode.TRY_AGAIN),
    (errors.AccessRefused("x"), ExitCode.REFUSED),
    (errors.NotFound("x"), ExitCode.FAILED),
    (errors.PreconditionFailed("x"), ExitCode.DRIFT),
    (errors.ManagementError("x"), ExitCode.UNAVAILABLE),
    (errors.PublishError("x", MESSAGE), ExitCode.FAILED),
    (errors.Unroutable("x", MESSAGE), ExitCode.UNROUTABLE),
    (errors.Nacked("x", MESSAGE), ExitCode.FAILED),
    (errors.InDoubt("x", MESSAGE), ExitCode.TRY_AGAIN),
    (errors.DedupError("x"), ExitCode.UNAVAILABLE),
    (BrokenPipeError(), ExitCode.PIPE_CLOSED),
    (FileNotFoundError("x"), ExitCode.LOCAL_IO),
    (OSError(28, "No space left on device"), ExitCode.LOCAL_IO),
    (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    (ValueError("x"), ExitCode.BUG),
    (RecursionError(), ExitCode.BUG),
    (AssertionError(), ExitCode.BUG),
]
ALL_ERRORS = {
    thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, errors.AmqptoolError)
}


@pytest.mark.parametrize(("error", "code"), TABLE, ids=lambda value: type(value).__name__)
def test_each_error_has_its_code(error: BaseException, code: ExitCode) -> None:
    """An error that ended a command decides the exit code by its class alone."""
    assert exit_code(error) is code


def test_the_table_above_is_complete() -> None:
    """Every class of the tree stands in the table, and none of them is a bug of ours."""
    ours = {type(error): code for error, code in TABLE if isinstance(error, errors.AmqptoolError)}

    assert ours.keys() == ALL_ERRORS
    assert ExitCode.BUG not in ours.values()


def test_a_cause_does_not_change_the_code() -> None:
    """An error counts for what it is, not for what caused it."""
    error = errors.DedupError("x")
    error.__cause__ = OSError("disk")

    assert exit_code(error) is ExitCode.UNAVAILABLE


@pytest.mark.parametrize("code", ExitCode)
def test_each_code_has_a_meaning_in_one_line(code: ExitCode) -> None:
    """The README and the help can say of every code what it means."""
    assert MEANINGS[code]
    assert "\n" not in MEANINGS[code]


def test_the_codes_are_the_documented_ones() -> None:
    """Scripts depend on the numbers: they are pinned."""
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 65, 69, 70, 74, 75, 77, 78, 130, 141, 143]


UNROUTABLE = errors.Unroutable("x", MESSAGE)
NACKED = errors.Nacked("x", MESSAGE)
NOT_FOUND = errors.NotFound("x")
IN_DOUBT = errors.InDoubt("x", MESSAGE)


@pytest.mark.parametrize(
    ("done", "failures", "code"),
    [
        (0, [], ExitCode.DONE),
        (5, [], ExitCode.DONE),
        (5, [UNROUTABLE], ExitCode.PARTIAL),
        (1, [UNROUTABLE, NACKED, IN_DOUBT], ExitCode.PARTIAL),
        (0, [UNROUTABLE], ExitCode.UNROUTABLE),
        (0, [UNROUTABLE, UNROUTABLE], ExitCode.UNROUTABLE),
        (0, [IN_DOUBT], ExitCode.TRY_AGAIN),
        (0, [IN_DOUBT, errors.BrokerBlocked("x")], ExitCode.TRY_AGAIN),
        (0, [NACKED, NOT_FOUND], ExitCode.FAILED),
        (0, [UNROUTABLE, IN_DOUBT], ExitCode.FAILED),
        (0, [ValueError("x")], ExitCode.BUG),
    ],
)
def test_a_list_of_items_has_one_code(done: int, failures: Sequence[BaseException], code: ExitCode) -> None:
    """All done is 0, some done is 3, none done is the one reason there is, or 1 for several."""
    assert tally(done, failures) is code


def test_failures_may_be_any_iterable() -> None:
    """A generator of failures is counted like a list of them."""
    assert tally(0, (error for error in (UNROUTABLE, UNROUTABLE))) is ExitCode.UNROUTABLE


GONE = errors.BrokerUnavailable("x")


@pytest.mark.parametrize(
    ("signal", "confirmed", "failures", "stopped_by", "code"),
    [
        (ExitCode.INTERRUPTED, 1, [IN_DOUBT], GONE, ExitCode.INTERRUPTED),
        (ExitCode.TERMINATED, 0, [], None, ExitCode.TERMINATED),
        (None, 9, [IN_DOUBT], GONE, ExitCode.TRY_AGAIN),
        (None, 9, [IN_DOUBT, UNROUTABLE], None, ExitCode.TRY_AGAIN),
        (None, 9, [], IN_DOUBT, ExitCode.TRY_AGAIN),
        (None, 9, [UNROUTABLE], GONE, ExitCode.TRY_AGAIN),
        (None, 9, [], errors.InputError("x"), ExitCode.BAD_INPUT),
        (None, 9, [UNROUTABLE], None, ExitCode.PARTIAL),
        (None, 0, [UNROUTABLE], None, ExitCode.UNROUTABLE),
        (None, 9, [], None, ExitCode.DONE),
        (None, 0, [], None, ExitCode.DONE),
    ],
)
def test_an_input_that_was_published_has_one_code(
    signal: ExitCode | None,
    confirmed: int,
    failures: list[errors.AmqptoolError],
    stopped_by: errors.AmqptoolError | None,
    code: ExitCode,
) -> None:
    """Signals first, then messages in doubt, then what stopped it, then the tally."""
    named = {type(error).__name__: error for error in failures}
    assert publish_code(Report(confirmed=confirmed, errors=named, stopped_by=stopped_by), signal) is code


CHOICE = UnknownRouting(exchange="x", type="x-random", queues=("a",), exchanges=())


@pytest.mark.parametrize(
    ("routed", "code"),
    [
        (Routed(queues=("a",)), 0),
        (Routed(queues=()), 5),
        (Routed(queues=("b",), possible=("a",), unknown=(CHOICE,)), 1),
    ],
)
def test_a_route_has_one_code(routed: Routed, code: int) -> None:
    """What cannot be told is no success, even if other queues get the message."""
    assert route_code(routed) == code


WARNING = errors.Problem("a.yaml", 1, 1, "odd", "rule", "warning")
FAILED_TEST = FailedTest(test=RoutingTest(exchange="e", routing_key="k"))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("unreadable", [False, True])
@pytest.mark.parametrize(("problem", "warning", "failed"), list(itertools.product((0, 1), repeat=3)))
def test_checked_files_have_one_code(strict: bool, unreadable: bool, problem: int, warning: int, failed: int) -> None:
    """The whole table, the flaws spread over two files: what cannot be read, what is wrong, what does not hold."""
    one = Verdict(file="a", problems=(PROBLEM,) * problem, failed_tests=(FAILED_TEST,) * failed)
    other = Verdict(file="b", warnings=(WARNING,) * warning)

    code = validate_code([one, other], unreadable=unreadable, strict=strict)

    if unreadable:
        assert code == 74
    elif problem or (warning and strict):
        assert code == 65
    else:
        assert code == failed


SIGNALS = (None, ExitCode.INTERRUPTED, ExitCode.TERMINATED)


@pytest.mark.parametrize(
    ("signal", "failed", "abandoned", "min_messages"),
    list(itertools.product(SIGNALS, (0, 1), (0, 1), (None, 0, 3, 4))),
)
def test_a_worker_has_one_code(signal: ExitCode | None, failed: int, abandoned: int, min_messages: int | None) -> None:
    """The whole table of how a worker can end: signals first, then failures, then too few messages."""
    report = WorkReport(acknowledged=3, failed=failed, abandoned=abandoned)

    code = work_code(report, signal, min_messages, limited=True)

    if signal is ExitCode.INTERRUPTED:
        assert code == 130
    elif signal is ExitCode.TERMINATED:
        assert code == (143 if abandoned else 0)
    elif failed or abandoned:
        assert code == 1
    else:
        assert code == (75 if min_messages == 4 else 0)


def test_attempts_that_were_made_good_are_no_failure() -> None:
    """A message that failed first and succeeded later leaves the worker's code at 0."""
    assert work_code(WorkReport(handled=1, failed_attempts=3), None, None, limited=True) is ExitCode.DONE


@pytest.mark.parametrize("limited", [True, False])
def test_a_message_that_waits_for_another_attempt_was_not_handled(limited: bool) -> None:
    """Whoever asked for so many messages has not got them; to a worker that goes on they are work as any other."""
    code = work_code(WorkReport(acknowledged=1, retried=1), None, None, limited=limited)
    assert code is (ExitCode.FAILED if limited else ExitCode.DONE)


def test_a_message_that_cannot_be_decoded_is_a_failure() -> None:
    """It is still in the queue, and somebody has to look after it."""
    assert work_code(WorkReport(undecodable=1), None, None, limited=False) is ExitCode.FAILED


def test_a_look_that_met_an_undecodable_message_has_failed() -> None:
    """It was not compared with what is wanted."""
    assert look_code(LookReport(handled=3, undecodable=1), None, None) is ExitCode.FAILED


@pytest.mark.parametrize("signal", [None, ExitCode.INTERRUPTED, ExitCode.TERMINATED])
@pytest.mark.parametrize("failed", [0, 2])
@pytest.mark.parametrize("abandoned", [0, 1])
@pytest.mark.parametrize("min_messages", [None, 3, 4])
def test_look_codes(signal: ExitCode | None, failed: int, abandoned: int, min_messages: int | None) -> None:
    """The whole table of how a look through a queue can end: as for a worker."""
    code = look_code(LookReport(handled=3, failed=failed, abandoned=abandoned), signal, min_messages)

    assert code == work_code(
        WorkReport(acknowledged=3, failed=failed, abandoned=abandoned), signal, min_messages, limited=True
    )


@pytest.mark.parametrize("signal", [None, ExitCode.INTERRUPTED, ExitCode.TERMINATED])
@pytest.mark.parametrize(
    ("report", "missed", "code"),
    [
        (TapReport(received=3), 0, ExitCode.DONE),
        (TapReport(received=3), 1, ExitCode.PARTIAL),
        (TapReport(overflowed=True), 0, ExitCode.PARTIAL),
        (TapReport(undecodable=1), 0, ExitCode.PARTIAL),
        (TapReport(lost=errors.BrokerUnavailable("x")), 1, ExitCode.UNAVAILABLE),
    ],
)
def test_tap_codes(signal: ExitCode | None, report: TapReport, missed: int, code: ExitCode) -> None:
    """What was missed counts however the tap ended, but for Ctrl-C."""
    assert tap_code(report, missed, signal) is (ExitCode.INTERRUPTED if signal is ExitCode.INTERRUPTED else code)
