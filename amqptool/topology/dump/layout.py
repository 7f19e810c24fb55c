"""Lists and mappings as YAML laid out as people write it: short ones in braces on one line, the rest as blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.dump.scalars import scalar, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Characters of a line up to which a list or a mapping is written on it.
WIDTH = 100

_INDENT = "  "


def document(sections: Mapping[str, object]) -> str:
    """Return a whole document; its sections stand apart."""
    return "\n".join("\n".join(_section(name, body)) + "\n" for name, body in sections.items())


def _section(name: str, body: object) -> Iterator[str]:
    yield f"{name}:" if body else f"{name}: {{}}"
    yield from _block(body, _INDENT)


def _block(value: object, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{indent}{text(key)}:", item, indent)
    elif isinstance(value, list):
        for item in value:
            yield from _item(item, indent)


def _entry(start: str, value: object, indent: str) -> Iterator[str]:
    if value is None:
        yield start
    elif (line := _on_one_line(value, len(start) + 1)) is not None:
        yield f"{start} {line}"
    else:
        yield start
        yield from _block(value, indent + _INDENT)


def _item(value: object, indent: str) -> Iterator[str]:
    if (line := _on_one_line(value, len(indent) + 2)) is not None:
        yield f"{indent}- {line}"
    else:
        first, *rest = _block(value, indent + _INDENT)
        yield f"{indent}- {first.removeprefix(indent + _INDENT)}"
        yield from rest


def _on_one_line(value: object, column: int) -> str | None:
    """Return what may stand behind `column`, or None for what is long or better read line by line."""
    if not isinstance(value, (dict, list)):
        return scalar(value)
    if not _is_simple(value):
        return None
    line = _flow(value)
    return line if not value or column + len(line) <= WIDTH else None


def _is_simple(value: object) -> bool:
    """Return whether a value is a list of scalars, or holds no list anywhere."""
    if isinstance(value, dict):
        return all(not isinstance(item, list) and _is_simple(item) for item in value.values())
    return not isinstance(value, list) or not any(isinstance(item, (dict, list)) for item in value)


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_flow, value)) + "]" if isinstance(value, list) else scalar(value)
