"""W8 and W9: workers that are cut off from the broker, or from their store as well, while their handlers run."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from dataclasses import replace

import pytest

from amqptool import Delivery, Worker, WorkReport
from amqptool.dedup.interface import State
from tests.faults.crashes.duty import QUEUE, Duty
from tests.faults.crashes.handlers import gate_in
from tests.faults.crashes.scene import Scene
from tests.faults.crashes.times import CRASHES
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.support.monitoring import until
from tests.support.servers import PrivateServer

SLOW, QUICK = Duty("wait", at_once=CRASHES), Duty(at_once=CRASHES)
#: Seconds that claims hold where they are to end.
LEASE = 1.0


def test_w8_cut_off_from_the_broker(any_scene: Scene) -> None:
    """Another worker gets the messages, sees that somebody is at work on them, and waits for the outcome."""
    scene = any_scene
    scene.fill(CRASHES)

    def refuse(_delivery: Delivery) -> None:
        raise AssertionError("somebody is at work on it")

    async def wait_for_the_other() -> WorkReport:
        other = Worker(scene.url, QUEUE, refuse, dedup=scene.store, max_messages=CRASHES)
        serving = asyncio.create_task(other.serve())
        await until(lambda: other.status.held == CRASHES)
        gate_in(scene.folder).touch()
        return await serving

    with fault_proxy(scene.url.port) as line:
        process = scene.start(replace(scene.url, port=line.port), SLOW)
        wait_until_begun(scene)
        cut(line)
        report = asyncio.run(wait_for_the_other())
        end(scene, process)
    assert (report.handled, report.duplicates) == (0, CRASHES)
    assert scene.effects() == Counter(scene.messages)
    assert scene.finish(QUICK) == Counter()


@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_w9_cut_off_from_the_store_for_longer_than_its_lease(
    request: pytest.FixtureRequest, scene: Scene, kind: str
) -> None:
    """Another worker takes over, which is the other way to a second effect; the first one has no say any more."""
    store, server = request.getfixturevalue(f"{kind}_url"), request.getfixturevalue(f"{kind}_server")
    scene.fill(CRASHES)
    with fault_proxy(scene.url.port) as line, fault_proxy(server.port) as store_line:
        scene.use(at_port(store, server, store_line))
        process = scene.start_mortal(replace(scene.url, port=line.port), SLOW, lease=LEASE)
        wait_until_begun(scene)
        cut(line)
        cut(store_line)
        scene.use(store)
        assert scene.run(scene.url, QUICK, CRASHES)["handled"] == CRASHES
        rows = scene.rows()
        store_line.accept()
        gate_in(scene.folder).touch()
        while scene.told().count("another worker took it over") < CRASHES:
            time.sleep(0.01)
        end(scene, process)
    assert scene.rows() == rows
    assert {row.state for row in rows.values()} == {State.DONE}
    assert scene.effects() == Counter(2 * scene.messages)
    assert scene.finish(QUICK) == Counter()


def wait_until_begun(scene: Scene) -> None:
    """Wait until the handlers of all messages have begun."""
    while len(scene.notes()) < CRASHES:
        time.sleep(0.01)


def cut(line: FaultProxy) -> None:
    """Cut off what connects there."""
    line.refuse()
    line.reset()


def at_port(store: str, server: PrivateServer, line: FaultProxy) -> str:
    """Return where a store is for those who come to it by a proxy."""
    return store.replace(f":{server.port}/", f":{line.port}/")


def end(scene: Scene, process: int) -> None:
    """End a worker that has nothing in hand any more."""
    os.kill(process, signal.SIGTERM)
    assert scene.wait(process) == 0, scene.told()
