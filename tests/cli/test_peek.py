"""`amqptool peek`: what it shows of queues and streams, and that it leaves them as they were."""

from __future__ import annotations

import asyncio
import json
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from amqptool import AmqpUrl, Message, Publisher
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.terminal import seen_on_terminal

#: What a publisher may write, and a terminal would act on.
HOSTILE = "\x1b[2J"


def fill(url: AmqpUrl, count: int, **arguments: object) -> AmqpUrl:
    """Declare a queue `q` with so many messages, every third of the type `wanted`."""

    async def prepare() -> None:
        await declare_queue(url, "q", **arguments)
        kinds = ["other" if number % 3 else "wanted" for number in range(count)]
        messages = [Message(body=b"m%d" % n, routing_key="q", type=kind) for n, kind in enumerate(kinds)]
        await publish(url, messages)

    asyncio.run(prepare())
    return url


@pytest.fixture(params=[{"x-queue-type": "classic"}, {"x-queue-type": "quorum", "x-delivery-limit": 20}])
def queue(amqptool_vhost: AmqpUrl, request: pytest.FixtureRequest) -> AmqpUrl:
    """Give a vhost with a queue `q` of either type that holds twelve messages."""
    return fill(amqptool_vhost, 12, **request.param)


@pytest.fixture
def stream(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a stream `q` that holds twelve messages."""
    return fill(amqptool_vhost, 12, **{"x-queue-type": "stream"})


def peek(url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool peek q`."""
    return run_cli("peek", "q", *words, env={"AMQPTOOL_URL": url.reveal()})


def bodies(first: int, after: int) -> list[str]:
    """Return the bodies of messages."""
    return [f"m{number}" for number in range(first, after)]


def test_the_first_ten_are_shown_and_all_is_in_its_place(queue: AmqpUrl) -> None:
    """And it says what looking has changed."""
    done = peek(queue)
    assert (done.returncode, done.stdout.split()) == (0, bodies(0, 10))
    assert done.stderr == "10 shown; 10 given back, now marked as redelivered\n"
    left = asyncio.run(drain(queue, "q"))
    assert [delivery.body.decode() for delivery in left] == bodies(0, 12)
    assert [delivery.redelivered for delivery in left] == [True] * 10 + [False] * 2


def test_no_more_is_touched_than_is_shown(queue: AmqpUrl) -> None:
    """With -n the rest is as it was."""
    assert peek(queue, "-n", "2").stdout.split() == bodies(0, 2)
    assert [delivery.redelivered for delivery in asyncio.run(drain(queue, "q"))] == [True] * 2 + [False] * 10


def test_what_is_wanted_is_shown_with_its_position(queue: AmqpUrl) -> None:
    """Counted from the head of the queue; as records that `publish` takes."""
    done = peek(queue, "--where", "type=wanted", "-n", "3", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["body"], each["position"]) for each in records] == [("m0", 1), ("m3", 4), ("m6", 7)]
    assert done.stderr.startswith("3 shown of ")
    again = run_cli("publish", "--jsonl", "-", env={"AMQPTOOL_URL": queue.reveal()}, input=done.stdout)
    assert again.returncode == 0, again.stderr


def test_a_terminal_gets_pages(amqptool_vhost: AmqpUrl) -> None:
    """With the position before each title, and nothing that it would act on."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b'{"n":1}', routing_key="q", type=HOSTILE)])

    asyncio.run(prepare())
    env = {"AMQPTOOL_URL": amqptool_vhost.reveal()}
    seen, _ = seen_on_terminal(("peek", "q", "--no-color"), env, with_stdout=True)
    assert seen.startswith("1  (default exchange) → q\r\n")
    assert '{\r\n  "n": 1\r\n}' in seen
    assert HOSTILE not in seen


def test_an_empty_queue_is_no_failure(amqptool_vhost: AmqpUrl) -> None:
    """It says that there is nothing."""
    fill(amqptool_vhost, 0)
    done = peek(amqptool_vhost)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing to see: no message is ready\n")


def test_a_stream_is_read_from_its_beginning(stream: AmqpUrl) -> None:
    """As often as one likes, and it ends at its end."""
    for _ in range(2):
        done = peek(stream, "-n", "100")
        assert (done.returncode, done.stdout.split()) == (0, bodies(0, 12))
        assert done.stderr == "12 shown; a stream keeps what is read\n"


@pytest.mark.parametrize(
    ("offset", "first"), [("first", 0), ("5", 5), ("1h", 0), ("2020-01-01", 0), ("2020-01-01T00:00:00Z", 0)]
)
def test_a_stream_is_read_from_an_offset(stream: AmqpUrl, offset: str, first: int) -> None:
    """A number, how long ago, or a time; the position of a message is its offset."""
    done = peek(stream, "--offset", offset, "-n", "3", "--json")
    assert [json.loads(line)["position"] for line in done.stdout.splitlines()] == list(range(first, first + 3))


def test_the_last_of_a_stream_are_shown(stream: AmqpUrl) -> None:
    """Its last chunk, whose size is the broker's affair."""
    assert peek(stream, "--offset", "last", "-n", "100").stdout.split()[-1] == "m11"


def test_a_stream_is_looked_through_for_what_is_wanted(stream: AmqpUrl) -> None:
    """The others are passed over."""
    done = peek(stream, "--where", "type=wanted")
    assert (done.stdout.split(), done.stderr) == (
        ["m0", "m3", "m6", "m9"],
        "4 shown of 12; a stream keeps what is read\n",
    )


def test_more_than_a_stream_sends_ahead_is_read(amqptool_vhost: AmqpUrl) -> None:
    """An ack lets more come."""
    fill(amqptool_vhost, 1000, **{"x-queue-type": "stream"})
    assert peek(amqptool_vhost, "-n", "1000").stdout.split() == bodies(0, 1000)


@pytest.mark.parametrize("words", [(), ("--where", "type=wanted")])
def test_a_busy_stream_ends_where_it_did_at_first(stream: AmqpUrl, words: tuple[str, ...]) -> None:
    """What comes later is not waited for, though it never stops coming."""
    with subprocess.Popen(
        cli_arguments("peek", "q", "-n", "1000000", *words),
        env=cli_environment({"AMQPTOOL_URL": stream.reveal()}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asyncio.run(keep_publishing(stream, lambda: process.poll() is None))
        assert process.stdout is not None
        shown = process.stdout.read().split()
    assert process.returncode == 0
    assert [body for body in shown if body != "new"] == bodies(0, 12)[:: 3 if words else 1]


async def keep_publishing(url: AmqpUrl, condition: Callable[[], bool]) -> None:
    """Publish one message after the other while a condition holds."""
    async with Publisher(url) as publisher:
        while condition():
            await publisher.publish(Message(body=b"new", routing_key="q"))


def test_the_next_message_of_a_stream_is_waited_for(stream: AmqpUrl) -> None:
    """What was there before is not shown."""
    with subprocess.Popen(
        cli_arguments("peek", "q", "--offset", "next", "-n", "1"),
        env=cli_environment({"AMQPTOOL_URL": stream.reveal()}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None:  # until one comes after it has begun
            asyncio.run(publish(stream, [Message(body=b"new", routing_key="q")]))
        assert process.stdout is not None
        assert process.stdout.read() == "new\n"


def test_waiting_ends_in_time(stream: AmqpUrl) -> None:
    """With --timeout, and nothing to see is no failure."""
    done = peek(stream, "--offset", "next", "--timeout", "500ms")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing to see from there on\n")


def test_ctrl_c_ends_waiting(stream: AmqpUrl) -> None:
    """With 130, and nothing else is said than what was seen."""
    with subprocess.Popen(
        cli_arguments("peek", "q", "--offset", "next"),
        env=cli_environment({"AMQPTOOL_URL": stream.reveal(), "PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while not select_readable(process):
            asyncio.run(publish(stream, [Message(body=b"new", routing_key="q")]))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read().endswith("; a stream keeps what is read\n")


def select_readable(process: subprocess.Popen[str]) -> bool:
    """Return whether a process has written to its stdout."""
    return bool(select.select([process.stdout], [], [], 0)[0])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--offset", "first"), 65, "is no stream"),
        (("--offset", "yesterday"), 2, "is no offset of a stream"),
        (("--where", "x"), 2, "is no condition"),
        (("-n", "0"), 2, "is not in the range"),
        (("--json", "--output", "body"), 2, "give one of them"),
    ],
)
def test_bad_input_takes_one_line(amqptool_vhost: AmqpUrl, words: tuple[str, ...], code: int, said: str) -> None:
    """The right code, and the queue as it was."""
    fill(amqptool_vhost, 1)
    done = peek(amqptool_vhost, *words)
    assert done.returncode == code
    assert said in (done.stderr + done.stdout).replace("\n", " ")
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 1
    assert [delivery.redelivered for delivery in asyncio.run(drain(amqptool_vhost, "q"))] == [False]


def test_a_queue_that_does_not_exist_is_said(amqptool_vhost: AmqpUrl) -> None:
    """With exit code 1."""
    done = peek(amqptool_vhost)
    assert done.returncode == 1
    assert "no queue 'q'" in done.stderr


def test_a_broker_that_does_not_answer_is_told_in_time() -> None:
    """Whatever listens there, --timeout holds: exit 69."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = run_cli("peek", "q", "--timeout", "500ms", "--json", "-u", f"amqp://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < 10
    assert done.returncode == 69
    assert "no answer in time" in json.loads(done.stdout)["message"]
