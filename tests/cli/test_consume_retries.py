"""`amqptool consume --retry --dead-letter --topology`."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import run_cli

HANDLERS = """
from amqptool import Reject

def fail_first(delivery):
    print("attempt", delivery.attempt, flush=True)
    if delivery.attempt == 1:
        raise ValueError("broken")

def reject(delivery):
    raise Reject("never")
"""
TOPOLOGY = """
queues:
  q: {retry: [100ms], dead_letter: true}
  plain: {}
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a directory with handlers and a topology file."""
    (tmp_path / "app.py").write_text(HANDLERS)
    (tmp_path / "app.yaml").write_text(TOPOLOGY)
    return tmp_path


def consume(url: AmqpUrl, app: Path, handler: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a worker on `q`, which holds one message, until nothing comes any more."""

    async def prepare() -> None:
        await declare_queue(url, "q")
        await publish(url, [Message(body=b"x", routing_key="q")])

    asyncio.run(prepare())
    options = ["--handler", f"app:{handler}", "--app-dir", str(app), "--dedup", "memory:", "--idle-timeout", "2"]
    return run_cli("consume", "q", *options, *words, env={"AMQPTOOL_URL": url.reveal()})


def test_a_failed_message_is_retried_and_handled(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """--retry makes it wait, and the summary tells both."""
    done = consume(amqptool_vhost, app, "fail_first", "--retry", "100ms,1h")

    assert (done.returncode, done.stdout) == (0, "attempt 1\nattempt 2\n")
    assert "/s), 1 retried, 1 failed attempt" in done.stderr


def test_a_dead_letter_is_a_failure(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Exit 1, and the message is in the queue that was named."""
    done = consume(amqptool_vhost, app, "reject", "--dead-letter", "dead", "--json")

    document = json.loads(done.stdout)
    assert (done.returncode, document["dead"], document["handled"]) == (1, 1, 0)
    assert asyncio.run(queue_length(amqptool_vhost, "dead")) == 1


def test_a_topology_file_says_the_same(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """--topology takes delays and dead-letter queue from what the file says of the queue."""
    done = consume(amqptool_vhost, app, "reject", "--topology", str(app / "app.yaml"))

    assert (done.returncode, "1 dead letter" in done.stderr) == (1, True)
    assert asyncio.run(queue_length(amqptool_vhost, "q.dead")) == 1
    assert asyncio.run(queue_length(amqptool_vhost, "amqptool.retry.q.100")) == 0


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--retry", "soon"], 2, "'soon' is no duration"),
        (["--retry", "5s,,1m"], 2, "'' is no duration"),
        (["--retry", "0s"], 2, "'0s' is no duration"),
        (["--retry", "0.0001"], 2, "a delay is from 1ms to 49d"),
        (["--retry", "50d"], 2, "a delay is from 1ms to 49d"),
        (["--dead-letter", "q"], 2, "the dead-letter queue is one of its own"),
        (["--dead-letter", ""], 2, "the dead-letter queue is one of its own"),
        (["--retry", "5s", "--dead-letter", "amqptool.retry.q.5000"], 2, "the dead-letter queue is one of its own"),
        (["--retry", "5s", "--topology", "app.yaml"], 2, "--topology says what --retry and --dead-letter say"),
    ],
)
def test_bad_options_are_named(words: list[str], code: int, reason: str) -> None:
    """Before anything is connected to."""
    done = run_cli("consume", "q", "--handler", "app:reject", *words, env={"AMQPTOOL_URL": "amqp://127.0.0.1:1/"})

    assert done.returncode == code
    assert reason in done.stderr


def test_without_a_handler_there_are_no_retries() -> None:
    """Printing a message cannot fail in a way that another attempt would help."""
    done = run_cli("consume", "q", "--retry", "5s")

    assert done.returncode == 2
    assert "--retry is for a handler" in done.stderr


def test_a_queue_that_the_file_does_not_have_is_bad_input(app: Path) -> None:
    """A misspelt name must not mean a worker without retries."""
    words = ["--handler", "app:reject", "--app-dir", str(app), "--topology", str(app / "app.yaml")]
    done = run_cli("consume", "qq", *words, env={"AMQPTOOL_URL": "amqp://127.0.0.1:1/"})

    assert done.returncode == 65
    assert "has no queue 'qq'" in done.stderr
