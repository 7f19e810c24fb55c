"""A message that is the end of its process; tests/faults/crashes has workers that others end."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.cli import run_cli

HANDLERS = """
import os, signal

def handle(delivery):
    if delivery.body == b"poison":
        os.kill(os.getpid(), signal.SIGKILL)
    print("handled", delivery.body.decode(), flush=True)
"""


def test_a_message_that_kills_its_process_is_dead_in_the_end_and_its_neighbours_are_handled(
    amqptool_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """Two attempts are counted, those that it made alone; who was merely in hand beside it loses none."""
    (tmp_path / "app.py").write_text(HANDLERS)
    neighbours = [f"neighbour-{number}" for number in range(10)]

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        bodies = [*neighbours[:5], "poison", *neighbours[5:]]
        await publish(amqptool_vhost, [Message(body=body.encode(), routing_key="q") for body in bodies])

    asyncio.run(prepare())
    words = ["--handler", "app:handle", "--app-dir", str(tmp_path), "--dedup", f"sqlite:///{tmp_path}/dedup.db"]
    words += ["--retry", "60s", "--dead-letter", "dead", "--commit", "each", "--idle-timeout", "1"]
    ends = [run_cli("consume", "q", *words, "-u", amqptool_vhost.reveal()) for _ in range(4)]
    [dead] = asyncio.run(drain(amqptool_vhost, "dead"))

    assert [end.returncode for end in ends] == [-signal.SIGKILL] * 3 + [1]
    assert (dead.body, dead.headers["amqptool-reason"]) == (b"poison", "interrupted")
    assert sorted("".join(end.stdout for end in ends).splitlines()) == [f"handled {each}" for each in neighbours]
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 0
