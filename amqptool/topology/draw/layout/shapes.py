"""What a layout is made from, and what it results in; all lengths in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Box:
    """Something to be placed."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Link:
    """A line from one box to another, by their numbers, and the size of its label (none: 0)."""

    source: int
    target: int
    width: float = 0
    height: float = 0
    #: Whether it may lead from right to left, rather than make the picture deep.
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Rect:
    """Where something was placed."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The end of it in x."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The end of it in y."""
        return self.y + self.height

    def moved(self, x: float, y: float) -> Rect:
        """Return it moved by some pixels."""
        return Rect(self.x + x, self.y + y, self.width, self.height)


class Stretch(NamedTuple):
    """A part of a line that runs level; curves join one stretch to the next."""

    start: float
    end: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a line runs, from left to right."""

    stretches: tuple[Stretch, ...] = ()
    #: Instead of stretches, where a line from a box to itself hangs below that box.
    loop: Rect | None = None
    label: Rect | None = None
    #: The line leads from right to left, against the order of its stretches.
    backwards: bool = False

    def moved(self, x: float, y: float) -> Route:
        """Return it moved by some pixels."""
        return Route(
            stretches=tuple(Stretch(each.start + x, each.end + x, each.y + y) for each in self.stretches),
            loop=self.loop and self.loop.moved(x, y),
            label=self.label and self.label.moved(x, y),
            backwards=self.backwards,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """A finished layout: a place for each box and a route for each link, in their order."""

    width: float = 0
    height: float = 0
    rects: tuple[Rect, ...] = ()
    routes: tuple[Route, ...] = ()
