"""What tests of crashes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from tests.faults.crashes.scene import Scene
from tests.faults.crashes.wire import wire_to
from tests.support.fork_server import ForkServer, fork_server


@pytest.fixture(scope="session")
def crash_server() -> Iterator[ForkServer]:
    """Give the run's server of processes that crash."""
    with fork_server() as server:
        yield server


@pytest.fixture
def scene(crash_server: ForkServer, amqptool_vhost: AmqpUrl, tmp_path: Path) -> Iterator[Scene]:
    """Give a queue and a store in a file that nobody has used."""
    with wire_to(amqptool_vhost) as wire:
        yield Scene(crash_server, amqptool_vhost, wire, f"sqlite:///{tmp_path}/dedup.db", tmp_path)


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def any_scene(request: pytest.FixtureRequest, scene: Scene) -> Scene:
    """Give a queue, and each kind of store that outlives its workers."""
    if request.param != "sqlite":
        scene.use(request.getfixturevalue(f"{request.param}_url"))
    return scene
