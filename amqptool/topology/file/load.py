"""From files to a topology: read each, assemble and check the whole; all problems at once."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from amqptool.errors import TopologyError
from amqptool.topology.file import foreign, json_file, reading, sections, yaml_tree
from amqptool.topology.file.assemble import assemble
from amqptool.topology.file.content import MAX_YAML, Content, may_be_json, read_file
from amqptool.topology.file.draft import Draft
from amqptool.topology.file.json_tree import NotJson
from amqptool.topology.file.nodes import Mapping, Sequence
from amqptool.topology.file.source import Source, decode
from amqptool.topology.file.variables import Substitution
from amqptool.topology.model import Place
from amqptool.topology.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Table

    from amqptool.topology.file.nodes import Node
    from amqptool.topology.model import Topology

#: What `${NAME}` stands for.
Variables: TypeAlias = "Table[str, str]"


def load(sources: Iterable[str | os.PathLike[str] | Content], variables: Variables) -> Topology:
    """Read and check files, or contents of files, that together make one topology; see `Topology.load`."""
    with _without_collecting():
        return _load(sources, variables)


def parse(content: str | bytes, name: str, variables: Variables) -> Topology:
    """Read and check one file's content; see `Topology.parse`."""
    return load([Content(name, content)], variables)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep Python from looking for garbage meanwhile: it takes half of the time, and finds none among many objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load(sources: Iterable[str | os.PathLike[str] | Content], variables: Variables) -> Topology:
    problems = Problems()
    drafts: dict[str, Draft] = {}
    for given in sources:
        name = given.name if isinstance(given, Content) else os.fspath(given)
        if name in drafts:
            problems.add(Place(name, 1, 1), "this file is given twice", "duplicate")
            continue
        # The bytes are of no use when there is a text, and there may be many: nobody keeps them here.
        source = _decoded(given if isinstance(given, Content) else read_file(given))
        drafts[name] = _read(source, variables) if isinstance(source, Source) else source
        problems.absorb(drafts[name].problems)
    if any(draft.broken for draft in drafts.values()):
        problems.raise_if_any()  # what the rest lacks may stand in what could not be read
    return assemble(tuple(drafts.values()), problems)


def _decoded(content: Content) -> Source | Draft:
    """Return a file's text, or a draft that says why it has none."""
    problems = Problems()
    try:
        return decode(content, problems)
    except TopologyError:
        return Draft(content.name, problems=foreign.explain_bytes(content, problems), broken=True)


def _read(source: Source, variables: Variables) -> Draft:
    """Read one file; what is wrong with it stands in its draft."""
    draft = _read_json(source, variables) if may_be_json(source.text) else _read_yaml(source, variables)
    if draft.problems:
        draft.problems = foreign.explain(source, draft)
    return draft


def _read_json(source: Source, variables: Variables) -> Draft:
    draft = Draft(source.name, exported=True)
    try:
        json_file.read(source, draft)
    except NotJson as flaw:
        return _read_brackets(source, variables, flaw)
    except TopologyError:
        draft.broken = True
    return draft


def _read_brackets(source: Source, variables: Variables, flaw: NotJson) -> Draft:
    """Read what begins as JSON does and is none: YAML in brackets, if it is valid or its keys have no quotes."""
    if len(source.text) <= MAX_YAML:
        draft = _read_yaml(source, variables)
        if not draft.problems or (not draft.broken and not source.text.lstrip("{ \t\r\n").startswith('"')):
            return draft
    draft = Draft(source.name, broken=True)
    draft.problems.add(flaw.place, f"invalid JSON: {flaw}", "json")
    return draft


def _read_yaml(source: Source, variables: Variables) -> Draft:
    draft = Draft(source.name)
    try:
        root = yaml_tree.read(source, draft.problems, Substitution(variables))
        if isinstance(root, Mapping):
            sections.read(root, draft)
        else:
            _refuse_root(root, draft)
    except TopologyError:
        draft.broken = True
    return draft


def _refuse_root(root: Node | None, draft: Draft) -> None:
    if root is None or reading.is_nothing(root):
        draft.problems.add(Place(draft.file, 1, 1), f"the file is empty; {sections.WANTED}", "empty")
    else:
        hint = sections.LIST_HINT if isinstance(root, Sequence) else ""
        draft.problems.add(root.place, f"{sections.WANTED}, not {reading.describe(root)}{hint}", "type")
