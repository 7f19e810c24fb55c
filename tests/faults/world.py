"""What runs under faults: a broker behind a proxy, a publisher, workers, and a dedup store."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from amqptool import AmqpUrl, Topology, declare
from amqptool.broker.local import RunningNode
from amqptool.cli.exits import ExitCode
from tests.faults.attended import Attended
from tests.faults.checker import Effect, Loss
from tests.faults.handlers import ENDED_BY_HANDLER, PAUSE, RECORDS, SEED
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.faults.records import Effects, atomic_effects, deaths
from tests.support.ctl import keep_declarations

QueueType = Literal["classic", "quorum"]

QUEUE, DEAD = "work", "dead"
RETRY = ("1s", "2s")
#: Seconds without any progress after which it is stuck; a lost store alone takes its workers 60 s.
PATIENCE = 180.0
_POLL = 0.05
_ROOT = str(Path(__file__).parents[2])

_TOPOLOGY = """\
queues:
  {queue}:
    queue_type: {type}
    retry: [{retry}]
    dead_letter: {dead}
"""
_HANDLERS = ("--handler-timeout", "2s", "--concurrency", "4")
#: How many there are of these in all workers, how much of their time they work, and seconds that one works at most.
_COUNT, _BUSY, _LONGEST_PAUSE = 12, 0.7, 0.5
#: Each kind of worker: an ordinary one, one that is several processes, and one whose effects are in the dedup store.
_WORKERS = (
    ("tests.faults.handlers:handle", *_HANDLERS),
    ("tests.faults.handlers:handle", *_HANDLERS, "--processes", "2", "--prefetch", "20"),
    ("tests.faults.handlers:handle_in_transaction", "--transaction", "--prefetch", "20"),
)

#: How processes may end under faults; one that has only just started does not know SIGTERM yet.
_KILLED, _TERMINATED = -signal.SIGKILL, -signal.SIGTERM
_PUBLISHER_ENDS = (ExitCode.UNAVAILABLE, ExitCode.TRY_AGAIN, _KILLED)
_LAST_ENDS = (ExitCode.DONE, ExitCode.FAILED)
_WORKER_ENDS = (*_LAST_ENDS, ExitCode.UNAVAILABLE, ExitCode.TERMINATED, ENDED_BY_HANDLER, _KILLED, _TERMINATED)


class StuckError(Exception):
    """Nothing has happened for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a world is to work off."""

    messages: int
    seed: int
    #: Messages that are published in a second.
    rate: int
    queue_type: QueueType = "classic"

    @property
    def pause(self) -> float:
        """Seconds that a handler takes on average, so that most of them are always at work."""
        return min(_LONGEST_PAUSE, _BUSY * _COUNT / self.rate)


class World:
    """The processes of a run; each `until` starts again what has ended."""

    def __init__(self, node: RunningNode, url: AmqpUrl, proxy: FaultProxy, directory: Path, load: Load) -> None:
        self.node = node
        #: The broker itself, and on the way through the proxy.
        self.url, self.faulty_url = url, replace(url, port=proxy.port)
        self.proxy = proxy
        self.directory = directory
        self.losses: list[Loss] = []
        #: The effects that were in lost stores.
        self.kept: list[Effect] = []
        self._effects = Effects(directory)
        self._env = {SEED: str(load.seed), RECORDS: str(directory), PAUSE: str(load.pause)}
        self.publisher = self._publisher(load.rate)
        self.workers = [
            self._worker(self.faulty_url, f"worker-{number}", *words) for number, words in enumerate(_WORKERS)
        ]
        self.last = self._worker(self.url, "last", *_WORKERS[0], "--idle-timeout", "5", final=_LAST_ENDS)

    @property
    def store(self) -> Path:
        """The file of the dedup store."""
        return self.directory / "store" / "dedup.db"

    @property
    def receipts(self) -> Path:
        """The file of receipts."""
        return self.directory / "receipts.jsonl"

    @property
    def attended(self) -> list[Attended]:
        """All commands."""
        return [self.publisher, *self.workers, self.last]

    @property
    def killed(self) -> dict[int, float]:
        """The worker processes that ended in the middle of what they did, each with the time."""
        killed = deaths(self.directory)
        for worker in self.workers:
            killed |= worker.killed
        return killed

    def effects(self) -> list[Effect]:
        """Return the effects that there are by now."""
        return [*self._effects.look(), *self.kept, *atomic_effects(self.store)]

    def until(self, condition: Callable[[], bool], attended: Sequence[Attended] | None = None) -> None:
        """Wait for a condition, and start whatever has ended: of the publisher and workers, or of what is given.

        Raises:
            StuckError: it does not hold, and no effect has come for a long time.
        """
        before, since = -1, 0.0
        while True:
            for command in (self.publisher, *self.workers) if attended is None else attended:
                command.attend()
            if condition():
                return
            now = len(self.effects())
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() > since + PATIENCE:
                raise StuckError(f"no effect has come for {PATIENCE:g} s, after {now}")
            time.sleep(_POLL)

    def finish(self) -> None:
        """Let everything be published and worked off."""
        self.until(lambda: self.publisher.is_done)
        self.stop_workers()
        self.work_off_the_rest()

    def stop_workers(self) -> None:
        """Let the workers finish what they have in hand; the next `until` starts them again."""
        for worker in self.workers:
            worker.terminate()
        # Processes whose supervisor was killed end by themselves.
        self.until(lambda: not any(worker.processes() for worker in self.workers), attended=[self.publisher])

    def work_off_the_rest(self) -> None:
        """Let one more worker, in the place of the others and without a proxy, take what is left."""
        self.until(lambda: self.last.is_done, attended=[self.last])

    def move_store(self) -> Path:
        """Take the dedup store away, with all its files at once; return where it is."""
        lost = self.directory / f"lost-{len(self.losses)}"
        self.store.parent.rename(lost)
        return lost / self.store.name

    def _publisher(self, rate: int) -> Attended:
        words = ["publish", "-k", QUEUE, "--lines", str(self.directory / "lines"), "--rate", f"{rate}/s"]
        words += ["--receipts", str(self.receipts), "--resume", "-u", self.faulty_url.reveal()]
        log = self.directory / "publisher.log"
        return Attended(words, env=self._env, log=log, expected=_PUBLISHER_ENDS, final=[ExitCode.DONE])

    def _worker(self, url: AmqpUrl, name: str, handler: str, *words: str, final: tuple[int, ...] = ()) -> Attended:
        command = ["consume", QUEUE, "--handler", handler, "--app-dir", _ROOT, "--dedup", f"sqlite:///{self.store}"]
        command += ["--retry", ",".join(RETRY), "--dead-letter", DEAD, *words, "-u", url.reveal()]
        log = self.directory / f"{name}.log"
        return Attended(command, env=self._env, log=log, expected=_WORKER_ENDS, final=final)


@contextmanager
def world(node: RunningNode, url: AmqpUrl, directory: Path, load: Load) -> Iterator[World]:
    """Give a world that works, on an empty vhost and in an empty directory; nothing of it is left running."""
    (directory / "lines").write_text("".join(f"{number}\n" for number in range(load.messages)))
    asyncio.run(_declare(url, load.queue_type))
    keep_declarations(node)
    with fault_proxy(url.port) as proxy:
        made = World(node, url, proxy, directory, load)
        try:
            yield made
        finally:
            for command in made.attended:
                command.end()


async def _declare(url: AmqpUrl, queue_type: QueueType) -> None:
    text = _TOPOLOGY.format(queue=QUEUE, type=queue_type, retry=", ".join(RETRY), dead=DEAD)
    for outcome in await declare(url, Topology.parse(text)):
        if outcome.error is not None:
            raise outcome.error
