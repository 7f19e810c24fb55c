"""A slice of a run under faults: from a seed to a verdict."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amqptool import AmqpUrl
from amqptool.broker.local import RunningNode
from tests.faults.checker import Span, Verdict, check
from tests.faults.commands import DEAD
from tests.faults.handlers import Misdeed, misdeed_of
from tests.faults.load import Load, QueueType
from tests.faults.logs import Reactions, reactions
from tests.faults.pace import MOST_RATE, is_too_fast, rate
from tests.faults.schedule import KEEPING_DONE, Kind, Strike, possible, schedule
from tests.faults.stores import StoreName
from tests.faults.strikes.bring import Struck, bring
from tests.faults.world import World, world
from tests.support.broker import drain


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What a run is to be."""

    messages: int
    faults: int
    seed: int
    queue_type: QueueType = "classic"
    store: StoreName = "sqlite"
    nodes: int = 1
    #: Seconds that a fault may last.
    longest: float = 3.0
    kinds: tuple[Kind, ...] = tuple(Kind)

    def strikes(self) -> list[Strike]:
        """Return its schedule."""
        kinds = possible(self.kinds, has_file=self.store == "sqlite", has_cluster=self.nodes > 1)
        return schedule(self.seed, messages=self.messages, faults=self.faults, longest=self.longest, kinds=kinds)

    def load(self) -> Load:
        """Return what there is to work off, and at which rate it comes."""
        return Load(
            messages=self.messages,
            seed=self.seed,
            rate=rate(self.messages, self.strikes()),
            queue_type=self.queue_type,
            store=self.store,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a run."""

    asked: Slice
    verdict: Verdict
    struck: list[Struck]
    reactions: Reactions
    #: How the processes of each command ended.
    ends: dict[str, Counter[int]]
    #: What must not be, in words.
    surprises: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with anything."""
        return self.verdict.is_sound and not self.surprises


def run(nodes: Sequence[RunningNode], vhost: str, directory: Path, asked: Slice) -> Result:
    """Run a slice on an empty vhost of a broker, whose nodes are given, and in an empty directory.

    Raises:
        StuckError: nothing has happened for too long.
        UnexpectedEndError: a process has ended as none should.
        AmqptoolError, OSError: a result cannot be read.
    """
    with world(nodes, vhost, directory, asked.load()) as made:
        struck = _strike(made, asked)
        made.publish_at(MOST_RATE)
        made.finish()
        verdict = check(
            made.receipts.outcomes(),
            made.effects(),
            set_aside=set_aside(made.urls[0], asked.seed),
            killed=made.killed,
            losses=made.losses,
            deletions=made.deletions,
            held_up=[Span(each.begun, each.begun + each.lasted) for each in struck if each.kind in KEEPING_DONE],
        )
        return Result(
            asked=asked,
            verdict=verdict,
            struck=struck,
            reactions=reactions(made, struck),
            ends={command.name: command.ends for command in made.attended},
            surprises=_surprises(made, asked, verdict),
        )


def _strike(made: World, asked: Slice) -> list[Struck]:
    """Bring all strikes over a world, in which messages come as long as there are some."""
    struck: list[Struck] = []
    strikes = asked.strikes()
    for number, strike in enumerate(strikes):
        made.until(lambda: made.count() >= strike.at or made.publisher.is_done)  # noqa: B023  # called at once
        wanted = rate(asked.messages - len(made.receipts.confirmed()), strikes[number:])
        if is_too_fast(made.rate, wanted):
            made.publish_at(wanted)
        struck += bring(made, strike)
    return struck


def set_aside(url: AmqpUrl, seed: int) -> dict[str, bool]:
    """Take everything out of the queue for failed messages: their ids, each with whether its handler always fails."""
    dead = asyncio.run(drain(url, DEAD))
    return {str(each.message_id): misdeed_of(each.body, str(seed)) is Misdeed.FAIL for each in dead}


def _surprises(made: World, asked: Slice, verdict: Verdict) -> list[str]:
    found = [f"{each.name} wrote a traceback" for each in made.attended if "Traceback" in each.told()]
    if verdict.acknowledged != asked.messages:
        found.append(f"{verdict.acknowledged} of {asked.messages} messages are confirmed")
    return [*found, *(f"{count} messages are left in {queue}" for queue, count in made.left().items())]
