"""`amqptool consume --ack-mode --missing-id`."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import run_cli

HANDLERS = """
import asyncio, os, signal

def handle(delivery):
    print("handled", delivery.body.decode(), flush=True)

async def slow(delivery):
    if delivery.body == b"without":
        await asyncio.sleep(2)

def die(delivery):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl, tmp_path: Path) -> AmqpUrl:
    """Give a vhost with a queue `q` of a message without an id and one with, and a file of handlers."""
    (tmp_path / "app.py").write_text(HANDLERS)

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(
            amqptool_vhost,
            [Message(body=b"without", routing_key="q", message_id=None), Message(body=b"with", routing_key="q")],
        )

    asyncio.run(prepare())
    return amqptool_vhost


def consume(url: AmqpUrl, app: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume q`."""
    words = tuple(f"app:{word[1:]}" if word.startswith(":") else word for word in words)
    folder = ("--app-dir", str(app)) if "--handler" in words else ()
    return run_cli(
        "consume", "q", *words, *folder, env={"AMQPTOOL_URL": url.reveal(), "XDG_STATE_HOME": str(app / "state")}
    )


def left(url: AmqpUrl, queue: str = "q") -> int:
    """Count what is left in a queue."""
    return asyncio.run(queue_length(url, queue))


def test_at_most_once_loses_what_a_crash_interrupts(queue: AmqpUrl, tmp_path: Path) -> None:
    """The message whose handler killed the process does not come again, and no dedup store is made for it."""
    died = consume(queue, tmp_path, "--handler", ":die", "--ack-mode", "at-most-once")
    assert died.returncode == -signal.SIGKILL
    done = consume(queue, tmp_path, "--handler", ":handle", "--ack-mode", "at-most-once", "--idle-timeout", "0.5")
    assert (done.returncode, "handled without" in done.stdout) == (0, False)
    assert not (tmp_path / "state").exists()


def test_at_most_once_prints_too(queue: AmqpUrl, tmp_path: Path) -> None:
    """Without a handler, messages are let go of and then printed."""
    done = consume(queue, tmp_path, "--ack-mode", "at-most-once", "-n", "2")
    assert (done.returncode, done.stdout) == (0, "without\nwith\n")
    assert left(queue) == 0


def test_messages_without_an_id_are_processed_unless_told_otherwise(queue: AmqpUrl, tmp_path: Path) -> None:
    """They are counted in the report."""
    done = consume(queue, tmp_path, "--handler", ":handle", "-n", "2", "--dedup", "memory:", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["without_id"] == 1


def test_messages_without_an_id_can_be_rejected(queue: AmqpUrl, tmp_path: Path) -> None:
    """--missing-id reject makes dead letters of them."""
    words = ("--handler", ":handle", "--dedup", "memory:", "--missing-id", "reject", "--dead-letter", "dead")
    done = consume(queue, tmp_path, *words, "-n", "2")
    assert (done.returncode, done.stdout) == (1, "handled with\n")
    assert (left(queue), left(queue, "dead")) == (0, 1)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--missing-id", "reject"), "--missing-id is for a handler"),
        (("--handler", ":handle", "--dedup", "none", "--missing-id", "reject"), "--dedup none is without"),
        (("--handler", ":handle", "--ack-mode", "at-most-once", "--dedup", "memory:"), "--dedup needs"),
        (("--handler", ":handle", "--ack-mode", "at-most-once", "--retry", "1s"), "--retry needs"),
        (("--handler", ":handle", "--ack-mode", "at-most-once", "--dead-letter", "d"), "--dead-letter needs"),
        (("--handler", ":handle", "--ack-mode", "at-most-once", "--missing-id", "reject"), "--missing-id needs"),
        (("--where", "type=x", "--ack-mode", "at-most-once"), "--where needs"),
        (("--requeue", "--ack-mode", "at-most-once"), "--requeue needs"),
    ],
)
def test_promises_that_exclude_each_other_are_wrong_usage(
    queue: AmqpUrl, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    """Exit 2, and nothing is taken."""
    done = consume(queue, tmp_path, *words)
    assert done.returncode == 2
    assert complaint in done.stderr.replace("\n", " ")
    assert left(queue) == 2


@pytest.mark.parametrize(("timeout", "waits"), [("500ms", False), ("none", True), ("0", True), ("30m", True)])
def test_what_waits_is_given_back_before_the_broker_takes_it(
    queue: AmqpUrl, tmp_path: Path, timeout: str, waits: bool
) -> None:
    """As long as `--consumer-timeout` lets it, and for ever if there is none."""
    words = ("--handler", ":slow", "--dedup", "memory:", "--idle-timeout", "0.5", "--json")
    done = consume(queue, tmp_path, *words, "--consumer-timeout", timeout)
    document = json.loads(done.stdout)
    assert (document["handled"], document["returned"] == 0) == (2, waits)


def test_a_consumer_timeout_is_a_duration() -> None:
    """Anything else is wrong usage."""
    done = run_cli("consume", "q", "--consumer-timeout", "soon", env={"AMQPTOOL_URL": "amqp://127.0.0.1:1"})
    assert (done.returncode, "'soon' is no duration" in done.stderr) == (2, True)
