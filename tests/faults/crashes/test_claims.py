"""W0 and W1: crashes before a handler has begun."""

from __future__ import annotations

from collections import Counter

import pytest

from amqptool.dedup.interface import State
from tests.faults.crashes.duty import Duty
from tests.faults.crashes.points import Point
from tests.faults.crashes.scene import Scene
from tests.faults.crashes.wire import Frame

DUTY = Duty()


@pytest.mark.parametrize("crash", [Frame.DELIVERY, Point.BEFORE_CLAIM])
def test_w0_delivered_and_not_claimed(scene: Scene, crash: Frame | Point) -> None:
    """Nobody knows of the message, which comes again as if for the first time."""
    scene.fill()
    done: set[str] = set()
    for number in scene.numbers:
        left = scene.kill_at(crash, number, DUTY)
        done.update(left.acted)
        assert len(left.acted) == number - 1
        assert left.rows.keys() == left.having(State.DONE) == done
        assert left.queued == len(scene.messages) - len(done)
    assert scene.finish(DUTY)["duplicates"] == 0
    assert scene.effects() == Counter(scene.messages)


def test_w1_claimed_and_not_begun(any_scene: Scene) -> None:
    """The claim of the dead is taken over at once, and the handler runs once."""
    scene = any_scene
    scene.fill()
    done: set[str] = set()
    for number in scene.numbers:
        left = scene.kill_at(Point.AFTER_CLAIM, number, DUTY)
        done.update(left.acted)
        [claimed] = left.having(State.CLAIMED)
        assert (len(left.begun), len(left.acted)) == (number - 1, number - 1)
        assert left.rows.keys() - {claimed} == left.having(State.DONE) == done
        assert left.queued == len(scene.messages) - len(done)
    assert scene.finish(DUTY)["duplicates"] == 0
    assert scene.effects() == Counter(scene.messages)
