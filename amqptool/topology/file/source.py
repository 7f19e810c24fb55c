"""A file's text, decoded, and where its characters stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool.topology.file.content import MAX_JSON, MAX_YAML, is_utf16, limit_of
from amqptool.topology.model import Place

if TYPE_CHECKING:
    from amqptool.topology.file.content import Content
    from amqptool.topology.problems import Problems

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, without a byte order mark, and the name it goes by in problems."""

    name: str
    text: str

    def place(self, index: int) -> Place:
        """Return where a character stands."""
        line_start = self.text.rfind("\n", 0, index) + 1
        return Place(self.name, self.text.count("\n", 0, index) + 1, index - line_start + 1)


def decode(content: Content, problems: Problems) -> Source:
    """Return the text of a content.

    Raises:
        TopologyError: it is too large, or no text.
    """
    name, data = content.name, content.data
    if data is None or len(data) > limit_of(data):
        message = f"the file is too large: {MAX_YAML // _MIB} MiB of YAML or {MAX_JSON // _MIB} MiB of JSON are read"
        problems.stop(Place(name, 1, 1), message, "limit")
    text = data if isinstance(data, str) else _decoded(data, name, problems)
    return Source(name, text.removeprefix("\ufeff"))


def _decoded(data: bytes, name: str, problems: Problems) -> str:
    encoding = "utf-16" if is_utf16(data) else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = Source(name, data[: error.start].decode(encoding, "replace"))
        message = f"byte 0x{data[error.start]:02x} is not {encoding.upper()}: save the file as UTF-8"
        problems.stop(before.place(len(before.text)), message, "encoding")
