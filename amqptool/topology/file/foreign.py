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
#: Bytes, and characters, at a file's beginning that tell what it is.
_HEAD = 4096
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_MANIFEST = re.compile(r"""(?:^|[{,])\s*["']?apiVersion\b""", re.MULTILINE)
_SETTING = re.compile(r"^[a-z][\w.]* *= *\S", re.MULTILINE)
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
    if draft.keys.keys() & SECTIONS.keys():
        return _template(source, draft) or draft.problems
    known = (
        _page(source) or _manifest(source, draft) or _compose(draft) or _template(source, draft) or _rows(source, draft)
    )
    return known or draft.problems


def _page(source: Source) -> Problems | None:
    head = source.text[:_HEAD].lstrip()
    if not head.startswith("<"):
        return None
    what = "an HTML page, maybe an error or a login page" if "<html" in head.lower() else "XML or HTML"
    return _alone(source.place(source.text.index("<")), f"this is {what}; {_WANTED}")


def _manifest(source: Source, draft: Draft) -> Problems | None:
    match = _MANIFEST.search(source.text[:_HEAD])
    if match is None or not ("kind" in draft.keys or (draft.broken and "kind:" in source.text)):
        return None
    hint = "give amqptool the topology itself, such as the definitions.json inside a ConfigMap"
    place = source.place(match.end() - len("apiVersion"))
    return _alone(place, f"this is a Kubernetes manifest; {hint}")


def _compose(draft: Draft) -> Problems | None:
    if "services" not in draft.keys:
        return None
    hint = "give amqptool the topology itself, such as the definitions.json that a service mounts"
    return _alone(draft.keys["services"].place, f"this is a Compose file; {hint}")


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
    """Recognize files of lines: rows of values, and settings."""
    if draft.keys:
        return None
    start, lines = Place(draft.file, 1, 1), source.text[:_HEAD].splitlines()
    if match := _SETTING.search(source.text[:_HEAD]):
        return _alone(source.place(match.start()), f"this looks like the settings of a program; {_WANTED}")
    for separator in (",", ";", "\t"):
        counts = [line.count(separator) for line in lines[:2]]
        if len(counts) == 2 and counts[0] == counts[1] > 0 and ":" not in lines[0]:
            return _alone(start, f"this looks like CSV, not YAML or JSON; {_WANTED}")
    return None


def _alone(place: Place, message: str) -> Problems:
    problems = Problems()
    problems.add(place, message, "foreign")
    return problems
