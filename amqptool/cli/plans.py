"""Plans as text: a line for each change, its differences below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from amqptool.cli.sanitize import clean_line
from amqptool.topology.diff.words import shown
from amqptool.topology.model import NOWHERE, Vhost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amqptool.topology.diff import Change, Note
    from amqptool.topology.model import Place, TopologyObject

#: The colour of each symbol.
_COLORS = {"+": "green", "~": "yellow", "∓": "red", "-": "red"}
#: Of objects that a note is true of, so many are named.
_NAMED = 5


def change_lines(changes: Iterable[Change], vhost: str) -> Iterator[str]:
    """Write changes, one or more lines each; `vhost` is the one that need not be named."""
    for change in changes:
        yield clean_line(f"{change.action.value} {titled(change.object, vhost)}{_at(change.place)}")
        for each in change.differences:
            yield clean_line(f"    {each.property}: {shown(each.before)} → {shown(each.after)}")
        if change.hint:
            yield clean_line(f"    {change.hint}")


def paint(line: str) -> str:
    """Give a line of a plan the colour of its symbol."""
    color = _COLORS.get(line[:1])
    return click.style(line, fg=color) if color else line


def titled(thing: TopologyObject, vhost: str) -> str:
    """Name an object, with its vhost if that is another one than `vhost`."""
    own = None if isinstance(thing, Vhost) else thing.vhost
    return str(thing) if own in {None, vhost} else f"{thing} in vhost {own}"


def note_lines(notes: Iterable[Note], vhost: str) -> Iterator[str]:
    """Write notes; what is true of several objects is said once."""
    groups: dict[str, list[str]] = {}
    for note in notes:
        groups.setdefault(note.text, []).append(titled(note.object, vhost))
    for text, names in groups.items():
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        yield clean_line(f"note: {', '.join(names[:_NAMED])}{more}: {text}")


def _at(place: Place) -> str:
    return "" if place is NOWHERE else f"  {place.file}:{place.line}"
