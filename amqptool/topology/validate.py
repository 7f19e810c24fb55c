"""The verdict on a topology file, as a value: what it declares, and all that is to be said against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.errors import TopologyError
from amqptool.topology.file.content import Content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.errors import Problem
    from amqptool.topology.model import Topology
    from amqptool.topology.routing import FailedTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one file, or on several that together make one topology."""

    file: str
    #: None: the file cannot be read as one.
    topology: Topology | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    failed_tests: tuple[FailedTest, ...] = ()

    @property
    def lines(self) -> list[Problem]:
        """All that is to be said against the file, in its order."""
        return sorted([*self.problems, *self.warnings, *(failed.problem for failed in self.failed_tests)])

    def __str__(self) -> str:
        return f"{self.file}: {self.topology}" if self.topology is not None else f"{self.file}: not a topology"


def validate(*sources: str | Content, variables: Mapping[str, str] | None = None) -> Verdict:
    """Check files that together make one topology, or content that was read already; run their own tests.

    Raises:
        OSError: a file cannot be read.
        ConfigError: it describes messages, and the library that checks their schemas is not installed.
    """
    from amqptool.topology.file.load import load
    from amqptool.topology.lint import lint
    from amqptool.topology.routing import check_tests

    file = " + ".join(source.name if isinstance(source, Content) else source for source in sources)
    try:
        topology = load(sources, variables or {})
    except TopologyError as error:
        return Verdict(file=file, problems=error.problems)
    found = (*lint(topology), *_schema_problems(topology))
    return Verdict(
        file=file,
        topology=topology,
        problems=_of_severity("error", found),
        warnings=_of_severity("warning", found),
        failed_tests=check_tests(topology),
    )


def _schema_problems(topology: Topology) -> tuple[Problem, ...]:
    if not topology.messages:
        return ()
    from amqptool.topology.bodies.flaws import schema_problems

    return schema_problems(topology)


def _of_severity(severity: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(problem for problem in problems if problem.severity == severity)
