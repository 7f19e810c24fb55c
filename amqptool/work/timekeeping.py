"""What a worker does by the clock: stop at a limit of time, warn, and give back what has been here for too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.work.crowding import LOOK_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.work.crowding import Crowding
    from amqptool.work.pipeline import Pipeline
    from amqptool.work.stopping import Stopping

#: Seconds between two looks at the clock, for the limits.
TICK = 0.05
#: Of the consumer timeout, what a message may wait here.
FORESEEN = 0.8


class TimeLimits:
    """Stops a worker after so many seconds, or after so many without a message."""

    def __init__(self, stopping: Stopping, *, timeout: float | None, idle_timeout: float | None) -> None:
        self._stopping = stopping
        self._timeout = timeout
        self._idle_timeout = idle_timeout

    async def keep(self, pipeline: Pipeline, consuming_since: Callable[[], float | None]) -> None:
        """Look at the clock for ever; `consuming_since` returns since when messages can come, if they can."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            now = loop.time()
            if self._timeout is not None and now - started >= self._timeout:
                self._stopping.begin("timeout")
            elif self._idle_timeout is not None and _idle(now, pipeline, consuming_since()) >= self._idle_timeout:
                self._stopping.begin("idle-timeout")
            await asyncio.sleep(TICK)


async def warn_of_crowding(crowding: Crowding, pipeline: Pipeline) -> None:
    """Look for ever whether messages that wait keep others out."""
    while True:
        crowding.look(asyncio.get_running_loop().time(), lambda: pipeline.hand.held)
        await asyncio.sleep(LOOK_INTERVAL)


async def give_back_old(pipeline: Pipeline, consumer_timeout: float) -> None:
    """Keep messages for ever from being here for so long that the broker would take its channel away."""
    while True:
        await asyncio.sleep(consumer_timeout / 100)
        pipeline.look_for_old(consumer_timeout * FORESEEN)


def _idle(now: float, pipeline: Pipeline, consuming_since: float | None) -> float:
    """For how long nothing came in although it could have; a lost connection is not idleness."""
    if consuming_since is None or not pipeline.hand.is_idle:
        return 0.0
    return now - max(consuming_since, pipeline.last_activity)
