"""The file that a bug leaves behind, for the report of it."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback

from amqptool import __version__


def write_crash_file(error: BaseException) -> str:
    """Write versions and the traceback (no values, no message bodies) to a private file; return its path."""
    handle, path = tempfile.mkstemp(prefix="amqptool-crash-", suffix=".txt")
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"amqptool {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        file.write(f"{frames}{type(error).__name__}: {error}\n")
    return path
