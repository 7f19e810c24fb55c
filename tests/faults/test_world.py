"""Without faults, the world under faults does all its work, misdeeds of handlers included."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker.amqp import connect
from amqptool.broker.local import RunningNode
from tests.faults.checker import check
from tests.faults.commands import QUEUE
from tests.faults.handlers import Misdeed, misdeed_of
from tests.faults.load import Load
from tests.faults.pace import MOST_RATE
from tests.faults.run import set_aside
from tests.faults.schedule import Kind, Strike
from tests.faults.strikes.bring import bring
from tests.faults.world import World, world

#: One worker is two processes.
CONSUMERS = 5


@contextmanager
def made(node: RunningNode, url: AmqpUrl, directory: Path, load: Load) -> Iterator[World]:
    """Give a world on one node."""
    with world([node], url.vhost, directory, load) as made:
        yield made


async def consumers(made: World) -> int:
    """Count the consumers of the work queue, among which its messages are dealt out."""
    async with connect(made.urls[0]) as connection:
        return (await (await connection.channel()).check_queue(QUEUE)).consumers


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_world_without_faults_works_everything_off(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path, seed: int
) -> None:
    """All is confirmed, and acted on by workers of each kind, or set aside; the seed tells some of the kinds."""
    with made(mortal_node, mortal_vhost, tmp_path, Load(messages=300, seed=seed, rate=200)) as all_of_it:
        all_of_it.until(lambda: asyncio.run(consumers(all_of_it)) == CONSUMERS, attended=all_of_it.workers)
        all_of_it.finish()
        effects, receipts = all_of_it.effects(), all_of_it.receipts.outcomes()
        dead = set_aside(all_of_it.urls[0], seed)
        verdict = check(receipts, effects, set_aside=dead, killed=all_of_it.killed)
    assert (verdict.acknowledged, verdict.is_sound) == (300, True)
    assert {effect.message for effect in effects} | dead.keys() == receipts.keys()
    assert len(dead) == sum(misdeed_of(b"%d" % number, str(seed)) is Misdeed.FAIL for number in range(300))
    assert {effect.worker for effect in effects} >= {f"worker-{number}" for number in range(4)}


def test_a_publisher_that_was_killed_goes_on(mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Each message has a receipt in the end."""
    with made(mortal_node, mortal_vhost, tmp_path, Load(messages=100, seed=7, rate=50)) as all_of_it:
        all_of_it.until(lambda: all_of_it.count() > 5)
        [process] = all_of_it.publisher.processes()
        all_of_it.publisher.kill(process)
        all_of_it.until(lambda: all_of_it.publisher.is_done)
        assert all_of_it.publisher.ends == {-9: 1, 0: 1}
        assert Counter(all_of_it.receipts.outcomes().values()) == {"confirmed": 100}


def test_a_fault_hits_only_as_long_as_there_is_work_and_somebody_whom_it_hits(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """One that was to come while another one lasts comes without it, too."""
    reset = Strike(Kind.RESET, at=1, seconds=0.0, whom=0)
    no_server = Strike(Kind.KILL_STORE, at=1, seconds=0.0, whom=0, inner=reset)
    with made(mortal_node, mortal_vhost, tmp_path, Load(messages=100, seed=7, rate=10)) as all_of_it:
        all_of_it.until(lambda: all_of_it.count() > 5)
        struck = bring(all_of_it, no_server)
        assert [(each.kind, each.has_hit) for each in struck] == [(Kind.KILL_STORE, False), (Kind.RESET, True)]
        all_of_it.publish_at(MOST_RATE)
        all_of_it.finish()
        assert [each.has_hit for each in bring(all_of_it, reset)] == [False]
        assert len(all_of_it.receipts.confirmed()) == 100


@pytest.mark.parametrize("misdeed", list(Misdeed))
def test_each_misdeed_comes_with_some_message(misdeed: Misdeed) -> None:
    """In a large run."""
    assert misdeed in {misdeed_of(b"%d" % number, "7") for number in range(20_000)}


def test_a_seed_gives_the_same_misdeeds_again() -> None:
    """And another seed gives others."""
    first, again, other = ([misdeed_of(b"%d" % each, seed) for each in range(1000)] for seed in ("7", "7", "8"))
    assert first == again
    assert first != other
