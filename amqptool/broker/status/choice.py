"""Which queues are meant: names, and patterns in which `*`, `?` and `[…]` stand for others."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class QueueChoice:
    """Names and patterns; without any, all queues are meant."""

    patterns: tuple[str, ...] = ()

    @property
    def is_names(self) -> bool:
        """Whether each one is the name of a queue."""
        return bool(self.patterns) and not any(map(is_pattern, self.patterns))

    def takes(self, name: str) -> bool:
        """Return whether a queue is meant."""
        return not self.patterns or any(_fits(name, pattern) for pattern in self.patterns)

    def missing(self, names: Collection[str]) -> list[str]:
        """Return those that none of the queues fits."""
        return [pattern for pattern in self.patterns if not any(_fits(name, pattern) for name in names)]


def is_pattern(text: str) -> bool:
    """Return whether a text may stand for several queues."""
    return bool(_MAGIC & set(text))


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
