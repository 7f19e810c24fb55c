"""Regular expressions of schemas: Python's, but for what other validators would refuse."""

from __future__ import annotations

import re
from functools import lru_cache

#: Patterns that are remembered.
_REMEMBERED = 1000
#: An escape, a class of characters, or the `$` that stands in neither.
_DOLLAR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


@lru_cache(maxsize=_REMEMBERED)
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern: `$` is the end of the text, also before a line feed, and `\d`, `\w` and `\s` are ASCII.

    Raises:
        re.error: it is no pattern.
    """
    ours = _DOLLAR.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern)
    try:
        return re.compile(ours, re.ASCII)
    except (ValueError, OverflowError, RecursionError) as error:  # (?u), which is not ASCII; a{9999999999}; too deep
        raise re.error(str(error), pattern) from error
