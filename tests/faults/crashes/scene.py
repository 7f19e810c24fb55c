"""Workers that are killed at a queue and a store, one after another, and what each of them leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amqptool import AmqpUrl, Message
from amqptool.broker.amqp import connect
from amqptool.dedup import open_existing
from amqptool.dedup.interface import Row, State
from tests.faults.crashes.duty import DEAD, QUEUE, WAITING, Duty
from tests.faults.crashes.handlers import NOTES, Did, Note, notes_in
from tests.faults.crashes.points import CRASH_AT, Point
from tests.faults.crashes.times import NUMBERS
from tests.faults.crashes.wire import Frame, Wire
from tests.support.broker import declare_queue, drain, publish
from tests.support.cli import cli_environment
from tests.support.fork_server import COMMAND_LINE, STDERR, STDOUT, ForkServer

_WORKER = "tests.faults.crashes.worker:work"


@dataclass(frozen=True, slots=True)
class Left:
    """What is there after a worker was killed, with all that it had in hand back in its queue."""

    process: int
    #: How many messages are in each place.
    queued: int
    waiting: int
    dead: int
    rows: dict[str, Row]
    notes: list[Note]

    @property
    def begun(self) -> list[str]:
        """The messages with which it had begun."""
        return [note.message for note in self.notes if note.did is Did.BEGIN]

    @property
    def acted(self) -> list[str]:
        """The messages whose effects it had."""
        return [note.message for note in self.notes if note.did is Did.ACT]

    def having(self, state: State) -> set[str]:
        """Return the messages whose row is in a state."""
        return {message for message, row in self.rows.items() if row.state == state}


class Scene:
    """A queue of messages, and workers that share a store."""

    def __init__(self, server: ForkServer, url: AmqpUrl, wire: Wire, store: str, folder: Path) -> None:
        self.url, self.wire, self.store, self.folder = url, wire, store, folder
        self.messages: list[str] = []
        #: For each worker that is to be killed, at which time of coming to its crash point.
        self.numbers = NUMBERS
        #: The copies that have waited for their next attempt, in their order.
        self.copies: list[str] = []
        self._server = server

    def use(self, store: str) -> None:
        """Use another store; with one on a server, fewer workers are killed."""
        self.store = store
        self.kill_fewer(1 if store.startswith("sqlite:") else 4)

    def kill_fewer(self, share: int) -> None:
        """Kill a fraction of the workers, as is enough for another way to the same."""
        self.numbers = self.numbers[: len(self.numbers) // share]

    def fill(self, count: int | None = None) -> None:
        """Put messages into the queue, as many as there can be before all workers are killed unless it is said."""
        count = sum(self.numbers) if count is None else count
        messages = [Message(body=b"%d" % number, routing_key=QUEUE) for number in range(count)]
        self.messages += [str(message.message_id) for message in messages]

        async def main() -> None:
            await declare_queue(self.url, QUEUE)
            await publish(self.url, messages)

        asyncio.run(main())

    def kill_at(self, crash: Point | Frame, number: int, duty: Duty) -> Left:
        """Have a worker killed when it comes somewhere for the so-many-th time."""
        if isinstance(crash, Frame):
            process = self._kill_on_wire(crash, number, duty)
        elif crash in (Point.BEFORE_EFFECT, Point.AFTER_EFFECT):
            process = self.start(self.url, duty, crash.at(number))
        else:
            process = self.start_mortal(self.url, duty, crash.at(number))
        assert self.wait(process) == -signal.SIGKILL, self.told()
        self.wire.drop()
        return self.left_by(process, duty)

    def start(self, url: AmqpUrl, duty: Duty, crash_at: str = "", *words: str) -> int:
        """Start the real command."""
        command = ["consume", QUEUE, *duty.options(), "--dedup", self.store, "--json", "-u", url.reveal(), *words]
        return self.command(command, crash_at)

    def command(self, words: Sequence[str], crash_at: str = "") -> int:
        """Start any command of amqptool."""
        return self._start(COMMAND_LINE, words, crash_at)

    def start_mortal(self, url: AmqpUrl, duty: Duty, crash_at: str = "", **settings: Any) -> int:
        """Start a worker whose store may be the end of it."""
        where = {"urls": url.reveal(), "queue": QUEUE, "dedup": self.store}
        return self._start(_WORKER, where | duty.settings() | settings, crash_at)

    def wait(self, process: int) -> int:
        """Wait for the end of a process, and return its exit code."""
        ending = self._server.wait(process)
        assert not ending.is_hung, self.told()
        return ending.code

    def run(self, url: AmqpUrl, duty: Duty, count: int) -> dict[str, Any]:
        """Run the real command, which nobody kills, for so many messages, and return what it reports."""
        process = self.start(url, duty, "", "-n", str(count))
        assert self.wait(process) in (0, 1), self.told()
        report: dict[str, Any] = json.loads((self.folder / STDOUT).read_text().splitlines()[-1])
        return report

    def finish(self, duty: Duty) -> Counter[str]:
        """Let workers work off what there is, failed messages included, and add up what they report."""
        total: Counter[str] = Counter()
        while ready := self._return_copies(duty):
            report = self.run(self.url, duty, ready)
            total.update({name: value for name, value in report.items() if isinstance(value, int)})
        return total

    def left_by(self, process: int, duty: Duty) -> Left:
        """Look what a worker that has ended has left."""
        queued, waiting, dead = asyncio.run(self._lengths(duty))
        notes = [note for note in self.notes() if note.process == process]
        return Left(process, queued, waiting, dead, self.rows(), notes)

    def rows(self) -> dict[str, Row]:
        """Return what the store knows of the messages."""
        with closing(open_existing(self.store)) as store:
            return {message: entry.row for message in self.messages for entry in store.find(message)}

    def notes(self) -> list[Note]:
        """Return what handlers have written down."""
        return notes_in(self.folder)

    def effects(self) -> Counter[str]:
        """Count the effects that each message has had."""
        return Counter(note.message for note in self.notes() if note.did is Did.ACT)

    def dead_letters(self) -> Counter[str]:
        """Take the dead letters, and count those of each message."""
        return Counter(str(each.message_id) for each in asyncio.run(drain(self.url, DEAD)))

    def told(self) -> str:
        """Return what the processes have written to stderr."""
        return (self.folder / STDERR).read_text("utf-8", "replace")

    def _kill_on_wire(self, frame: Frame, number: int, duty: Duty) -> int:
        self.wire.hold_at(frame, number)
        process = self.start(self.wire.url, duty)
        self.wire.wait()
        os.kill(process, signal.SIGKILL)
        return process

    def _start(self, program: str, job: object, crash_at: str) -> int:
        env = cli_environment({CRASH_AT: crash_at, NOTES: str(self.folder)})
        return self._server.start(program, job, env=env, folder=self.folder)

    def _return_copies(self, duty: Duty) -> int:
        """Move copies back to the queue, as the broker does in the end, and return how many messages are there."""

        async def move() -> int:
            copies = [each.message for each in await drain(self.url, WAITING)]
            self.copies += [str(copy.message_id) for copy in copies]
            await publish(self.url, [replace(copy, exchange="", routing_key=QUEUE) for copy in copies])
            return len(copies)

        queued, waiting, _ = asyncio.run(self._lengths(duty))
        return queued + (asyncio.run(move()) if waiting else 0)

    async def _lengths(self, duty: Duty) -> tuple[int, int, int]:
        async with connect(self.url) as connection:
            channel = await connection.channel()
            # With its consumer, what a worker had in hand has gone back.
            while (counts := await channel.check_queue(QUEUE)).consumers:
                await asyncio.sleep(0.01)
            waiting = (await channel.check_queue(WAITING)).ready if duty.retries else 0
            dead = (await channel.check_queue(DEAD)).ready if duty.is_dead_lettered else 0
            return counts.ready, waiting, dead
