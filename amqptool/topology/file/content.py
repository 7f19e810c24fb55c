"""A file's content, read as far as it may be read at all."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

#: Bytes of a file of YAML, which people write, and of one of JSON, which RabbitMQ exports.
MAX_YAML = 10 * 1024 * 1024
MAX_JSON = 512 * 1024 * 1024
#: How far into a file to look for what it is, in bytes.
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Content:
    """What stands for a file: its content, and the name it goes by in problems."""

    name: str
    #: None: there is more of it than may be read.
    data: str | bytes | None


def read_file(path: str | os.PathLike[str]) -> Content:
    """Read a file, unless it is too large; a pipe, as the shell's `<(command)` makes one, to its end.

    Raises:
        OSError: it cannot be read.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 - a path, as the caller wrote it, for the error's sake
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        if not stat.S_ISREG(mode):
            return read_stream(file, os.fspath(path))
        limit = limit_of(file.read(_HEAD))
        if os.fstat(file.fileno()).st_size > limit:
            return Content(os.fspath(path), None)
        file.seek(0)
        return _within(limit, os.fspath(path), file.read(limit + 1))


def read_stream(stream: BinaryIO, name: str) -> Content:
    """Read a stream, unless there is too much of it."""
    data = stream.read(MAX_YAML + 1)
    if len(data) > MAX_YAML and (limit := limit_of(data)) > MAX_YAML:
        data += stream.read(limit + 1 - len(data))
    return _within(limit_of(data), name, data)


def limit_of(data: str | bytes) -> int:
    """Return how long a content that begins so may be."""
    return MAX_JSON if may_be_json(data) else MAX_YAML


def may_be_json(data: str | bytes) -> bool:
    """Return whether a content begins as JSON does, with a bracket."""
    head = data[:_HEAD]
    if isinstance(head, bytes):
        head = head.decode("utf-16" if is_utf16(head) else "utf-8", "replace")
    return head.removeprefix("\ufeff").lstrip(" \t\r\n").startswith(("{", "["))


def is_utf16(data: bytes) -> bool:
    """Return whether a content says that it is UTF-16."""
    return data[:2] in (b"\xff\xfe", b"\xfe\xff")


def _within(limit: int, name: str, data: bytes) -> Content:
    return Content(name, data if len(data) <= limit else None)
