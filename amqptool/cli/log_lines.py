"""One line of a log in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def log_line(
    level: str, logger: str, message: str, *, at: float | None = None, fields: Mapping[str, Any] | None = None
) -> str:
    """Write a JSON object of ASCII characters alone; `at` are seconds since 1970, by default now.

    A field does not take the place of what every line has.
    """
    import json
    from datetime import UTC, datetime

    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    line = {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "logger": logger,
        "message": message,
    }
    more = {name: _plain(value) for name, value in (fields or {}).items() if name not in line}
    return json.dumps(line | more)


def _plain(value: object) -> object:
    """Return what JSON has a form for; anything else as text, NaN included."""
    if value is None or isinstance(value, (str, int)):
        return value
    return value if isinstance(value, float) and value - value == 0 else str(value)
