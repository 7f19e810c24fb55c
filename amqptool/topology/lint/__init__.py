"""Lint: what RabbitMQ would take, and what would still not do what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import Problem
from amqptool.topology.lint.index import Index
from amqptool.topology.lint.table import EXPLANATIONS, RULES

if TYPE_CHECKING:
    from amqptool.topology.model import Topology

__all__ = ["EXPLANATIONS", "RULES", "lint"]


def lint(topology: Topology) -> tuple[Problem, ...]:
    """Return what every rule finds, in the order of the file."""
    index = Index(topology)
    found = {
        Problem(finding.place.file, finding.place.line, finding.place.column, finding.message, rule.id, rule.severity)
        for rule in RULES
        for finding in rule.check(index)
    }
    return tuple(sorted(found))
