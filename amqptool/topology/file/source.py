"""YAML (and so JSON) into a tree of nodes with their places, within bounds, from the parser's events.

PyYAML's composer and constructors are not used: libyaml's composer kills the process on deep nesting, and
both expand aliases, keep the last of duplicate keys and guess types. The event stream is flat and safe.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from amqptool.topology.file.tree import TOO_DEEP, TreeBuilder
from amqptool.topology.model import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.file.nodes import Node
    from amqptool.topology.file.variables import Substitution
    from amqptool.topology.problems import Problems

#: Bytes of a file.
MAX_BYTES = 10 * 1024 * 1024

#: libyaml where PyYAML has it: tens of times faster, and it takes tabs in JSON, as JSON does.
PARSER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# JSON writes characters beyond the BMP as two escapes; YAML knows only \U.
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def read(
    content: str | bytes,
    name: str,
    problems: Problems,
    substitution: Substitution | None = None,
    *,
    parser: Any = PARSER,
) -> Node | None:
    """Return the tree of a file's content, or None if it holds nothing.

    Without a `substitution`, `${` is a text like any other.

    Raises:
        TopologyError: the content cannot be read to its end.
    """
    text = _text(content, name, problems)
    builder = TreeBuilder(name, problems, substitution)
    try:
        for event in _events(parser(text)):
            builder.take(event)
    except yaml.YAMLError as error:
        problems.stop(*_syntax_problem(error, text, name))
    return builder.root


def _text(content: str | bytes, name: str, problems: Problems) -> str:
    if len(content) > MAX_BYTES:
        problems.stop(Place(name, 1, 1), f"the file is larger than {MAX_BYTES // 1024**2} MiB", "limit")
    text = content if isinstance(content, str) else _decode(content, name, problems)
    text = text.removeprefix("\ufeff")
    if found := _UNPRINTABLE.search(text):
        message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
        problems.stop(Place(name, *_position(text, found.start())), message, "encoding")
    return _SURROGATES.sub(_join_surrogates, text) if text.lstrip().startswith(("{", "[")) else text


def _decode(content: bytes, name: str, problems: Problems) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace")
        message = f"byte 0x{content[error.start]:02x} is not {encoding.upper()}: save the file as UTF-8"
        problems.stop(Place(name, *_position(before, len(before))), message, "encoding")


def _events(parser: Any) -> Iterator[Any]:
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return f"{match[1]}\\U{0x10000 + ((high - 0xD800) << 10) + low - 0xDC00:08x}"


def _position(text: str, index: int) -> tuple[int, int]:
    """Return the line and column, from 1, of a character."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _syntax_problem(error: yaml.YAMLError, text: str, name: str) -> tuple[Place, str, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Place(name, 1, 1), str(error).splitlines()[0], "yaml"
    place = Place(name, mark.line + 1, mark.column + 1)
    said = ": ".join(filter(None, (getattr(error, "context", None), getattr(error, "problem", None))))
    if "maximum nesting depth" in said:  # libyaml's own bound, from 0.2.6 on: it looks ahead, and may stop first
        return place, TOO_DEEP, "limit"
    return place, said + _hint(said, _around(text, mark.line, mark.column)), "yaml"


def _around(text: str, line: int, column: int) -> tuple[str, str]:
    """Return the characters before and at a position, as far as there are any."""
    written = text.splitlines()[line : line + 1]
    return ("".join(written)[:column][-1:], "".join(written)[column : column + 1])


def _hint(said: str, around: tuple[str, str]) -> str:
    if "an alias" in said:
        return '; a text that begins with * must stand in quotes: "*.error"'
    if around == ("$", "{"):
        return "; inside {…} and […] a ${VARIABLE} must stand in quotes, and one that is no text on a line of its own"
    if "cannot start any token" not in said:
        return ""
    if around[1] == "\t":
        return "; YAML is indented with spaces, not with tabs"
    return f"; a text that begins with {around[1]} must stand in quotes"
