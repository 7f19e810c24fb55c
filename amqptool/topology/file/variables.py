"""`${NAME}` and `${NAME:-default}` in the scalars of a file: names and values alike, and never structure.

The values are put in after the file was parsed, so none can add a key, a list or a comment. Messages name
variables and never show what they stand for: that may be a secret which stands in the wrong place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Characters of one scalar, its variables replaced.
MAX_SCALAR = 64 * 1024
#: Characters of all scalars with variables in a file.
MAX_TOTAL = 10 * 1024 * 1024
#: What a variable begins with.
MARK = "${"

#: `$${`, `${NAME}`, `${NAME:-default}`, or a `${` that is none of these.
_TOKEN = re.compile(r"\$\$\{|\$\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\})?")
_SET = "set it in the environment, or with --set {0}=…, or write a default: ${{{0}:-…}}"
_MALFORMED = "${ begins a variable: write ${NAME} or ${NAME:-default}, or $${ if a literal ${ is meant"


class TooLarge(ValueError):
    """A scalar or the file grows beyond bounds."""


class Substitution:
    """Puts values in place of one file's variables, and counts them, so that no file grows beyond bounds."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._total = 0

    def fill(self, text: str, note: Callable[[str], None]) -> str:
        """Return a text with its variables replaced; what is unset or malformed is noted, and stays.

        Raises:
            TooLarge: the text or the file grows beyond bounds.
        """
        parts: list[str] = []
        length = 0
        for part in self._parts(text, note):
            parts.append(part)
            length += len(part)
            self._total += len(part)
            if length > MAX_SCALAR:
                raise TooLarge(f"longer than {MAX_SCALAR // 1024} KiB, its variables replaced")
            if self._total > MAX_TOTAL:
                raise TooLarge(f"the file is larger than {MAX_TOTAL // 1024**2} MiB, its variables replaced")
        return "".join(parts)

    def _parts(self, text: str, note: Callable[[str], None]) -> Iterator[str]:
        end = 0
        for token in _TOKEN.finditer(text):
            yield text[end : token.start()]
            yield MARK if token[0] == "$" + MARK else self._value(token, note)
            end = token.end()
        yield text[end:]

    def _value(self, token: re.Match[str], note: Callable[[str], None]) -> str:
        name, default = token["name"], token["default"]
        value = self._values.get(name) if name else None
        if value or (value is not None and default is None):
            return value
        if default is not None:
            return str(default)  # for an empty variable too, as in a shell
        note(f"the variable {name} is not set: {_SET.format(name)}" if name else _MALFORMED)
        return token[0]
