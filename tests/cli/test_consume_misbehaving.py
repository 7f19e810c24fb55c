"""Handlers that do to the worker's process what they should not."""

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

#: Each does it to the first message, `m0`, the first time, and writes down what it has handled to its end.
HANDLERS = """
import asyncio, ctypes, os, signal, sys, time

def note(delivery):
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(delivery.body.decode() + "\\n")

def meant(delivery):
    return delivery.body == b"m0" and not delivery.redelivered

def crash(delivery):
    if meant(delivery):
        ctypes.string_at(0)
    note(delivery)

def leave(delivery):
    if meant(delivery):
        os._exit(0)
    note(delivery)

def fork(end):
    def handle(delivery):
        if meant(delivery):
            child = os.fork()
            if child == 0:
                return end()
            _, status = os.waitpid(child, 0)
            print("child", os.waitstatus_to_exitcode(status), flush=True)
        note(delivery)
    return handle

def fail():
    raise ValueError("in the child")

forked_left = fork(lambda: os._exit(0))
forked_killed = fork(lambda: os.kill(os.getpid(), signal.SIGKILL))
forked_exited = fork(lambda: sys.exit(3))
forked_failed = fork(fail)
forked_returned = fork(lambda: None)

async def stubborn(delivery):
    note(delivery)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def in_thread(delivery):
    note(delivery)
    await asyncio.to_thread(time.sleep, 3600)

async def forked_async(delivery):
    forked_exited(delivery)

def close(delivery):
    note(delivery)
    if delivery.body == b"m0":
        for number in range(3):
            os.close(number)

def take_signals(delivery):
    if meant(delivery):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(delivery)
"""


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl, tmp_path: Path) -> AmqpUrl:
    """Give a vhost with a queue `q` of three messages, and a file of handlers."""
    (tmp_path / "app.py").write_text(HANDLERS)

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"m%d" % number, routing_key="q") for number in range(3)])

    asyncio.run(prepare())
    return amqptool_vhost


def consume(url: AmqpUrl, app: Path, handler: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume q` with one of the handlers."""
    settings = ("--handler", f"app:{handler}", "--app-dir", str(app), "--dedup", f"sqlite:///{app}/dedup.db")
    environment = {"AMQPTOOL_URL": url.reveal(), "EFFECTS": str(app / "effects")}
    return run_cli("consume", "q", *settings, "-n", "3", *words, env=environment)


def effects(app: Path) -> list[str]:
    """Read what was handled."""
    file = app / "effects"
    return sorted(file.read_text().splitlines()) if file.exists() else []


def left(url: AmqpUrl) -> int:
    """Count what is left in `q`."""
    return asyncio.run(queue_length(url, "q"))


@pytest.mark.parametrize(("handler", "code"), [("crash", -signal.SIGSEGV), ("leave", 0)])
def test_a_handler_that_ends_its_process_loses_nothing(queue: AmqpUrl, tmp_path: Path, handler: str, code: int) -> None:
    """Whatever exit code that has, every message is there for the next worker, and is handled once."""
    died = consume(queue, tmp_path, handler)
    assert (died.returncode, effects(tmp_path), left(queue)) == (code, [], 3)

    done = consume(queue, tmp_path, handler)
    assert (done.returncode, effects(tmp_path), left(queue)) == (0, ["m0", "m1", "m2"], 0)


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        ("forked_killed", -signal.SIGKILL),
        ("forked_returned", 0),
        ("forked_exited", 3),
        ("forked_failed", 1),
        ("forked_async", 3),
    ],
)
def test_a_child_of_a_handler_is_no_worker(queue: AmqpUrl, tmp_path: Path, handler: str, code: int) -> None:
    """However it ends, also where it comes back: it handles nothing of what its parent has in hand."""
    done = consume(queue, tmp_path, handler)
    assert (done.returncode, effects(tmp_path), left(queue)) == (0, ["m0", "m1", "m2"], 0)
    assert done.stdout == f"child {code}\n"


def test_a_handler_that_closes_the_standard_streams_is_in_nobodys_way(queue: AmqpUrl, tmp_path: Path) -> None:
    """The messages are handled and acknowledged; only the worker's own words have nowhere to go."""
    done = consume(queue, tmp_path, "close")
    assert (effects(tmp_path), left(queue)) == (["m0", "m1", "m2"], 0)
    assert "Traceback" not in done.stderr


def test_a_handler_in_a_thread_cannot_take_signals_away(queue: AmqpUrl, tmp_path: Path) -> None:
    """Python refuses it, which is a failed attempt."""
    done = consume(queue, tmp_path, "take_signals")
    assert (done.returncode, effects(tmp_path), left(queue)) == (1, ["m1", "m2"], 1)
    assert "attempt 1 failed: ValueError: signal only works in main thread" in done.stderr


def test_what_a_handler_prints_is_in_front_of_the_report(queue: AmqpUrl, tmp_path: Path) -> None:
    """With --json, the document is the last line of stdout."""
    done = consume(queue, tmp_path, "forked_left", "--json")
    *printed, document = done.stdout.splitlines()
    assert (printed, json.loads(document)["handled"]) == (["child 0"], 3)


@pytest.mark.parametrize("handler", ["stubborn", "in_thread"])
def test_a_handler_that_nothing_ends_is_left_behind_at_the_end(queue: AmqpUrl, tmp_path: Path, handler: str) -> None:
    """The summary is there, the command ends, and the messages are the broker's."""
    done = consume(queue, tmp_path, handler, "--timeout", "1", "--grace", "0.1")
    assert (done.returncode, effects(tmp_path), left(queue)) == (1, ["m0"], 3)
    assert "1 left unfinished" in done.stderr
    assert "stopped by --timeout" in done.stderr
