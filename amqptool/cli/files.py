"""Writing a file as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def write_file(path: str, text: str) -> None:
    """Write a text file in one step: its readers find all of the old text or all of the new.

    Raises:
        OSError: the file cannot be written; it is as it was.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    try:
        if target.exists() and not target.is_file():  # a pipe or a terminal is written to, not replaced
            target.write_text(text, "utf-8")
        else:
            _replace(target, text)
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
