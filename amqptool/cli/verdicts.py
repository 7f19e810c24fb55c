"""Verdicts on topology files, as people, scripts and GitHub read them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from amqptool.cli.exits import validate_code
from amqptool.cli.output import View, counted
from amqptool.cli.sanitize import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.errors import Problem
    from amqptool.topology.model import LeftOut
    from amqptool.topology.routing import FailedTest
    from amqptool.topology.validate import Verdict

#: Objects that are left out, to name one by one.
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read."""

    file: str
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Everything that one run found."""

    verdicts: Sequence[Verdict]
    unreadable: Sequence[Unreadable]
    strict: bool

    def view(self, form: str = "text") -> View:
        """Return all of it: lines for people, or workflow commands for GitHub."""
        code = validate_code(self.verdicts, unreadable=bool(self.unreadable), strict=self.strict)
        lines = self._commands() if form == "github" else self._lines()
        return View(
            kind="validate",
            document={
                "valid": not code,
                "files": [_document(verdict) for verdict in self.verdicts],
                "unreadable": [asdict(each) for each in self.unreadable],
            },
            data="\n".join(lines),
            errors=tuple(f"{each.file}: {each.message}" for each in self.unreadable),
            talk="\n".join(self._talk()),
            code=code,
        )

    def _lines(self) -> Iterator[str]:
        for verdict in self.verdicts:
            yield from (clean_line(str(problem)) for problem in verdict.lines)

    def _commands(self) -> Iterator[str]:
        for each in self.unreadable:
            yield _command("error", each.message, file=each.file)
        for verdict in self.verdicts:
            yield from map(_annotation, verdict.lines)

    def _talk(self) -> Iterator[str]:
        for verdict in self.verdicts:
            if verdict.topology is not None:
                yield clean_line(f"{verdict}{_messages(verdict)}{_tests(verdict)}")
                yield from _notes(verdict)
        wrong = [verdict for verdict in self.verdicts if verdict.lines]
        problems = sum(len(verdict.problems) for verdict in wrong)
        warnings = sum(len(verdict.warnings) for verdict in wrong)
        failed = sum(len(verdict.failed_tests) for verdict in wrong)
        counts = [(problems, "problem"), (warnings, "warning"), (failed, "failed test")]
        if wrong:
            found = ", ".join(counted(number, noun) for number, noun in counts if number)
            yield f"{found} in {counted(len(wrong), 'file')}"


def _messages(verdict: Verdict) -> str:
    messages = len(verdict.topology.messages) if verdict.topology is not None else 0
    return f"; {counted(messages, 'message')} described" if messages else ""


def _tests(verdict: Verdict) -> str:
    tests = len(verdict.topology.tests) if verdict.topology is not None else 0
    if not tests:
        return ""
    held = tests - len(verdict.failed_tests)
    return f"; {counted(tests, 'test')} passed" if held == tests else f"; {held:,} of {counted(tests, 'test')} passed"


def _notes(verdict: Verdict) -> Iterator[str]:
    """Name the sections that amqptool leaves alone, and the objects that it leaves out."""
    topology = verdict.topology
    if topology is None:
        return
    if topology.unmanaged:
        sections = dict.fromkeys(each.section for each in topology.unmanaged)
        yield clean_line(f"{verdict.file}: {', '.join(sections)}: kept, not managed")
    for left_out in topology.left_out[:_LISTED]:
        yield clean_line(f"{left_out.place}: {left_out}")
    if (more := len(topology.left_out) - _LISTED) > 0:
        yield clean_line(f"{verdict.file}: {more:,} more are left out")


def _document(verdict: Verdict) -> dict[str, Any]:
    topology = verdict.topology
    counts = (
        {}
        if topology is None
        else {**topology.counts(), "messages": len(topology.messages), "tests": len(topology.tests)}
    )
    unmanaged = [] if topology is None else list(dict.fromkeys(each.section for each in topology.unmanaged))
    left_out = [] if topology is None else [_left_out(each) for each in topology.left_out]
    return {
        "file": verdict.file,
        "valid": not verdict.problems,
        **counts,
        "problems": [asdict(problem) for problem in verdict.problems],
        "warnings": [asdict(problem) for problem in verdict.warnings],
        "failed_tests": [_failed_test(failed) for failed in verdict.failed_tests],
        "unmanaged": unmanaged,
        "left_out": left_out,
    }


def _left_out(left_out: LeftOut) -> dict[str, Any]:
    return {**asdict(left_out.place), "what": left_out.what, "reason": left_out.reason}


def _failed_test(failed: FailedTest) -> dict[str, Any]:
    return {
        **asdict(failed.problem),
        "exchange": failed.test.exchange,
        "routing_key": failed.test.routing_key,
        "expected": list(failed.test.reaches),
        "actual": list(failed.actual),
        "reason": failed.reason,
    }


def _annotation(problem: Problem) -> str:
    place = {"file": problem.file, "line": str(problem.line), "col": str(problem.column)}
    return _command(problem.severity, problem.message, **place, title=problem.rule)


def _command(name: str, message: str, **properties: str) -> str:
    """Return a workflow command; GitHub takes : and , in properties, and % and line breaks anywhere, as its own."""
    given = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    return f"::{name} {given}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    escaped = "".join(f"%{ord(character):02X}" if character in f"%\r\n{also}" else character for character in text)
    return clean_line(escaped)
