"""What a report shows, a line each."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """What was found, and what a release wants of it."""

    what: str
    found: str
    #: Empty: nothing.
    wanted: str = ""
    #: Whether it is only for those who want to know exactly.
    is_detail: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.found}{f'; wanted: {self.wanted}' if self.wanted else ''}"
