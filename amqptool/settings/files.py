"""Files that settings are read from."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """Open a file for the length of a block, and give what the system says of this very file.

    Raises:
        ConfigError: it is a folder, or another thing that is no file.
        OSError: it is not there, or cannot be opened.
        ValueError: no file can have this name.
    """
    # Without waiting for the other end of a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{os.fspath(path)}: it is no file")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            yield opened, status
    finally:
        os.close(descriptor)
