"""What can go wrong in a run."""

from __future__ import annotations

from pathlib import Path

from amqptool import AmqpUrl
from amqptool.broker.local import RunningNode
from tests.faults.load import Load
from tests.faults.schedule import Kind, Strike
from tests.faults.strikes import FAULTS
from tests.faults.strikes.bring import bring
from tests.faults.world import world


def test_there_is_a_fault_of_each_kind() -> None:
    """None of them is a mere name."""
    assert set(FAULTS) == set(Kind)


def test_a_fault_within_another_one_comes_although_nobody_is_there_for_that(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """It is told of both what became of them; here no publisher has been started yet."""
    within = Strike(Kind.MEMORY_ALARM, at=0, seconds=0.0, whom=0)
    strike = Strike(Kind.STOP_PUBLISHER, at=0, seconds=0.0, whom=0, inner=within)
    with world([mortal_node], mortal_vhost.vhost, tmp_path, Load(messages=1, seed=1, rate=1)) as made:
        struck = bring(made, strike)
    assert [(each.kind, each.has_hit) for each in struck] == [(Kind.STOP_PUBLISHER, False), (Kind.MEMORY_ALARM, True)]


def test_a_worker_is_back_after_the_node_listens_again(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """Each of them, which is measured from then on, though the node has not told of it at once."""
    strike = Strike(Kind.KILL_BROKER, at=0, seconds=0.0, whom=0)
    with world([mortal_node], mortal_vhost.vhost, tmp_path, Load(messages=2000, seed=1, rate=50)) as made:
        made.until(lambda: made.count() > 0)
        [struck] = bring(made, strike)
    assert len(struck.recoveries) + struck.idle == len(made.workers)
    assert all(seconds > 0 for seconds in struck.recoveries)
