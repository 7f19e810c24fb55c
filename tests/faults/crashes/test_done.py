"""W2, W3 and W4: crashes between the effect and the acknowledgement."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from amqptool.dedup.interface import State
from tests.faults.crashes.points import Point
from tests.faults.crashes.scene import Duty, Scene
from tests.faults.crashes.times import CRASHES
from tests.faults.crashes.wire import Frame
from tests.support.places import Place
from tests.support.servers import PrivatePostgresql, PrivateRedis

DUTY = Duty()


def test_w2_begun_without_an_effect(scene: Scene) -> None:
    """The handler is called again, and there is one effect."""
    scene.fill()
    for number in scene.numbers:
        left = scene.kill_at(Point.BEFORE_EFFECT, number, DUTY)
        assert left.having(State.CLAIMED) == {left.begun[-1]} == {*left.begun} - {*left.acted}
    assert scene.finish(DUTY)["duplicates"] == 0
    assert scene.effects() == Counter(scene.messages)


def test_w2_an_effect_without_done(any_scene: Scene) -> None:
    """The one window in which an effect is repeated: each that is was hit, and no other is."""
    check_w2(any_scene, Point.BEFORE_DONE)


def test_w2_an_effect_and_no_end_of_its_handler(scene: Scene) -> None:
    """The same, within the handler."""
    check_w2(scene, Point.AFTER_EFFECT)


def check_w2(scene: Scene, crash: Point) -> None:
    """Have workers killed there, and each effect repeated whose message was hit."""
    scene.fill()
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        left = scene.kill_at(crash, number, DUTY)
        assert left.having(State.CLAIMED) == {left.acted[-1]}
        hit.update([left.acted[-1]])
    assert scene.finish(DUTY)["duplicates"] == 0
    assert scene.effects() == Counter(scene.messages) + hit


def test_w2_is_closed_by_a_transaction(scene: Scene, place: Place) -> None:
    """An effect in the transaction of DONE is not there without it."""
    scene.use(place.url)
    duty = Duty("handle_in_transaction", words=("--transaction", "--prefetch", "1"))
    scene.fill()
    for number in scene.numbers:
        left = scene.kill_at(Point.AFTER_EFFECT, number, duty)
        assert left.having(State.CLAIMED) == {left.begun[-1]}
        assert left.having(State.DONE) == {*place.effects()}
    assert scene.finish(duty)["duplicates"] == 0
    assert Counter(place.effects()) == Counter(scene.messages)


def test_w3_done_and_not_acknowledged(any_scene: Scene) -> None:
    """The message comes again, and is acknowledged without its handler."""
    check_w3(any_scene, Point.AFTER_DONE)


def test_w3_acknowledgements_lost_with_their_worker(scene: Scene) -> None:
    """The same, if the acknowledgement was on its way."""
    check_w3(scene, Frame.ACK)


def check_w3(scene: Scene, crash: Point | Frame) -> None:
    """Have workers killed there, and nothing repeated."""
    scene.fill()
    for number in scene.numbers:
        left = scene.kill_at(crash, number, DUTY)
        assert left.having(State.DONE) == left.rows.keys() == scene.effects().keys()
        assert left.queued == len(scene.messages) - len(left.rows) + 1
    assert scene.finish(DUTY)["duplicates"] == 1
    assert scene.effects() == Counter(scene.messages)


def test_w3_acknowledgements_lost_with_their_connection(scene: Scene) -> None:
    """The worker lives on, and knows each message when it comes again."""
    scene.fill(CRASHES + 2)
    scene.wire.cut_at(Frame.ACK, 2, CRASHES)
    report = scene.run(scene.wire.url, DUTY, len(scene.messages))
    assert (report["handled"], report["duplicates"], report["reconnects"]) == (CRASHES + 2, CRASHES, CRASHES)
    assert scene.effects() == Counter(scene.messages)
    assert scene.finish(DUTY) == Counter()


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
