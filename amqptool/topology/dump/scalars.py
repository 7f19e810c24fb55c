"""Single values as YAML that every reader takes for the same: quoted where one of them might not.

Readers of YAML 1.1 and 1.2 disagree about plain text (`no`, `010`, `12:30`, `2024-01-01`), so text is plain
only where nobody can take it for anything else.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import TypeAlias

from amqptool.topology.file.nodes import resolve, surprise

Scalar: TypeAlias = "str | bool | int | float | None"

# Begins with a letter, with digits and a unit, or with what begins no token of YAML's; no colon, comma, quote,
# question mark or bracket, which end a plain text for some reader or other, and no # behind a space.
_PLAIN = re.compile(r"(?:[0-9]+[A-Za-z]|[^\W\d]|[./^$(])(?:[\w./*#^$()+<>=~@%&;!|\\-]| (?![ #]))*(?<! )")
# Booleans of YAML 1.1 that `surprise` leaves out, because no reader in use takes them so; and the document's end.
_QUOTED = frozenset({"y", "Y", "n", "N", "..."})
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\U0010ffff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def scalar(value: object) -> str:
    """Return one value as YAML.

    Raises:
        TypeError: a topology file has no form for it.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return text(value)
        case int():
            return str(value)
        case float() if isfinite(value):
            return decimal(value)
    raise TypeError(f"a topology file has no form for {value!r}")


def text(value: str) -> str:
    """Return a text as YAML, in quotes if it needs them; `${` is doubled, since it would begin a variable.

    Quoted text keeps what can be read, and escapes what a terminal would act on.
    """
    value = value.replace("${", "$${")
    return value if _is_plain(value) else f'"{_ESCAPED.sub(_escape, value)}"'


def decimal(value: float) -> str:
    """Return a number without an exponent, which readers of YAML 1.1 and 1.2 understand differently."""
    digits = f"{Decimal(repr(value)):f}"
    return digits if "." in digits else f"{digits}.0"


def _is_plain(value: str) -> bool:
    if not _PLAIN.fullmatch(value) or value in _QUOTED:
        return False
    return isinstance(resolve(value), str) and surprise(value) is None


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
