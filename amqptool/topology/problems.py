"""The collector of problems, and the words they are told in."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NoReturn

from amqptool.errors import Problem, TopologyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from amqptool.topology.model import Place

#: Above this many candidates a suggestion costs more than it helps.
MAX_CANDIDATES = 500
#: How much of a foreign text a message shows, in characters.
MAX_QUOTED = 60
#: How alike words must be, from 0 to 1; among a few short ones, less.
LONG_WORDS, SHORT_WORDS = 0.7, 0.6
#: Problems of a file: whoever has so many needs no more of them.
MAX_PROBLEMS = 1_000


class Problems:
    """Collects problems, so that a reader of a file hears of all of them at once."""

    def __init__(self) -> None:
        self._found: set[Problem] = set()
        self._silent: set[Place] = set()

    def add(self, place: Place, message: str, rule: str) -> None:
        """Note a problem; the same problem at the same place counts once.

        Raises:
            TopologyError: there are so many problems that no more are worth noting.
        """
        if place in self._silent:
            return
        self._found.add(Problem(place.file, place.line, place.column, message, rule))
        if len(self._found) == MAX_PROBLEMS:
            self.stop(place, f"{MAX_PROBLEMS:,} problems: nothing more is looked at", "limit")

    def silence(self, place: Place) -> None:
        """Hear no more of a place: what follows there would follow from what was noted."""
        self._silent.add(place)

    def __len__(self) -> int:
        """Count what was found."""
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        """Yield what was found, in the order of the file."""
        return iter(sorted(self._found))

    def absorb(self, other: Problems) -> None:
        """Note what somebody else found."""
        self._found |= other._found

    def stop(self, place: Place, message: str, rule: str) -> NoReturn:
        """Note a problem after which nothing more can be read.

        Raises:
            TopologyError: always, with all that was found.
        """
        self.add(place, message, rule)
        raise TopologyError(tuple(self))

    def raise_if_any(self) -> None:
        """Raise what was found, in the order of the file.

        Raises:
            TopologyError: there are problems.
        """
        if self._found:
            raise TopologyError(tuple(self))


def quoted(text: str) -> str:
    """Quote a foreign text for a message: escaped, and cut when it is long."""
    return repr(text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…")


def nearest(word: str, candidates: Collection[str], *, cutoff: float = LONG_WORDS) -> str | None:
    """Return the candidate that the writer of `word` probably meant."""
    if len(candidates) > MAX_CANDIDATES or len(word) > MAX_QUOTED:
        return None
    return next(iter(difflib.get_close_matches(word, candidates, n=1, cutoff=cutoff)), None)


def did_you_mean(word: str, candidates: Collection[str], *, cutoff: float = LONG_WORDS) -> str:
    """Return the end of a message: `; did you mean …?`, or nothing."""
    match = nearest(word, candidates, cutoff=cutoff)
    return f"; did you mean {quoted(match)}?" if match is not None else ""
