"""`amqptool consume --where --requeue`: once through the queue."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.faulty import faulty_line

#: What the queue holds: a message for each number, every third one wanted.
NUMBERS = range(9)


def message(number: int) -> Message:
    """Make one of the queue's messages."""
    return Message(body=b"m%d" % number, routing_key="q", type="wanted" if number % 3 == 0 else "other")


def fill(url: AmqpUrl, messages: Sequence[Message], **arguments: object) -> None:
    """Declare a queue `q` with these messages."""

    async def prepare() -> None:
        await declare_queue(url, "q", **arguments)
        await publish(url, messages)

    asyncio.run(prepare())


# Without a limit, RabbitMQ before 4.0 puts what is given back to a quorum queue at its end.
@pytest.fixture(params=[{"x-queue-type": "classic"}, {"x-queue-type": "quorum", "x-delivery-limit": 20}])
def queue(amqptool_vhost: AmqpUrl, request: pytest.FixtureRequest) -> AmqpUrl:
    """Give a vhost with a queue `q` of either type that holds nine messages."""
    fill(amqptool_vhost, [message(number) for number in NUMBERS], **request.param)
    return amqptool_vhost


def consume(url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume q`."""
    return run_cli("consume", "q", *words, env={"AMQPTOOL_URL": url.reveal()})


def left(url: AmqpUrl) -> list[str]:
    """Take what is left in the queue, in its order."""
    return [delivery.body.decode() for delivery in asyncio.run(drain(url, "q"))]


def bodies(*numbers: int) -> list[str]:
    """Return the bodies of messages."""
    return [f"m{number}" for number in numbers]


def test_the_matching_messages_are_taken_and_the_others_put_back(queue: AmqpUrl) -> None:
    """The look ends at the end of the queue, by itself."""
    done = consume(queue, "--where", "type=wanted")
    assert (done.returncode, done.stdout.split()) == (0, bodies(0, 3, 6))
    assert done.stderr == "9 looked at, 3 printed and taken, 6 given back\n"
    assert left(queue) == bodies(1, 2, 4, 5, 7, 8)


def test_all_conditions_must_hold(queue: AmqpUrl) -> None:
    """--where may be given again."""
    done = consume(queue, "--where", "routing_key=*", "--where", "type!=wanted", "--where", "exchange=", "-n", "1")
    assert (done.returncode, done.stdout.split()) == (0, ["m1"])


def test_more_than_the_prefetch_can_be_held(queue: AmqpUrl) -> None:
    """What does not match never stands in the way of what follows."""
    done = consume(queue, "--where", "type=other", "--requeue", "--prefetch", "2")
    assert (done.returncode, done.stdout.split()) == (0, bodies(1, 2, 4, 5, 7, 8))
    assert done.stderr == "9 looked at, 6 printed, 9 given back\n"
    assert left(queue) == bodies(*NUMBERS)


def test_as_many_as_wanted_are_enough(queue: AmqpUrl) -> None:
    """-n counts what matches."""
    done = consume(queue, "--where", "type=wanted", "-n", "2", "--prefetch", "3")
    assert (done.returncode, done.stdout.split()) == (0, bodies(0, 3))
    assert "2 printed and taken" in done.stderr
    assert "(stopped by --max-messages)" in done.stderr
    assert left(queue) == bodies(1, 2, 4, 5, 6, 7, 8)


def test_requeue_prints_and_puts_back(queue: AmqpUrl) -> None:
    """Every message is printed once, and is in its place afterwards."""
    done = consume(queue, "--requeue")
    assert (done.returncode, done.stdout.split()) == (0, bodies(*NUMBERS))
    assert done.stderr == "9 looked at, 9 printed, 9 given back\n"
    assert left(queue) == bodies(*NUMBERS)


def test_requeue_touches_no_more_than_it_is_to_print(queue: AmqpUrl) -> None:
    """With -n the rest of the queue stays where it is, and the order too."""
    done = consume(queue, "--requeue", "-n", "2")
    assert (done.returncode, done.stdout.split()) == (0, bodies(0, 1))
    assert done.stderr == "2 looked at, 2 printed, 2 given back (stopped by --max-messages)\n"
    assert left(queue) == bodies(*NUMBERS)


def test_a_second_look_sees_all_that_the_first_put_back(amqptool_vhost: AmqpUrl) -> None:
    """Also right behind it, while the queue still takes in what came back."""
    fill(amqptool_vhost, [message(number) for number in range(5000)])
    for _ in range(2):
        done = consume(amqptool_vhost, "--requeue", "--where", "type=wanted")
        assert done.stderr == "5,000 looked at, 1,667 printed, 5,000 given back\n"


@pytest.mark.parametrize(
    "words", [["--requeue"], ["--requeue", "-n", "2"], ["--where", "type=other", "--prefetch", "1"]]
)
def test_a_message_that_cannot_be_decoded_is_passed_over(amqptool_vhost: AmqpUrl, words: list[str]) -> None:
    """It costs no connection, hides nothing behind it, and is put back.

    No broker takes a field of an unknown type, so it becomes one on its way.
    """
    fill(amqptool_vhost, [message(1), replace(message(2), headers={"unknown": True}), message(4)])

    async def look() -> subprocess.CompletedProcess[str]:
        async with faulty_line(amqptool_vhost) as (line, url):
            line.edit = lambda chunk: chunk.replace(b"unknownt", b"unknown\x07")
            return await asyncio.to_thread(consume, url, *words)

    done = asyncio.run(look())
    assert (done.returncode, done.stdout) == (1, "m1\nm4\n")
    assert "cannot be decoded is passed over" in done.stderr
    assert "1 not decodable" in done.stderr
    assert left(amqptool_vhost) == (bodies(1, 2, 4) if "--requeue" in words else bodies(2))


def test_an_empty_queue_is_looked_through_at_once(amqptool_vhost: AmqpUrl) -> None:
    """Nothing there is nothing to do, and too few for --min-messages."""
    fill(amqptool_vhost, [])
    assert consume(amqptool_vhost, "--requeue").returncode == 0
    assert consume(amqptool_vhost, "--where", "type=x", "--min-messages", "1").returncode == 75


def start(url: AmqpUrl, *words: str) -> subprocess.Popen[str]:
    """Start `amqptool consume q` with pipes."""
    return subprocess.Popen(
        cli_arguments("consume", "q", *words),
        env=cli_environment({"AMQPTOOL_URL": url.reveal()}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def big_queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a queue whose messages do not fit into a pipe."""
    fill(amqptool_vhost, [Message(body=b"%d" % n + b"x" * 200_000, routing_key="q") for n in range(20)])
    return amqptool_vhost


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_gives_everything_back(big_queue: AmqpUrl, number: signal.Signals, code: int) -> None:
    """While stdout is stuck, the look is stopped: what was looked at and not taken is in the queue again."""
    with start(big_queue, "--requeue", "--grace", "0.1") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.send_signal(number)
        assert process.wait(30) == code
    assert asyncio.run(queue_length(big_queue, "q")) == 20


def test_a_kill_loses_nothing(big_queue: AmqpUrl) -> None:
    """The broker puts back what a dead look held."""
    with start(big_queue, "--requeue") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.kill()
    asyncio.run(wait_for(big_queue, 20))


async def wait_for(url: AmqpUrl, number: int) -> None:
    """Wait until so many messages are ready: the broker notices a dead client in its own time."""
    async with asyncio.timeout(30):
        while await queue_length(url, "q") != number:
            pass


def test_a_reader_that_goes_away_ends_the_look(big_queue: AmqpUrl) -> None:
    """Exit 141 without a word more, and what was not written is in the queue."""
    with start(big_queue, "--where", "type!=x") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert line.startswith("0x")
    assert asyncio.run(queue_length(big_queue, "q")) == 19


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--where", "color=red"), "there is no field 'color'"),
        (("--where", "type"), "write FIELD=VALUE"),
        (("--where", "type=x", "--handler", "app:f"), "--where looks through the queue"),
        (("--requeue", "--handler", "app:f"), "--requeue looks through the queue"),
    ],
)
def test_wrong_usage_takes_nothing(amqptool_vhost: AmqpUrl, words: tuple[str, ...], complaint: str) -> None:
    """Exit 2 with one line that says what is wrong."""
    done = consume(amqptool_vhost, *words)
    assert done.returncode == 2
    assert complaint in done.stderr.replace("\n", " ")
