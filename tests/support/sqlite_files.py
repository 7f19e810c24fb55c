"""A SQLite file as other processes and other programs see it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

#: What another process does: each line of stdin is an expression, and its value goes to stdout.
_OTHER_PROCESS = """
import resource, sqlite3, sys
from amqptool.dedup.interface import Acquired, Key
from amqptool.dedup.sqlite import SqliteStore
from amqptool.errors import DedupError

def claim(*names):
    return [type(answer).__name__ for answer in store.claim([Key("scope", name) for name in names])]

def open_all(*paths):
    return [SqliteStore(path).close() for path in paths]

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def fill():
    for number in range(10_000):
        try:
            claim(f"filler-{number}")
        except DedupError as error:
            return str(error)

store = SqliteStore(sys.argv[1]) if len(sys.argv) > 1 else None
for line in sys.stdin:
    try:
        answer = eval(line)
    except Exception as error:
        answer = f"{type(error).__name__}: {error}"
    print(answer, flush=True)
"""


class OtherProcess:
    """A Python process of its own that has the store open."""

    def __init__(self, *path: Path) -> None:
        arguments = [sys.executable, "-c", _OTHER_PROCESS, *map(str, path)]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, expression: str) -> None:
        """Have an expression evaluated, without waiting for it."""
        assert self.process.stdin
        self.process.stdin.write(f"{expression}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Return the value of the next expression."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def ask(self, expression: str) -> str:
        """Have an expression evaluated and return its value."""
        self.send(expression)
        return self.answer()

    def kill(self) -> None:
        """Kill the process and wait until it is a zombie; its parent has not asked for it yet."""
        self.process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def end(self) -> None:
        """End the process and everything about it."""
        self.process.kill()
        self.process.communicate()


def run_sql(path: Path, *statements: str) -> None:
    """Do something to a database as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def contents(directory: Path) -> dict[str, bytes]:
    """Return the files of a directory, byte for byte."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}
