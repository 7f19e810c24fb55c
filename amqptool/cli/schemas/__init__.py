"""JSON Schemas of what commands write with `--json`: a file for each, which may refer to definitions of shared.json.

They allow fields that they do not describe, since any version may add some; the tests do not.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = ".json"
_SHARED = "shared"
_REFERENCE = "#/$defs/"


def names() -> list[str]:
    """Return what there are schemas of: commands, such as `dead list`, and two sorts of lines, `log` and `receipts`."""
    found = (each.name for each in files(__name__).iterdir())
    stems = (name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))
    return sorted(stem.replace("-", " ") for stem in stems if stem != _SHARED)


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of one of `names`, which refers to nothing outside of itself."""
    made, shared = _read(name.replace(" ", "-")), _read(_SHARED)["$defs"]
    definitions = made.pop("$defs", {})
    while missing := set(_references([made, definitions])) - definitions.keys():
        definitions |= {each: shared[each] for each in sorted(missing)}
    return {**made, "$defs": definitions}


def _read(stem: str) -> dict[str, Any]:
    text = files(__name__).joinpath(stem + _SUFFIX).read_text("utf-8")
    return dict(json.loads(text))


def _references(part: object) -> Iterator[str]:
    """Find the definitions that a part of a schema refers to."""
    if isinstance(part, list):
        for each in part:
            yield from _references(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value.removeprefix(_REFERENCE)
            else:
                yield from _references(value)
