"""A tap that runs while a test publishes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.cli import cli_arguments, cli_environment


@contextmanager
def tapping(env: Mapping[str, str], *words: str, stdout: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """Run `amqptool tap`, and go on when it is bound."""
    with subprocess.Popen(
        cli_arguments("tap", *words), env=cli_environment(env), stdout=stdout, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line.startswith("tapping "), line + process.stderr.read()
            yield process
        finally:
            process.kill()
