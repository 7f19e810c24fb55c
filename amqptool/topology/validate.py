"""One file's verdict, as a value: what it declares, or all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.errors import TopologyError
from amqptool.topology.model import Topology

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One file's verdict: a topology if it is valid, else its problems."""

    file: str
    topology: Topology | None
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}: {self.topology or count(self.problems)}"


def validate(file: str, content: bytes | None = None) -> Verdict:
    """Check one file, or content that was read already and goes by that name.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        topology = Topology.load(file) if content is None else Topology.parse(content, file)
    except TopologyError as error:
        return Verdict(file=file, topology=None, problems=error.problems)
    return Verdict(file=file, topology=topology)


def count(problems: Sequence[Problem]) -> str:
    """Say how many problems there are."""
    return f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
