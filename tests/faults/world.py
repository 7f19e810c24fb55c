"""What runs under faults: a broker behind a proxy, a publisher, workers, and a dedup store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from amqptool import AmqpUrl, Topology, declare
from amqptool.broker.local import RunningNode
from amqptool.retry import wait_queue
from tests.faults.attended import Attended
from tests.faults.checker import Deletion, Effect, Loss
from tests.faults.commands import ASKED_TO_END, DEAD, LINES, QUEUE, RECEIPTS, RETRY, Commands, at_rate
from tests.faults.handlers import write_misdeeds
from tests.faults.load import Load, QueueType
from tests.faults.proxy import FaultProxy, fault_proxies
from tests.faults.receipts import Receipts
from tests.faults.records import Records, attributed
from tests.faults.service import service
from tests.faults.stores import Store, store
from tests.faults.workers import ORDINARY, workers
from tests.support.broker import queue_length
from tests.support.ctl import keep_declarations

#: Seconds without any progress after which it is stuck.
PATIENCE = 180.0
_POLL = 0.1
#: Seconds that a message may be in the hands of workers, who may be stopped for a while.
_LATELY = 90.0
#: Seconds between two looks into the queue.
LOOK = 1.0

_TOPOLOGY = """\
queues:
  {queue}:
    queue_type: {type}
    retry: [{retry}]
    dead_letter: {dead}
"""


class StuckError(Exception):
    """Nothing has happened for too long."""


@dataclass(slots=True)
class Site:
    """A node of the broker, and the proxy before it."""

    node: RunningNode
    proxy: FaultProxy


class World:
    """The processes of a run; each `until` starts again what has ended."""

    def __init__(
        self,
        sites: Sequence[Site],
        vhost: str,
        store: Store,
        records: Records,
        service: str,
        directory: Path,
        load: Load,
    ) -> None:
        self.sites = sites
        self.store = store
        self.directory = directory
        self.queue_type: QueueType = load.queue_type
        #: The broker itself, and on the way through its proxies.
        self.urls = [replace(site.node.url, vhost=vhost) for site in sites]
        self.faulty_urls = [replace(url, port=site.proxy.port) for url, site in zip(self.urls, sites, strict=True)]
        self.losses: list[Loss] = []
        self.deletions: list[Deletion] = []
        #: When the broker has set alarms, in seconds since the epoch.
        self.alarms: list[float] = []
        self._records = records
        self.receipts = Receipts(directory / RECEIPTS)
        commands = Commands(directory, store.url, seed=load.seed, pause=load.pause)
        self.rate = load.rate
        self.publisher = commands.publisher(self.faulty_urls, load.rate)
        wanted = workers(load.seed, has_transactions=store.has_transactions, service=service)
        self.workers = [
            commands.worker(f"worker-{number}", self._turned(number), *words) for number, words in enumerate(wanted)
        ]
        self.last = commands.last("last", self.urls, *ORDINARY)

    @property
    def attended(self) -> list[Attended]:
        """All commands."""
        return [self.publisher, *self.workers, self.last]

    @property
    def killed(self) -> dict[int, float]:
        """The worker processes that ended in the middle of what they did, each with the time."""
        killed = dict(self._records.deaths)
        for worker in self.workers:
            killed |= worker.killed
        return killed

    def effects(self) -> list[Effect]:
        """Return the effects that there are by now."""
        asking = self.workers[-1]
        asked_for = [effect for effect in self._records.effects if effect.worker == asking.name]
        others = [effect for effect in self._records.effects if effect.worker != asking.name]
        return [*attributed(asked_for, asking.started, asking.killed), *others, *self.store.effects()]

    def count(self) -> int:
        """Return how many effects there are by now."""
        return len(self._records.effects) + self.store.count()

    def first_effects(self, since: float) -> dict[str, float]:
        """Return when each worker has had its first effect since then, if it has had one."""
        first = dict(self.store.first_effects(since))
        for effect in takewhile(lambda each: each.at > since, reversed(self._records.effects)):
            first[effect.worker] = effect.at
        return first

    def confirmed_lately(self) -> frozenset[str]:
        """Return the messages that are confirmed by now, and were not a while ago."""
        return self.receipts.confirmed() - self.receipts.confirmed(by=time.monotonic() - _LATELY)

    def has_work(self) -> bool:
        """Return whether there is anything to publish, or to act on."""
        return not self.publisher.is_done or asyncio.run(queue_length(self.urls[0], QUEUE)) > 0

    def publish_at(self, rate: int) -> None:
        """Let the publisher go on with so many messages a second."""
        with self.publisher.forgive(*ASKED_TO_END):
            self.publisher.terminate()
        self.rate, self.publisher.options = rate, at_rate(rate)

    def asking(self) -> int:
        """Return the process that uses the HTTP service now."""
        return self.workers[-1].started[-1]

    def note_service(self, message: str, process: int) -> None:
        """Take note of what the HTTP service has done for a process."""
        self._records.effects.append(Effect(message, process, time.monotonic(), self.workers[-1].name))

    def until(
        self, condition: Callable[[], bool], attended: Sequence[Attended] | None = None, pause: float = _POLL
    ) -> None:
        """Wait for a condition, and start whatever has ended: of the publisher and workers, or of what is given.

        Raises:
            StuckError: it does not hold, and no effect has come for a long time.
        """
        before, since = -1, 0.0
        while True:
            for command in (self.publisher, *self.workers) if attended is None else attended:
                command.attend()
            self.receipts.note(time.monotonic())
            if condition():
                return
            now = self.count()
            if now != before:
                before, since = now, time.monotonic()
            elif time.monotonic() > since + PATIENCE:
                raise StuckError(f"no effect has come for {PATIENCE:g} s, after {now}")
            time.sleep(pause)

    def finish(self) -> None:
        """Let everything be published and worked off."""
        self.until(lambda: self.publisher.is_done)
        self.until(lambda: not self.left(), pause=LOOK)
        self.stop_workers()
        self.work_off_the_rest()

    def left(self) -> dict[str, int]:
        """Return how many messages are ready in the queue, and wait for their next attempt, as far as there are any."""
        delays = (int(delay.removesuffix("s")) * 1000 for delay in RETRY)
        queues = (QUEUE, *(wait_queue(QUEUE, delay) for delay in delays))
        lengths = {queue: asyncio.run(queue_length(self.urls[0], queue)) for queue in queues}
        return {queue: length for queue, length in lengths.items() if length}

    def stop_workers(self) -> None:
        """Let the workers finish what they have in hand; the next `until` starts them again."""
        for worker in self.workers:
            worker.terminate()
        self.wait_for_workers()

    def kill_workers(self) -> None:
        """Kill all processes of all workers; the next `until` starts them again."""
        for worker in self.workers:
            for process in worker.processes():
                worker.kill(process)
        self.wait_for_workers()

    def wait_for_workers(self) -> None:
        """Wait until no process of a worker is left: one whose supervisor was killed ends by itself."""
        self.until(lambda: not any(worker.processes() for worker in self.workers), attended=[self.publisher])

    def work_off_the_rest(self) -> None:
        """Let one more worker, in the place of the others and without a proxy, take what is left."""
        self.until(self._is_worked_off, attended=[self.last])

    def _is_worked_off(self) -> bool:
        """Return whether nothing is left; if what has waited came back after the last worker's end, it works again."""
        if self.last.is_done and self.left():
            self.last.is_done = False
        return self.last.is_done

    def declare(self) -> None:
        """Declare the queues, and see to it that no crash of the broker takes them away."""
        text = _TOPOLOGY.format(queue=QUEUE, type=self.queue_type, retry=", ".join(RETRY), dead=DEAD)
        asyncio.run(_declare(self.urls[0], Topology.parse(text)))
        for site in self.sites:
            keep_declarations(site.node)

    def _turned(self, number: int) -> list[AmqpUrl]:
        """Return the way to the broker, beginning with another node for each worker."""
        turn = number % len(self.faulty_urls)
        return self.faulty_urls[turn:] + self.faulty_urls[:turn]


@contextmanager
def world(nodes: Sequence[RunningNode], vhost: str, directory: Path, load: Load) -> Iterator[World]:
    """Give a world that works, on an empty vhost and in an empty directory; nothing of it is left running."""
    (directory / LINES).write_text("".join(f"{number}\n" for number in range(load.messages)))
    write_misdeeds(directory, load.messages, load.seed)
    records = Records(directory)
    with (
        fault_proxies([node.url.port for node in nodes]) as proxies,
        store(load.store, directory) as dedup,
        service(
            str(load.seed), lambda: made.asking(), lambda message, process: made.note_service(message, process)
        ) as url,
    ):
        sites = [Site(node, proxy) for node, proxy in zip(nodes, proxies, strict=True)]
        made = World(sites, vhost, dedup, records, url, directory, load)
        made.declare()
        try:
            yield made
        finally:
            for command in made.attended:
                command.end()
            records.close()


async def _declare(url: AmqpUrl, topology: Topology) -> None:
    for outcome in await declare(url, topology):
        if outcome.error is not None:
            raise outcome.error
