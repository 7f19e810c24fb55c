"""A slice of a run under faults: from a seed to a verdict."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from amqptool import AmqpUrl
from amqptool.broker.local import RunningNode
from amqptool.retry import wait_queue
from tests.faults.checker import Verdict, check
from tests.faults.records import outcomes
from tests.faults.schedule import Kind, Strike, schedule
from tests.faults.strikes import Struck, bring
from tests.faults.world import DEAD, QUEUE, RETRY, Load, QueueType, World, world
from tests.support.broker import drain, queue_length

#: Seconds that a fault takes beside those that it lasts, about: messages are to be published through all of them.
_HEALING = 2.0
_LONG_HEALING = {Kind.KILL_BROKER: 8.0, Kind.RESTART_BROKER: 12.0, Kind.LOSE_STORE: 70.0}
#: Messages that are published in a second at most, so that they do not merely wait.
_MOST_RATE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What a run is to be."""

    messages: int
    faults: int
    seed: int
    queue_type: QueueType = "classic"
    #: Seconds that a fault may last.
    longest: float = 3.0
    kinds: tuple[Kind, ...] = tuple(Kind)

    def strikes(self) -> list[Strike]:
        """Return its schedule."""
        return schedule(self.seed, messages=self.messages, faults=self.faults, longest=self.longest, kinds=self.kinds)

    def load(self) -> Load:
        """Return what there is to work off, and at which rate it comes."""
        seconds = sum(each.seconds + _LONG_HEALING.get(each.kind, _HEALING) for each in self.strikes())
        rate = min(_MOST_RATE, int(self.messages / max(1.0, seconds)))
        return Load(messages=self.messages, seed=self.seed, rate=max(1, rate), queue_type=self.queue_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a run."""

    asked: Slice
    verdict: Verdict
    struck: list[Struck]
    #: How the processes of each command ended.
    ends: dict[str, Counter[int]]
    #: What must not be, in words.
    surprises: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with anything."""
        return self.verdict.is_sound and not self.surprises


def run(node: RunningNode, url: AmqpUrl, directory: Path, asked: Slice) -> Result:
    """Run a slice on an empty vhost and in an empty directory.

    Raises:
        StuckError: nothing has happened for too long.
        UnexpectedEndError: a process has ended as none should.
        AmqptoolError, OSError: a result cannot be read.
    """
    with world(node, url, directory, asked.load()) as made:
        struck: list[Struck] = []
        for strike in asked.strikes():
            made.until(lambda: len(made.effects()) >= strike.at or made.publisher.is_done)  # noqa: B023  # called at once
            struck.append(bring(made, strike))
        made.finish()
        set_aside = asyncio.run(_ids_in(url, DEAD))
        verdict = check(
            outcomes(made.receipts), made.effects(), set_aside=set_aside, killed=made.killed, losses=made.losses
        )
        ends = {command.name: command.ends for command in made.attended}
        return Result(
            asked=asked, verdict=verdict, struck=struck, ends=ends, surprises=_surprises(made, asked, verdict)
        )


async def _ids_in(url: AmqpUrl, queue: str) -> set[str]:
    return {str(delivery.message_id) for delivery in await drain(url, queue)}


def _surprises(made: World, asked: Slice, verdict: Verdict) -> list[str]:
    found = [f"{each.name} wrote a traceback" for each in made.attended if "Traceback" in each.told()]
    if verdict.sent != asked.messages:
        found.append(f"{verdict.sent} of {asked.messages} messages have receipts")
    delays = [wait_queue(QUEUE, int(delay.removesuffix("s")) * 1000) for delay in RETRY]
    for queue in (QUEUE, *delays):
        if left := asyncio.run(queue_length(made.url, queue)):
            found.append(f"{left} messages are left in {queue}")
    return found
