"""A slice under faults is sound; `python -m tests.faults` runs larger ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import RunningNode
from tests.faults.run import Slice, run
from tests.faults.schedule import Kind
from tests.faults.strikes import FAULTS

#: Of each part of the world, what heals fast.
KINDS = (Kind.KILL_BROKER, Kind.KILL_WORKER, Kind.KILL_PUBLISHER, Kind.STOP_WORKER, Kind.CUT, Kind.LOCK_STORE)


@pytest.mark.timeout(300)
def test_a_slice_loses_nothing_and_repeats_nothing_without_a_reason(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """Nor does a process end as it should not, write a traceback or leave a message behind."""
    asked = Slice(messages=600, faults=len(KINDS), seed=6, queue_type="quorum", longest=0.5, kinds=KINDS)
    result = run(mortal_node, mortal_vhost, tmp_path, asked)
    assert result.is_sound, (result.verdict, result.surprises, result.ends)
    assert [struck.kind for struck in result.struck if not struck.has_hit] == []


def test_there_is_a_fault_of_each_kind() -> None:
    """None of them is a mere name."""
    assert set(FAULTS) == set(Kind)
