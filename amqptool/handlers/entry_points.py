"""Handlers that installed packages offer by name."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from amqptool.errors import HandlerError
from amqptool.handlers.python import load_callable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GROUP = "amqptool.handlers"


def load_entry_point(name: str, takes: Sequence[str] = ("the delivery",)) -> Callable[..., Any]:
    """Import the callable that a package offers under a name; `takes` are its arguments.

    Raises:
        HandlerError: none does, several do, or what it offers cannot be loaded.
    """
    offered = entry_points(group=GROUP)
    found = {f"{point.module}:{point.attr}" for point in offered if point.name == name}
    if not found:
        names = ", ".join(sorted(offered.names)) or "none"
        hint = "any other is written package.module:callable, exec:COMMAND, exec-lines:COMMAND or http://…"
        raise HandlerError(f"no handler {name!r} is installed (installed: {names}); {hint}")
    if len(found) > 1:
        raise HandlerError(f"several packages offer a handler {name!r}: {', '.join(sorted(found))}")
    return load_callable(found.pop(), takes)
