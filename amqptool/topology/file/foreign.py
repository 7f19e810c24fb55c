"""Files that are something else than a topology: one problem that says what they are, and what to do instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from amqptool.topology.file.sections import SECTIONS
from amqptool.topology.model import Place
from amqptool.topology.problems import Problems

if TYPE_CHECKING:
    from amqptool.topology.file.content import Content
    from amqptool.topology.file.draft import Draft
    from amqptool.topology.file.source import Source

_MAGIC = {
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x7fELF": "a program",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}
#: Bytes at a file's beginning, and characters, that tell what it is.
_HEAD = 4096
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_WANTED = "a topology has exchanges, queues and bindings"


def explain_bytes(content: Content, problems: Problems) -> Problems:
    """Return the problems of a content that is no text; one alone, if it is known what it is."""
    if not isinstance(content.data, bytes):
        return problems
    head = content.data[:_HEAD]
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if kind is None and b"\x00" not in head:
        return problems
    return _alone(Place(content.name, 1, 1), f"this is no text file but {kind or 'a binary one'}; {_WANTED}")


def explain(source: Source, draft: Draft) -> Problems:
    """Return the problems of a file; one alone, if it is known to be something else than a topology."""
    return _page(source) or _keyed(draft) or _template(source, draft) or _rows(source, draft) or draft.problems


def _page(source: Source) -> Problems | None:
    head = source.text[:_HEAD].lstrip()
    if not head.startswith("<"):
        return None
    what = "an HTML page, maybe an error or a login page" if "<html" in head.lower() else "XML or HTML"
    return _alone(source.place(source.text.index("<")), f"this is {what}; {_WANTED}")


def _keyed(draft: Draft) -> Problems | None:
    """Recognize what else has a mapping at its top."""
    if not draft.keys.keys().isdisjoint(SECTIONS):
        return None
    if "apiVersion" in draft.keys and "kind" in draft.keys:
        hint = "give amqptool the topology itself, such as the definitions.json inside a ConfigMap"
        return _alone(draft.keys["apiVersion"].place, f"this is a Kubernetes manifest; {hint}")
    if "services" in draft.keys:
        hint = "give amqptool the topology itself, such as the definitions.json that a service mounts"
        return _alone(draft.keys["services"].place, f"this is a Compose file; {hint}")
    return None


def _template(source: Source, draft: Draft) -> Problems | None:
    """Recognize a template, which is no YAML or JSON before it is filled."""
    if not draft.broken and not any(problem.rule == "yaml" for problem in draft.problems):
        return None
    match = _TEMPLATE.search(source.text)
    if match is None:
        return None
    hint = "fill it first, or write ${NAME} for what amqptool shall take from the environment or from --set"
    return _alone(source.place(match.start()), f"this is a template of Helm, Jinja or the like: {hint}")


def _rows(source: Source, draft: Draft) -> Problems | None:
    """Recognize rows of values with commas between them."""
    first, *rest = source.text[:_HEAD].splitlines()[:2] or [""]
    for separator in (",", ";", "\t"):
        count = first.count(separator)
        if not draft.keys and count and ":" not in first and rest and rest[0].count(separator) == count:
            return _alone(Place(draft.file, 1, 1), f"this looks like CSV, not YAML or JSON; {_WANTED}")
    return None


def _alone(place: Place, message: str) -> Problems:
    problems = Problems()
    problems.add(place, message, "foreign")
    return problems
