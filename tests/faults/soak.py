"""Publish and handle at full speed for minutes, and watch what is held: `python -m tests.faults.soak --minutes 20`.

Prints a line of JSON. The exit code is 1 if a process has grown, by 5 MiB or more over the most that it held in the
second minute or by a descriptor, or if not all that was published was handled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from amqptool import AmqpUrl
from amqptool.broker.local import temporary
from amqptool.testing import fresh_vhost
from tests.support.broker import declare_queue, queue_length
from tests.support.cli import cli_arguments, cli_environment
from tests.support.resources import descriptors, resident

#: MiB that a process may grow by.
GROWTH = 5.0
#: Seconds after which everything is there, and those after which it counts as growth.
_WARM, _SETTLED = 60.0, 120.0
#: Minutes that are needed to tell whether it has grown, and seconds in which what is left is worked off.
_LEAST_MINUTES, _PATIENCE = 3.0, 120.0
#: Messages that wait in the queue, about, so that neither side waits for the other.
_BACKLOG, _PORTION = 20_000, 5_000
#: Seconds between two looks.
_POLL = 0.1
_ROOT = str(Path(__file__).parents[2])


@dataclass(slots=True)
class Watched:
    """A process, and the most that it held: MiB and descriptors, while it settled and since."""

    process: subprocess.Popen[bytes]
    settled: tuple[float, int] = (0.0, 0)
    since: tuple[float, int] = (0.0, 0)

    def look(self, seconds: float) -> None:
        """Take note of what it holds now, so many seconds after the start."""
        memory, files = resident(self.process.pid), descriptors(self.process.pid)
        if _WARM <= seconds < _SETTLED:
            self.settled = max(self.settled[0], memory), max(self.settled[1], files)
        elif seconds >= _SETTLED:
            self.since = max(self.since[0], memory), max(self.since[1], files)

    @property
    def has_grown(self) -> bool:
        """Whether it held more since it had settled."""
        return self.since[0] >= self.settled[0] + GROWTH or self.since[1] > self.settled[1]

    def told(self) -> dict[str, object]:
        """Return the figures."""
        (memory, files), (memory_since, files_since) = self.settled, self.since
        return {"mib": [round(memory, 1), round(memory_since, 1)], "descriptors": [files, files_since]}


@dataclass(slots=True)
class Soak:
    """A publisher and a worker on a queue."""

    url: AmqpUrl
    publisher: Watched
    worker: Watched
    _numbers: Iterator[int] = field(default_factory=count)

    def run(self, seconds: float) -> int:
        """Keep both at work, look at them all the time, and return how many messages were published."""
        published, start = 0, time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            if asyncio.run(queue_length(self.url, "q")) < _BACKLOG:
                self._feed()
                published += _PORTION
            for each in (self.publisher, self.worker):
                each.look(passed)
            time.sleep(_POLL)
        return published

    def finish(self) -> int:
        """Let the publisher end, and the worker when nothing is left, and return how many messages it has handled."""
        assert self.publisher.process.stdin is not None
        assert self.worker.process.stdout is not None
        self.publisher.process.stdin.close()
        for each in (self.publisher, self.worker):
            assert each.process.wait(_PATIENCE) == 0
        return int(json.loads(self.worker.process.stdout.read())["handled"])

    def _feed(self) -> None:
        assert self.publisher.process.stdin is not None
        self.publisher.process.stdin.write(b"".join(b"%d\n" % next(self._numbers) for _ in range(_PORTION)))
        self.publisher.process.stdin.flush()


@contextmanager
def soaking(url: AmqpUrl, directory: Path) -> Iterator[Soak]:
    """Give a publisher and a worker that run."""
    handling = ("--handler", "tests.bench.handlers:nothing", "--app-dir", _ROOT)
    store = ("--dedup", f"sqlite:///{directory}/dedup.db", "--idle-timeout", "5")
    with (
        _command("publish", "-k", "q", "--lines", "-", url=url, stdout=subprocess.DEVNULL) as publisher,
        _command("consume", "q", *handling, *store, "--json", url=url, stdout=subprocess.PIPE) as worker,
    ):
        yield Soak(url, Watched(publisher), Watched(worker))


@contextmanager
def _command(*words: str, url: AmqpUrl, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = cli_environment({"AMQPTOOL_URL": url.reveal()})
    pipe = subprocess.PIPE
    with subprocess.Popen(cli_arguments(*words), env=environment, stdin=pipe, stdout=stdout) as process:
        try:
            yield process
        finally:
            process.kill()


def main(words: list[str]) -> int:
    """Soak, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--report", type=Path, metavar="FILE", help="add the line to this file too")
    arguments = parser.parse_args(words)
    minutes = arguments.minutes
    if minutes < _LEAST_MINUTES:
        parser.error(f"nothing is known before {_LEAST_MINUTES:g} minutes")
    seconds = 60 * minutes
    with temporary() as node, fresh_vhost(node) as url, tempfile.TemporaryDirectory() as directory:
        asyncio.run(declare_queue(url, "q"))
        with soaking(url, Path(directory)) as soak:
            published = soak.run(seconds)
            handled = soak.finish()
    told = {"seconds": seconds, "messages": published, "handled": handled, "per_second": round(published / seconds)}
    line = json.dumps(told | {"publisher": soak.publisher.told(), "worker": soak.worker.told()})
    print(line)
    if arguments.report is not None:
        with arguments.report.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    return int(soak.publisher.has_grown or soak.worker.has_grown or handled != published)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
