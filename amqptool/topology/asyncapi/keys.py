"""Names of parts of an AsyncAPI document, of characters that its references can hold."""

from __future__ import annotations

import re

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_WILDCARDS = {"*": "any", "#": "all"}


class Keys:
    """Gives each part of a section a name of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, *words: str) -> str:
        """Return a name that is made of words, and that nothing else has."""
        wished = key = _OTHER.sub("_", ".".join(word for word in words if word)).strip("_") or "_"
        number = 1
        while key in self._taken:
            number += 1
            key = f"{wished}-{number}"
        self._taken.add(key)
        return key


def key_words(routing_key: str) -> str:
    """Return a routing key, or a pattern, without what a name cannot hold."""
    return ".".join(_WILDCARDS.get(word, word) for word in routing_key.split("."))
