"""Connections that are lost again and again leave nothing behind: no consumer, no memory, no descriptor."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from amqptool import AmqpUrl
from amqptool.broker.amqp import connect
from tests.support.broker import declare_queue, queue_length
from tests.support.cli import UNMEASURED, cli_arguments, cli_environment
from tests.support.faulty import FaultyLine, faulty_line
from tests.support.monitoring import until
from tests.support.resources import descriptors, resident

#: How many; 1,000 take some four minutes.
RECONNECTS = int(os.environ.get("AMQPTOOL_TEST_RECONNECTS", "40"))
#: MiB that a process may grow by in the second half of them.
GROWTH = 5
#: In these everything is there, and none of it may be there twice later.
SETTLED = slice(5, 10)
#: Fails at first, so that the connection of the copies is used too.
HANDLER = """
def handle(delivery):
    if delivery.attempt == 1:
        raise ValueError("not yet")
    with open("effects", "ab") as effects:
        effects.write(delivery.body + b"\\n")
"""
PUBLISH = ("publish", "-k", "q", "--lines", "-")
CONSUME = ("consume", "q", "--handler", "record:handle", "--app-dir", ".", "--dedup", "sqlite:///dedup.db")
CONSUME += ("--retry", "10ms", "--dead-letter", "dead")


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: MiB, and how many files and sockets."""

    memory: float
    descriptors: int


def held_by(process: Process) -> Held:
    """Look at a process."""
    return Held(resident(process.pid), descriptors(process.pid))


@asynccontextmanager
async def command(*words: str, directory: Path) -> AsyncIterator[Process]:
    """Run a command in a directory, with a pipe to its stdin, until the block ends."""
    arguments, environment = cli_arguments(*words), cli_environment(UNMEASURED)
    process = await asyncio.create_subprocess_exec(
        *arguments, env=environment, cwd=directory, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def consumers(url: AmqpUrl, queue: str) -> int:
    """Count the consumers of a queue, as its broker knows them."""
    async with connect(url) as connection:
        channel = await connection.channel()
        return (await channel.check_queue(queue)).consumers


async def reset_again_and_again(
    line: FaultyLine, worker: Process, publisher: Process, effects: Path
) -> list[tuple[Held, Held]]:
    """Reset all connections before each message but the first, and return what was held after its effect."""
    held = []
    for number in range(RECONNECTS + 1):
        if number:
            line.reset()
        assert publisher.stdin is not None
        publisher.stdin.write(b"%d\n" % number)
        await until(lambda: effects.read_bytes().endswith(b"%d\n" % number))  # noqa: B023  # called at once
        held.append((held_by(worker), held_by(publisher)))
    return held


async def until_settled(process: Process, held: Sequence[Held]) -> None:
    """Wait until a process has no more open than it had at first: what is just being closed does not count."""
    least = min(each.descriptors for each in held[SETTLED])
    await until(lambda: descriptors(process.pid) == least)


def test_many_reconnects_leave_nothing_behind(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Each message is handled once, though all connections of its publisher, worker and copies are reset after each."""
    (tmp_path / "record.py").write_text(HANDLER)
    effects = tmp_path / "effects"
    effects.touch()

    async def scenario() -> list[tuple[Held, Held]]:
        for queue in ("q", "dead"):
            await declare_queue(amqptool_vhost, queue)
        async with (
            faulty_line(amqptool_vhost) as (line, url),
            command(*CONSUME, "-u", url.reveal(), directory=tmp_path) as worker,
            command(*PUBLISH, "-u", url.reveal(), directory=tmp_path) as publisher,
        ):
            held = await reset_again_and_again(line, worker, publisher, effects)
            for process, rounds in zip((worker, publisher), zip(*held, strict=True), strict=True):
                await until_settled(process, rounds)
            publisher.stdin.close()  # type: ignore[union-attr]
            assert await publisher.wait() == 0
            while await consumers(amqptool_vhost, "q") != 1 or await queue_length(amqptool_vhost, "q"):
                await asyncio.sleep(0.1)
            worker.terminate()
            assert await worker.wait() == 0
            assert line.connections >= 3 * RECONNECTS  # of worker, copies and publisher
            return held

    held = asyncio.run(scenario())
    assert effects.read_bytes().split() == [b"%d" % number for number in range(RECONNECTS + 1)]
    for name, rounds in zip(("worker", "publisher"), zip(*held, strict=True), strict=True):
        first, second = rounds[: RECONNECTS // 2], rounds[RECONNECTS // 2 :]
        print(f"{name}: {first[-1]} after half of {RECONNECTS} reconnects, {second[-1]} in the end")
        assert max(each.memory for each in second) < max(each.memory for each in first) + GROWTH
