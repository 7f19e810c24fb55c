"""W7: what a publisher has sent, and does not know to be confirmed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

from tests.faults.crashes.duty import QUEUE, Duty
from tests.faults.crashes.scene import Scene
from tests.faults.crashes.times import CRASHES
from tests.faults.crashes.wire import Frame
from tests.faults.receipts import Receipts
from tests.support.broker import queue_length
from tests.support.fork_server import STDOUT

DUTY = Duty(at_once=20)
LINES = 20


def test_w7_confirms_lost_with_their_publisher(scene: Scene) -> None:
    """What a later run sends again has the same id, and is a duplicate to workers."""
    lines, receipts = scene.folder / "lines", scene.folder / "receipts"
    lines.write_text("x\n" * LINES)
    words = ["-k", QUEUE, "--lines", str(lines), "--receipts", str(receipts), "--resume"]
    scene.fill(0)
    copies = [0]
    for _ in range(CRASHES):
        scene.wire.hold_at(Frame.CONFIRM, 1)
        process = scene.command(["publish", *words, "-u", scene.wire.url.reveal()])
        scene.wire.wait()
        os.kill(process, signal.SIGKILL)
        assert scene.wait(process) == -signal.SIGKILL
        scene.wire.drop()
        copies.append(length(scene))
        assert copies[-1] > copies[-2]
        assert Receipts(receipts).outcomes() == {}
    assert scene.wait(scene.command(["publish", *words, "-u", scene.url.reveal()])) == 0

    told, queued = Receipts(receipts).outcomes(), length(scene)
    assert Counter(told.values()) == {"confirmed": LINES}
    assert scene.finish(DUTY)["duplicates"] == queued - LINES
    assert scene.effects() == Counter(told.keys())


def test_w7_confirms_lost_with_their_connection(scene: Scene) -> None:
    """The same, if the publisher lives on and sends again by itself."""
    scene.fill(0)
    for _ in range(CRASHES):
        scene.wire.cut_at(Frame.CONFIRM, 1, times=1)
        assert scene.wait(scene.command(["publish", "-k", QUEUE, "x", "-u", scene.wire.url.reveal()])) == 0
    assert length(scene) == 2 * CRASHES
    sent = (scene.folder / STDOUT).read_text().split()
    assert scene.finish(DUTY)["duplicates"] == CRASHES
    assert scene.effects() == Counter(sent)


def length(scene: Scene) -> int:
    """Count the messages in the queue."""
    return asyncio.run(queue_length(scene.url, QUEUE))
