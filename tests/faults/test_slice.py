"""A slice under faults is sound; `make faults` runs as many as a release takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import RunningNode
from tests.faults.run import Slice, run
from tests.faults.schedule import Kind

#: Of each part of the world, what heals fast.
KINDS = (
    *(Kind.KILL_BROKER, Kind.MEMORY_ALARM, Kind.DELETE_WAIT_QUEUE),
    *(Kind.RESET, Kind.CUT, Kind.LATENCY),
    *(Kind.KILL_WORKER, Kind.STOP_WORKER, Kind.KILL_PUBLISHER),
    *(Kind.LOCK_STORE, Kind.FILL_STORE),
)


@pytest.mark.timeout(400)
def test_a_slice_loses_nothing_and_repeats_nothing_without_a_reason(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """Nor does a process end as it should not, write a traceback or leave a message behind."""
    asked = Slice(messages=800, faults=len(KINDS), seed=6, queue_type="quorum", longest=0.5, kinds=KINDS)
    result = run([mortal_node], mortal_vhost.vhost, tmp_path, asked)
    assert result.is_sound, (result.verdict, result.surprises, result.ends)
    assert {struck.kind for struck in result.struck if struck.has_hit} == set(KINDS)
