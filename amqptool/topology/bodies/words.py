"""What jsonschema says of a value, made fit for one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amqptool.topology.described import Path

#: Characters of a value, and of the whole, that are shown.
_MAX_VALUE = 60
_MAX_SAID = 300


def pointer(path: Path) -> str:
    """Return a path as a JSON Pointer (RFC 6901), which is empty for the whole value."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def said(error: Any) -> str:
    """Return what an error of jsonschema says; a long value is not repeated."""
    text: str = error.message
    value = repr(error.instance)
    if len(value) > _MAX_VALUE and text.startswith(value):
        text = f"the value{text[len(value) :]}"
    return text if len(text) <= _MAX_SAID else f"{text[: _MAX_SAID - 1]}…"
