"""Plain data: what JSON and its relatives carry, and the rules that hold for all of them."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING, Any

from amqptool.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator


def levels(value: object, max_depth: int) -> Iterator[list[Any]]:
    """Walk through a value level by level, and never by recursion.

    Raises:
        CodecError: lists and objects are nested too deeply.
    """
    level: list[Any] = [value]
    for _ in range(max_depth + 1):
        yield level
        containers = [each for each in level if isinstance(each, (dict, list, tuple))]
        if not containers:
            return
        level = [item for each in containers for item in (each.values() if isinstance(each, dict) else each)]
    raise CodecError(f"nested deeper than {max_depth} levels")


def check_depth(value: object, max_depth: int) -> None:
    """Check how deeply a decoded value is nested.

    Raises:
        CodecError: too deeply.
    """
    for _ in levels(value, max_depth):
        pass


def check_plain(value: object, max_depth: int) -> None:
    """Check that a value comes back as it is: its keys are text, and it is not nested too deeply.

    Raises:
        CodecError: it would not.
    """
    for level in levels(value, max_depth):
        for each in level:
            if isinstance(each, dict):
                _check_keys(each)


def unique(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Make an object of its keys and values.

    Raises:
        CodecError: two have the same key, of which readers take the one or the other; or a key is no text.
    """
    table = dict(pairs)
    _check_keys(table)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise CodecError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands there twice")
    return table


def spell(value: object) -> str:
    """Return a date or a time as ISO 8601 text.

    Raises:
        CodecError: the value is neither.
    """
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    raise CodecError(f"no way to say a value of type {type(value).__name__}")


def _check_keys(table: dict[Any, Any]) -> None:
    for key in table:
        if not isinstance(key, str):
            raise CodecError(f"keys must be text, not {type(key).__name__}")
