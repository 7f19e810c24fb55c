"""Which parts of a schema are schemas again, and which are data."""

from __future__ import annotations

#: What stands under these keywords is data and no schema.
_DATA = frozenset({"const", "default", "enum", "examples"})
#: Under these, schemas stand by names, which may be those of keywords.
_NAMED = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})


def is_data(key: str, *, among_names: bool) -> bool:
    """Return whether what stands under a key is data: a name of a property says nothing of it."""
    return not among_names and key in _DATA


def holds_names(key: str, *, among_names: bool) -> bool:
    """Return whether the keys of what stands under a key are names, and no keywords."""
    return not among_names and key in _NAMED
