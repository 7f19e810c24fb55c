"""Commands on a terminal, and what is left to be seen there."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import unicodedata
from collections.abc import Mapping, Sequence

from tests.support.cli import cli_arguments, cli_environment

#: What changes the order in which a line is read (CVE-2021-42574).
BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PIECE = re.compile(r"\r|\n|\x1b\[(?P<number>\d*)(?P<code>[A-Za-z])|\x1b\[\?\d+[hl]|(?P<text>[^\r\n\x1b]+)")


def acting(text: str) -> set[str]:
    """Return the characters that act on a terminal or mislead a reader, but for line feeds and tabs."""
    unsafe = {each for each in set(text) if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")}
    return (unsafe | set(text) & BIDI_CONTROLS) - {"\n", "\t"}


def seen_on_terminal(
    words: Sequence[str], env: Mapping[str, str], *, with_stdout: bool, with_stdin: bool = False
) -> tuple[str, str]:
    """Run a command whose stderr is a terminal, the others too or not; return what came there, and else on stdout."""
    terminal, ours = pty.openpty()
    stdin = ours if with_stdin else subprocess.DEVNULL
    stdout = ours if with_stdout else subprocess.PIPE
    command = cli_arguments(*words)
    environment = {**cli_environment(), "TERM": "xterm", "COLUMNS": "120", **env}
    with subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=ours) as running:
        os.close(ours)
        seen = rest_of(terminal)
        elsewhere = b"" if running.stdout is None else running.stdout.read()
    os.close(terminal)
    return seen.decode(), elsewhere.decode()


def rest_of(terminal: int) -> bytes:
    """Read until nobody has the terminal open any more."""
    seen = b""
    while True:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # Linux: the last writer has closed it
            return seen


def screen(seen: str) -> list[str]:
    """Return the lines that a terminal shows in the end; it knows what rich needs, and is high enough."""
    lines, row, column = [""], 0, 0
    for piece in _PIECE.finditer(seen):
        if piece[0] == "\r":
            column = 0
        elif piece[0] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece["code"] == "A":
            row = max(0, row - int(piece["number"] or 1))
        elif piece["code"] == "K":
            lines[row] = ""
        elif piece["text"]:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + piece["text"] + line[column + len(piece["text"]) :]
            column += len(piece["text"])
    return [line for line in lines if line]
