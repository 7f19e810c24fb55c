"""What a monitoring system asks a worker over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from amqptool import Worker


@dataclass(frozen=True, slots=True)
class Monitoring:
    """One worker's HTTP endpoint."""

    port: int

    async def get(self, path: str) -> tuple[int, str]:
        """Get a path's status and text."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()

    async def metrics(self, queue: str = "q") -> dict[str, float]:
        """Get the samples of a queue that have no other label, as Prometheus reads them."""
        status, text = await self.get("/metrics")
        assert status == 200
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels == {"queue": queue}
        }

    async def until_ready(self, answer: tuple[int, str]) -> None:
        """Wait for an answer of `/ready`."""
        while await self.get("/ready") != answer:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def monitored(worker: Worker, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Monitoring]:
    """Let a worker serve until the block ends, or end the block with the worker's error."""
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.serve())
        yield await _monitoring(caplog)
        worker.stop()


async def _monitoring(caplog: pytest.LogCaptureFixture) -> Monitoring:
    """Wait for the worker's log to say which port it has picked."""
    caplog.set_level(logging.INFO, "amqptool")
    await until(lambda: any("metrics are served" in each for each in caplog.messages))
    told = next(each for each in caplog.messages if "metrics are served" in each)
    return Monitoring(int(told.rsplit(" ", 1)[1]))


async def until(condition: Callable[[], bool]) -> None:
    """Let everything else on the loop run until a condition holds."""
    while not condition():
        await asyncio.sleep(0.01)
