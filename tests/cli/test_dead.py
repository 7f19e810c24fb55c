"""`amqptool dead`: from the dead letters of a worker to what becomes of them."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from typing import Any

import pytest

from amqptool import AmqpUrl, Delivery, Message, Reject, Worker
from tests.support.broker import declare_queue, delete_queue, drain, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.schemas import flaws
from tests.support.terminal import screen, seen_on_terminal

#: What a publisher may write into a message, and an error repeat.
HOSTILE = "no such user \x1b[31m\nred"


def handle(delivery: Delivery) -> None:
    """Fail, or reject what is to be rejected."""
    raise Reject("not for us") if delivery.body == b"rejected" else ValueError(HOSTILE)


@pytest.fixture
def dead(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with three dead letters in `q.dead`: two that failed, and one that was rejected."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        headers = {"tenant": "\x1b[2J"}
        await publish(
            amqptool_vhost,
            [Message(body=each, routing_key="q", headers=headers) for each in (b'{"n":1}', b"rejected", b"second")],
        )
        await Worker(amqptool_vhost, "q", handle, dedup=None, dead_letter="q.dead", max_messages=3).serve()

    asyncio.run(prepare())
    return amqptool_vhost


def run_dead(url: AmqpUrl, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `amqptool dead`."""
    return run_cli("dead", *words, env={"AMQPTOOL_URL": url.reveal()}, input=stdin)


def document(url: AmqpUrl, *words: str) -> dict[str, Any]:
    """Run `amqptool dead --json`, and return its document."""
    done = run_dead(url, *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def left(url: AmqpUrl, queue: str = "q.dead") -> list[bytes]:
    """Take what is left in a queue."""
    return [delivery.body for delivery in asyncio.run(drain(url, queue))]


async def until_some_are_in(url: AmqpUrl, queue: str) -> None:
    """Wait for the first message."""
    while not await queue_length(url, queue):
        pass


def test_list_counts_by_cause(dead: AmqpUrl) -> None:
    """A line for each, the most frequent first, and nothing that a terminal would act on."""
    done = run_dead(dead, "list", "q.dead")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["2", "failed", "q"], ["1", "rejected", "q"]]
    assert lines[1].endswith(r"ValueError: no such user \x1b[31m\x0ared")
    assert len(left(dead)) == 3


def test_list_is_a_document(dead: AmqpUrl) -> None:
    """With times, the kind of the error for `--error`, and what one of them says."""
    found = document(dead, "list", "q.dead", "--error", "ValueError")
    [group] = found["groups"]
    assert (found["kind"], found["count"], group["count"]) == ("dead list", 2, 2)
    assert (group["error"], group["message"]) == ("ValueError", "no such user \x1b[31m\nred")
    assert group["died_in"] == "q"
    assert group["oldest"] <= group["newest"]


def test_show_tells_what_each_was_and_why_it_died(dead: AmqpUrl) -> None:
    """The body decoded, the headers escaped; the traceback with -v."""
    done = run_dead(dead, "show", "q.dead", "-n", "1")
    assert done.returncode == 0
    assert '{\n  "n": 1\n}' in done.stdout
    assert "(default exchange) → q" in done.stdout
    assert r"attempt 1: ValueError: no such user \x1b[31m\x0ared" in done.stdout
    assert r"tenant: \x1b[2J" in done.stdout
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stdout
    assert "| Traceback" in run_dead(dead, "show", "q.dead", "-n", "1", "-v").stdout


def test_show_is_a_document(dead: AmqpUrl) -> None:
    """Whose messages are records as they were published."""
    [letter] = document(dead, "show", "q.dead", "--reason", "rejected")["letters"]
    assert (letter["reason"], letter["died_in"]) == ("rejected", "q")
    assert (letter["error"], letter["message"]) == ("Reject", "not for us")
    assert letter["original"]["routing_key"] == "q"
    assert letter["original"]["body"] == "rejected"
    assert letter["original"]["headers"] == {"tenant": "\x1b[2J"}


def test_what_is_exported_can_be_published_back(dead: AmqpUrl) -> None:
    """And is the same dead letter then."""
    before = document(dead, "show", "q.dead")["letters"]
    exported = run_dead(dead, "export", "q.dead")
    assert run_dead(dead, "drop", "q.dead", "--yes").returncode == 0
    assert asyncio.run(queue_length(dead, "q.dead")) == 0
    env = {"AMQPTOOL_URL": dead.reveal()}
    assert run_cli("publish", "--jsonl", "-", env=env, input=exported.stdout).returncode == 0
    assert document(dead, "show", "q.dead")["letters"] == before


def test_drop_takes_only_what_is_meant(dead: AmqpUrl) -> None:
    """The others keep their order."""
    done = run_dead(dead, "drop", "q.dead", "--reason", "rejected", "--yes")
    assert (done.returncode, done.stderr) == (0, "1 dropped, 2 kept\n")
    assert left(dead) == [b'{"n":1}', b"second"]


def test_drop_asks_first(dead: AmqpUrl) -> None:
    """Where nobody can be asked, it is told to say so, and deletes nothing."""
    done = run_dead(dead, "drop", "q.dead")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert len(left(dead)) == 3


def test_replay_sends_what_is_meant(dead: AmqpUrl) -> None:
    """And tells how many."""
    done = run_dead(dead, "replay", "q.dead", "--error", "ValueError")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "2 replayed, 1 kept\n")
    assert (left(dead), left(dead, "q")) == ([b"rejected"], [b'{"n":1}', b"second"])


def test_replay_tells_first_what_it_would_do(dead: AmqpUrl) -> None:
    """With --dry-run, as a table and as a document."""
    done = run_dead(dead, "replay", "q.dead", "--dry-run")
    assert [line.split() for line in done.stdout.splitlines()][1:] == [["3", "(default", "exchange)", "q"]]
    found = document(dead, "replay", "q.dead", "--dry-run", "-e", "amq.topic", "-k", "k")
    assert found["targets"] == [{"exchange": "amq.topic", "routing_key": "k", "count": 3}]
    assert len(left(dead)) == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-k", "nowhere"), 5, "no queue took it"),
        (("-e", "nowhere"), 1, "no exchange 'nowhere'"),
        (("--rate", "fast"), 2, "is no rate"),
        (("--older-than", "old"), 2, "is no duration"),
        (("--where", "x"), 2, "is no condition"),
        (("--limit", "0"), 2, "--limit"),
    ],
)
def test_bad_input_loses_nothing(dead: AmqpUrl, words: tuple[str, ...], code: int, said: str) -> None:
    """It is told in a line, and every message keeps its place."""
    done = run_dead(dead, "replay", "q.dead", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(left(dead)) == 3


@pytest.mark.parametrize("command", ["list", "show", "export", "replay"])
def test_a_queue_that_is_not_there(amqptool_vhost: AmqpUrl, command: str) -> None:
    """Is a definite failure."""
    done = run_dead(amqptool_vhost, command, "nowhere")
    assert done.returncode == 1
    assert "no queue 'nowhere'" in done.stderr


@pytest.mark.parametrize(
    ("limits", "said"), [((), "holds no message"), (("--reason", "expired"), "none of 3 messages")]
)
def test_list_says_why_there_is_nothing(dead: AmqpUrl, limits: tuple[str, ...], said: str) -> None:
    """The queue is empty, or what it holds is something else."""
    if not limits:
        left(dead)
    assert said in run_dead(dead, "list", "q.dead", *limits).stderr


def test_an_empty_queue_is_no_failure(amqptool_vhost: AmqpUrl) -> None:
    """There is nothing to tell of."""
    asyncio.run(declare_queue(amqptool_vhost, "q.dead"))
    for words in (("list",), ("show",), ("export",), ("replay",), ("drop", "--yes")):
        done = run_dead(amqptool_vhost, words[0], "q.dead", *words[1:])
        assert (done.returncode, done.stdout) == (0, "")


def test_a_terminal_shows_how_far_a_replay_is(dead: AmqpUrl) -> None:
    """In a line that is gone when there is a summary."""
    words, env = ("dead", "replay", "q.dead", "--rate", "4/s"), {"AMQPTOOL_URL": dead.reveal()}
    seen, _ = seen_on_terminal(words, env, with_stdout=True)
    assert re.search(r"queue q.dead: \d looked at, \d+/s, \d replayed", seen)
    assert screen(seen) == ["3 replayed, 0 kept"]


def test_a_replay_that_an_error_ends_is_a_document(amqptool_vhost: AmqpUrl) -> None:
    """With what was done by then, the kind of error and what it says."""
    words = ("dead", "replay", "q.dead", "-k", "q", "--rate", "4/s", "--json")

    async def prepare() -> None:
        for queue in ("q", "q.dead"):
            await declare_queue(amqptool_vhost, queue)
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q.dead")] * 400)

    async def delete_in_the_middle() -> None:
        await until_some_are_in(amqptool_vhost, "q")
        await delete_queue(amqptool_vhost, "q.dead")

    asyncio.run(prepare())
    env = cli_environment({"AMQPTOOL_URL": amqptool_vhost.reveal()})
    with subprocess.Popen(cli_arguments(*words), env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        asyncio.run(delete_in_the_middle())
        stdout = process.communicate()[0].decode()
    assert list(flaws(words, stdout)) == []
    told = json.loads(stdout)
    assert (told["kind"], told["code"], told["error"]) == ("dead replay", 69, "BrokerUnavailable")
    assert told["message"] == "the broker cancelled the consumer: was its queue deleted?"
    assert told["replayed"] >= 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_goes_on(amqptool_vhost: AmqpUrl, number: signal.Signals) -> None:
    """However it ends, every message is in one of the queues, and the same command does the rest."""
    count = 3000

    async def prepare() -> None:
        for queue in ("q", "q.dead"):
            await declare_queue(amqptool_vhost, queue)
        await publish(amqptool_vhost, [Message(body=b"%d" % each, routing_key="q.dead") for each in range(count)])

    asyncio.run(prepare())
    words = ("dead", "replay", "q.dead", "-e", "", "-k", "q")
    env = cli_environment({"AMQPTOOL_URL": amqptool_vhost.reveal()})
    with subprocess.Popen(cli_arguments(*words, "--rate", "200/s"), env=env, stderr=subprocess.DEVNULL) as process:
        asyncio.run(until_some_are_in(amqptool_vhost, "q"))
        process.send_signal(number)
    assert process.returncode in (-number, 128 + number)
    assert run_dead(amqptool_vhost, *words[1:]).returncode == 0
    there = left(amqptool_vhost, "q")
    assert set(there) == {b"%d" % each for each in range(count)}
    assert number is signal.SIGKILL or len(there) == count
