"""W5, W6 and W10: crashes between the copy of a failed message and the acknowledgement of its original."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from amqptool.dedup.interface import State
from tests.faults.crashes.duty import Duty
from tests.faults.crashes.handlers import Did
from tests.faults.crashes.points import Point
from tests.faults.crashes.scene import Scene
from tests.faults.crashes.times import CRASHES
from tests.faults.crashes.wire import Frame

RETRIED = Duty("fail_first", retries=3)
DEAD_LETTERED = Duty("reject", is_dead_lettered=True)


@pytest.mark.parametrize(("crash", "share"), [(Point.BEFORE_RELEASE, 1), (Frame.CONFIRM, 4)])
def test_w5a_copied_and_not_released(scene: Scene, crash: Point | Frame, share: int) -> None:
    """Original and copy are both there: the attempt that failed is repeated, and one of the copies succeeds."""
    scene.kill_fewer(share)
    scene.fill()
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        left = scene.kill_at(crash, number, RETRIED)
        assert left.having(State.CLAIMED) == {left.begun[-1]}
        hit.update([left.begun[-1]])
        assert left.waiting == len(scene.notes())
        assert left.queued == len(scene.messages) - len(left.having(State.RELEASED))
    report = scene.finish(RETRIED)
    assert first_attempts(scene) == Counter(scene.copies) == Counter(scene.messages) + hit
    assert scene.effects() == Counter(scene.messages)
    assert report["duplicates"] == hit.total()


@pytest.mark.parametrize(("crash", "share"), [(Point.AFTER_RELEASE, 4), (Frame.ACK, 1)])
def test_w5b_released_and_not_acknowledged(scene: Scene, crash: Point | Frame, share: int) -> None:
    """Original and copy are both there: whichever comes first is the next attempt, and the other is its duplicate."""
    scene.kill_fewer(share)
    scene.fill()
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        left = scene.kill_at(crash, number, RETRIED)
        row = left.rows[left.begun[-1]]
        assert (row.state, row.attempt) == (State.RELEASED, 2)
        hit.update([left.begun[-1]])
        assert left.waiting == len(left.rows)
        assert left.queued == len(scene.messages) - len(left.rows) + 1
    report = scene.finish(RETRIED)
    assert first_attempts(scene) == Counter(scene.copies) == Counter(scene.messages)
    assert scene.effects() == Counter(scene.messages)
    assert report["duplicates"] == hit.total()


def test_w5c_copies_in_doubt(scene: Scene) -> None:
    """A copy whose confirm was lost is sent again: two wait, and one of them succeeds."""
    scene.fill(CRASHES + 2)
    scene.wire.cut_at(Frame.CONFIRM, 2, CRASHES)
    assert scene.run(scene.wire.url, RETRIED, len(scene.messages))["retried"] == len(scene.messages)
    report = scene.finish(RETRIED)
    assert len(scene.copies) == len(scene.messages) + CRASHES
    assert scene.effects() == first_attempts(scene) == Counter(scene.messages)
    assert report["duplicates"] == CRASHES


def first_attempts(scene: Scene) -> Counter[str]:
    """Count how often each message was attempted for the first time, which fails."""
    return Counter(note.message for note in scene.notes() if note.did is Did.BEGIN and note.attempt == 1)


@pytest.mark.parametrize("crash", [Point.BEFORE_DISCARD, Point.AFTER_DISCARD])
def test_w6_dead_and_not_acknowledged(scene: Scene, crash: Point) -> None:
    """The dead-letter queue gets another copy of what was hit, of the same id, and the queue is empty."""
    scene.fill()
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        left = scene.kill_at(crash, number, DEAD_LETTERED)
        assert left.rows.keys() == ({left.begun[-1]} if crash is Point.BEFORE_DISCARD else set())
        hit.update([left.begun[-1]])
        assert left.dead == len(scene.notes())
        assert left.queued == len(scene.messages) - left.dead + hit.total()
    scene.finish(DEAD_LETTERED)
    assert scene.dead_letters() == Counter(scene.messages) + hit
    assert scene.rows() == {}


def test_w10_nothing_is_rejected(scene: Scene) -> None:
    """No message is acknowledged before the broker has its copy, however many confirms are lost, and none rejected."""
    scene.fill(CRASHES + 2)
    scene.wire.cut_at(Frame.CONFIRM, 2, CRASHES)
    assert scene.run(scene.wire.url, DEAD_LETTERED, len(scene.messages))["dead"] == len(scene.messages)
    one_message = f"{Frame.DELIVERY.name} ({Frame.PUBLISH.name} )+{Frame.CONFIRM.name} {Frame.ACK.name} "
    passed = "".join(f"{frame.name} " for frame in scene.wire.passed)
    assert re.fullmatch(f"({one_message}){{{len(scene.messages)}}}", passed)
    assert scene.dead_letters().total() == len(scene.messages) + CRASHES
