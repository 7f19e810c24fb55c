"""Reading a file that is not too large, and writing one as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from amqptool.errors import InputError


def read_file(path: str, most: int) -> bytes:
    """Read a file of no more than so many bytes; a device such as /dev/zero has no end.

    Raises:
        OSError: it cannot be read.
        InputError: it is larger.
    """
    with Path(path).open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InputError(f"{path} has more than the {most:,} bytes that are read of it")
    return content


def write_file(path: str, text: str) -> None:
    """Write a text file in one step: its readers find all of the old text or all of the new.

    Raises:
        OSError: the file cannot be written; it is as it was.
    """
    given = Path(path)
    try:
        if given.exists() and not given.is_file():  # a pipe or a terminal is written to, not replaced
            given.write_text(text, "utf-8")
        else:
            _replace(Path(os.path.realpath(path)), text)  # a symbolic link stays one
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _replace(target: Path, text: str) -> None:
    draft = target.with_name(f".amqptool-{uuid4().hex}")
    try:
        with draft.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            draft.chmod(target.stat().st_mode & 0o7777)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
