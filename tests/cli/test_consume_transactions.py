"""`amqptool consume --transaction`."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import run_cli
from tests.support.places import Place

HANDLERS = """
def announce(delivery, transaction):
    transaction.execute("INSERT INTO effect VALUES ('app')")

def forget(delivery):
    pass

async def wait(delivery, transaction):
    pass

def generate(delivery, transaction):
    yield
"""
DEDUP = ("--dedup", "sqlite:///dedup.db")


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl, tmp_path: Path) -> AmqpUrl:
    """Give a vhost with a queue `q` of a message and its copy, and a file of handlers."""
    (tmp_path / "app.py").write_text(HANDLERS)

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q", message_id=f"{'1' * 32}")] * 2)

    asyncio.run(prepare())
    return amqptool_vhost


def consume(url: AmqpUrl, app: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume q --transaction`."""
    environment = {"AMQPTOOL_URL": url.reveal(), "XDG_STATE_HOME": str(app / "state")}
    return run_cli("consume", "q", "--transaction", *words, "--app-dir", str(app), env=environment)


def left(url: AmqpUrl) -> int:
    """Count what is left in the queue."""
    return asyncio.run(queue_length(url, "q"))


def test_a_handler_writes_to_the_database_of_its_dedup_store(queue: AmqpUrl, tmp_path: Path, place: Place) -> None:
    """A message and its copy have one effect."""
    done = consume(queue, tmp_path, "--handler", "app:announce", "--dedup", place.url, "-n", "2")
    assert (done.returncode, done.stderr.partition(" in ")[0]) == (0, "1 handled")
    assert (place.effects(), left(queue)) == (["app"], 0)


def test_processes_share_the_database(queue: AmqpUrl, tmp_path: Path, place: Place) -> None:
    """Each has transactions of its own."""
    words = ("--dedup", place.url, "--processes", "2", "--idle-timeout", "1")
    done = consume(queue, tmp_path, "--handler", "app:announce", *words)
    assert (done.returncode, place.effects(), left(queue)) == (0, ["app"], 0)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "is for a handler: give --handler too"),
        (("--handler", "app:announce"), "--transaction needs the database"),
        (("--handler", "app:announce", "--dedup", "none"), "--transaction needs the database"),
        (("--handler", "app:announce", "--dedup", "memory:"), "--transaction needs the database"),
        (("--handler", "app:announce", "--dedup", "redis://localhost"), "--transaction needs the database"),
        (("--handler", "exec:true", *DEDUP), "--transaction is for a function of Python"),
        (("--handler", "exec-lines:cat", *DEDUP), "--transaction is for a function of Python"),
        (("--handler", "http://localhost", *DEDUP), "--transaction is for a function of Python"),
        (("--handler", "app:announce", *DEDUP, "--missing-id", "process"), "--missing-id process has none"),
        (("--handler", "app:announce", *DEDUP, "--commit", "group"), "leave --commit out"),
        (("--handler", "app:announce", *DEDUP, "--handler-timeout", "1s"), "no --handler-timeout can stop"),
        (("--handler", "app:announce", "--ack-mode", "at-most-once"), "--transaction needs them still"),
    ],
)
def test_what_has_no_transaction_is_wrong_usage(
    queue: AmqpUrl, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    """Exit 2, and nothing is taken."""
    done = consume(queue, tmp_path, *words)
    assert done.returncode == 2
    assert complaint in " ".join(done.stderr.split())
    assert left(queue) == 2


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        ("app:forget", "must take 2 arguments, the delivery and the transaction"),
        ("app:wait", "is async"),
        ("app:generate", "is a generator"),
    ],
)
def test_other_functions_are_wrong_configuration(queue: AmqpUrl, tmp_path: Path, handler: str, complaint: str) -> None:
    """Exit 78, with the handler called what the user calls it, and nothing is taken."""
    done = consume(queue, tmp_path, "--handler", handler, "--dedup", f"sqlite:///{tmp_path}/dedup.db")
    assert (done.returncode, f"handler '{handler}' {complaint}" in done.stderr, left(queue)) == (78, True, 2)
    assert not (tmp_path / "dedup.db").exists()
