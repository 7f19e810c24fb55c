"""W2 and W3: crashes between the effect and the acknowledgement."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest

from amqptool.dedup.interface import State
from tests.faults.crashes.duty import Duty
from tests.faults.crashes.points import Point
from tests.faults.crashes.scene import Scene
from tests.faults.crashes.times import CRASHES
from tests.faults.crashes.wire import Frame
from tests.support.places import Place

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


@pytest.mark.parametrize(("commit", "most"), [("each", 4), ("group", 500)])
def test_w2_of_several_handlers(scene: Scene, commit: Literal["each", "group"], most: int) -> None:
    """What is repeated had its effect in a process that was killed before it was done, whatever else was in hand."""
    duty = Duty(at_once=4, commit=commit)
    scene.kill_fewer(4)
    scene.fill(4 * sum(scene.numbers))
    hit: Counter[str] = Counter()
    for number in scene.numbers:
        left = scene.kill_at(Point.AFTER_EFFECT, 4 * number, duty)
        doubtful = {*left.acted} - left.having(State.DONE)
        assert 1 <= len(doubtful) <= most
        hit.update(doubtful)
    scene.finish(duty)
    assert scene.effects() == Counter(scene.messages) + hit


def test_w2_is_closed_by_a_transaction(scene: Scene, place: Place) -> None:
    """An effect in the transaction of DONE is not there without it."""
    scene.use(place.url)
    duty = Duty("handle_in_transaction", is_in_transaction=True)
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
