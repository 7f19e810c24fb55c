"""W4: stores that forget what is done, before the broker knows."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from amqptool.dedup.interface import State
from tests.faults.crashes.duty import Duty
from tests.faults.crashes.points import Point
from tests.faults.crashes.scene import Scene
from tests.support.servers import PrivatePostgresql, PrivateRedis

DUTY = Duty()


def test_w4_done_undone_by_a_power_cut(scene: Scene) -> None:
    """What the store has forgotten and the broker delivers again is done again; what it does not, is not."""
    scene.fill()
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        before = {path: path.read_bytes() for path in files_of(scene)}
        left = scene.kill_at(Point.AFTER_DONE, number, DUTY)
        assert left.acted[-1] in left.having(State.DONE)
        for path in files_of(scene):
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
        hit.update([left.acted[-1]])
    assert scene.finish(DUTY)["duplicates"] == 0
    assert scene.effects() == Counter(scene.messages) + hit


def files_of(scene: Scene) -> list[Path]:
    """Return the files of a store of SQLite."""
    return list(scene.folder.glob("dedup.db*"))


@pytest.mark.parametrize("is_durable", [False, True])
def test_w4_done_undone_by_redis(scene: Scene, redis_url: str, redis_server: PrivateRedis, is_durable: bool) -> None:
    """A Redis that does not write to its disk forgets with its end; one that writes at once does not."""
    scene.use(redis_url)
    scene.fill()
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        with closing(Redis.from_url(redis_url)) as client:
            client.config_set("appendonly", "yes" if is_durable else "no")
        left = scene.kill_at(Point.AFTER_DONE, number, DUTY)
        assert left.acted[-1] in left.having(State.DONE)
        redis_server.stop(signal.SIGKILL)
        redis_server.start()
        assert (left.acted[-1] in scene.rows()) is is_durable
        hit.update([left.acted[-1]])
    assert scene.finish(DUTY)["duplicates"] == is_durable
    assert scene.effects() == Counter(scene.messages) + (Counter() if is_durable else hit)


def test_w4_done_kept_by_postgresql(scene: Scene, postgresql_url: str, postgresql_server: PrivatePostgresql) -> None:
    """A server that crashes behind the commit knows of it when it is back."""
    scene.use(postgresql_url)
    scene.fill()
    for number in scene.numbers:
        left = scene.kill_at(Point.AFTER_DONE, number, DUTY)
        postgresql_server.stop(signal.SIGQUIT)
        postgresql_server.start()
        assert scene.rows() == left.rows
    assert scene.finish(DUTY)["duplicates"] == 1
    assert scene.effects() == Counter(scene.messages)
