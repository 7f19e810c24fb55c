"""From files to a topology: read, build, check; all problems at once."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.file import reading, sections, source
from amqptool.topology.file.content import Content
from amqptool.topology.file.draft import Draft
from amqptool.topology.file.nodes import Mapping
from amqptool.topology.file.variables import Substitution
from amqptool.topology.model import Place

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Table

    from amqptool.topology.file.nodes import Node
    from amqptool.topology.model import Topology
    from amqptool.topology.problems import Problems

#: What `${NAME}` stands for.
Variables: TypeAlias = "Table[str, str]"


def load(sources: Iterable[str | os.PathLike[str] | Content], variables: Variables) -> Topology:
    """Read and check files, or contents of files, that together make one topology; see `Topology.load`."""
    return _build([given if isinstance(given, Content) else _read_file(given) for given in sources], variables)


def parse(content: str | bytes, name: str, variables: Variables) -> Topology:
    """Read and check one file's content; see `Topology.parse`."""
    return load([Content(name, content)], variables)


def _build(contents: Iterable[Content], variables: Variables) -> Topology:
    draft = Draft()
    names: set[str] = set()
    for content in contents:
        name = content.name
        if name in names:
            draft.problems.add(Place(name, 1, 1), "this file is given twice", "duplicate")
            continue
        names.add(name)
        root = source.read(content.data, name, draft.problems, Substitution(variables))
        if isinstance(root, Mapping):
            sections.read(root, draft)
        else:
            _refuse_root(root, name, draft.problems)
    return draft.finish()


def _refuse_root(root: Node | None, name: str, problems: Problems) -> None:
    wanted = "a topology is a mapping with exchanges, queues and bindings"
    if root is None or reading.is_nothing(root):
        problems.add(Place(name, 1, 1), f"the file is empty; {wanted}", "empty")
    else:
        problems.add(root.place, f"{wanted}, not {reading.describe(root)}", "type")


def _read_file(path: str | os.PathLike[str]) -> Content:
    mode = os.stat(path).st_mode  # noqa: PTH116 - a path, as the caller wrote it, for the error's sake
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return Content(os.fspath(path), file.read(source.MAX_BYTES + 1))
