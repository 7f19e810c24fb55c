"""Values in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.message import FieldValue


def shown(value: FieldValue) -> str:
    """Return a value as people read it; a text only in quotes where it would not look like one."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if value and value.strip() == value and not _looks_typed(value) else quoted(value)
    return str(value)


def _looks_typed(text: str) -> bool:
    return text in {"true", "false", "not set"} or text.lstrip("-").replace(".", "", 1).isdigit()
