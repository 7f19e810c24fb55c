"""A rule: what it is about, why that matters, an example of each kind, and the check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amqptool.topology.lint.index import Index
    from amqptool.topology.model import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, and where."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is to be said about everything that may stand in brackets after a problem."""

    id: str
    #: An error is what RabbitMQ would refuse, or what cannot be read.
    severity: Literal["error", "warning"] = "error"
    #: One sentence.
    summary: str
    #: What RabbitMQ does, and what to do about it.
    why: str
    #: Where RabbitMQ's side of it is written, or how it was found out.
    source: str = ""
    #: A topology file with the problem, and the same without it.
    failing: str
    passing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Explanation):
    """A rule of lint: it looks at a topology that could be declared, and may still not do what was meant."""

    severity: Literal["error", "warning"] = "warning"
    check: Callable[[Index], Iterator[Finding]]
