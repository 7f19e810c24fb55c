"""What holds for every test: the user's home and settings are out of reach."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from amqptool.broker import local
from amqptool.testing import fresh_vhost
from tests.support.etcd import PrivateEtcd, empty_etcd, private_etcd
from tests.support.places import Place
from tests.support.servers import (
    PrivatePostgresql,
    PrivateRedis,
    empty_redis,
    fresh_schema,
    private_postgresql,
    private_redis,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amqptool import AmqpUrl
    from amqptool.broker.local import RunningNode
    from tests.support.spans import Spans


# How long anything takes depends on what else the machine is doing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Let interrupts be interrupts, also in the background of a shell, which has them ignored there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that may take longest, so that the last ones keep every core at work."""
    items.sort(key=_longest, reverse=True)


def _longest(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0


@pytest.fixture(scope="session", autouse=True)
def _nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the whole run a home of its own, and none of the user's AMQP settings."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("AMQP", "RABBITMQ", "XDG_")) and not name.startswith("AMQPTOOL_TEST_"):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        yield


@pytest.fixture
def spans() -> Spans:
    """Give the spans that a test makes."""
    from tests.support.spans import spans_of_the_process

    ours = spans_of_the_process()
    ours.forget()
    return ours


@pytest.fixture(scope="session")
def redis_server() -> Iterator[PrivateRedis]:
    """Give the run's Redis."""
    with private_redis() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PrivatePostgresql]:
    """Give the run's PostgreSQL."""
    with private_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def _etcd_server() -> Iterator[PrivateEtcd]:
    with private_etcd() as server:
        yield server


@pytest.fixture
def etcd(_etcd_server: PrivateEtcd) -> Iterator[PrivateEtcd]:
    """Give an etcd that holds nothing; a test may stop it."""
    with empty_etcd(_etcd_server) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: PrivateRedis) -> Iterator[str]:
    """Give the URL of a Redis that holds nothing; a test that stops it starts it again."""
    with empty_redis(redis_server) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: PrivatePostgresql) -> Iterator[str]:
    """Give the URL of a PostgreSQL schema that nobody has used."""
    with fresh_schema(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def _mortal_node() -> Iterator[RunningNode]:
    with local.temporary() as node:
        yield node


@pytest.fixture
def mortal_node(_mortal_node: RunningNode) -> RunningNode:
    """Give the node that tests may stop and kill, running; its start takes longer than most tests."""
    return local.start(_mortal_node.directory)


@pytest.fixture
def mortal_vhost(mortal_node: RunningNode) -> Iterator[AmqpUrl]:
    """Give the URL of a vhost there that nobody has used."""
    with fresh_vhost(mortal_node) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a database for each kind of store that has transactions."""
    if request.param == "postgresql":
        return Place(request.getfixturevalue("postgresql_url"))
    return Place(f"sqlite:///{tmp_path}/place.db")
