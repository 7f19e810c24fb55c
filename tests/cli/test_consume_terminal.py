"""`amqptool consume` on a terminal and in a pipe: what reaches the reader, and what stays in the queue."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import Sequence

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker.amqp import connect
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment

#: What a terminal would act on, in every place where a message has text.
HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e"
RAW = (b"\x1b]", b"\x07", b"\xc2\x9b", b"\xe2\x80\xae")


def fill(url: AmqpUrl, messages: Sequence[Message]) -> None:
    """Declare a queue `q` with these messages."""

    async def prepare() -> None:
        await declare_queue(url, "q")
        await publish(url, messages)

    asyncio.run(prepare())


def left(url: AmqpUrl) -> int:
    """Count what is left in the queue."""
    return asyncio.run(queue_length(url, "q"))


def on_terminal(url: AmqpUrl, *words: str) -> bytes:
    """Run `amqptool consume q` on a terminal, and return all that it shows there."""
    reader, writer = pty.openpty()
    command = cli_arguments("consume", "q", *words)
    process = subprocess.Popen(
        command, env=cli_environment({"AMQPTOOL_URL": url.reveal()}), stdout=writer, stderr=writer
    )
    os.close(writer)
    shown = b""
    try:
        while part := os.read(reader, 65_536):
            shown += part
    except OSError:  # a terminal's end, once nobody has it open
        pass
    os.close(reader)
    assert process.wait(30) == 0
    return shown


def hostile() -> Message:
    """Make a message that would take over a terminal."""
    return Message(
        body=HOSTILE.encode(),
        exchange="amq.fanout",
        routing_key=f"k{HOSTILE}",
        message_id=f"i{HOSTILE}",
        type=HOSTILE,
        headers={f"name{HOSTILE}": HOSTILE, "deep": [{HOSTILE: HOSTILE.encode()}]},
    )


@pytest.fixture
def hostile_queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a queue with a message that would take over a terminal."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection:
            await (await connection.channel()).bind_queue("amq.fanout", "q", "")
        await publish(amqptool_vhost, [hostile()])

    asyncio.run(prepare())
    return amqptool_vhost


@pytest.mark.parametrize("output", ["body", "jsonl", "pretty"])
def test_nothing_of_a_message_acts_on_a_terminal(hostile_queue: AmqpUrl, output: str) -> None:
    """Control characters are shown, whichever part of the message they are in."""
    shown = on_terminal(hostile_queue, "--output", output, "-n", "1")
    assert [raw for raw in RAW if raw in shown] == []
    assert b"owned" in shown


def test_pages_have_colour_on_a_terminal_only(amqptool_vhost: AmqpUrl) -> None:
    """--output pretty is styled there, and plain with --no-color."""
    fill(amqptool_vhost, [Message(body=b"m", routing_key="q")] * 2)
    assert b"\x1b[1m" in on_terminal(amqptool_vhost, "--output", "pretty", "-n", "1")
    assert b"\x1b" not in on_terminal(amqptool_vhost, "--output", "pretty", "--no-color", "-n", "1")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["--output", "jsonl"], ["--output", "pretty"], ["--where", "routing_key=q"]])
def test_a_reader_that_has_enough_ends_the_command(amqptool_vhost: AmqpUrl, words: list[str], unbuffered: str) -> None:
    """As in `| head -c 1`: exit 141, and what was not written as a whole is in the queue."""
    fill(amqptool_vhost, [Message(body=b"x" * 200_000, routing_key="q")] * 5)  # more than a pipe holds
    command = cli_arguments("consume", "q", "--quiet", *words)
    done = subprocess.run(
        ["bash", "-c", '"$@" | head -c 1; exit ${PIPESTATUS[0]}', "bash", *command],
        env=cli_environment({"AMQPTOOL_URL": amqptool_vhost.reveal(), "PYTHONUNBUFFERED": unbuffered}),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, len(done.stdout)) == (141, 1)
    assert b"error" not in done.stderr
    assert left(amqptool_vhost) == 5


@pytest.mark.parametrize("output", ["jsonl", "pretty"])
def test_a_very_large_body_is_printed_whole(amqptool_vhost: AmqpUrl, output: str) -> None:
    """Fifteen megabytes, larger than any buffer on the way, and nearly the largest that RabbitMQ 4 takes."""
    body = b"0123456789" * 1_500_000
    fill(amqptool_vhost, [Message(body=body, routing_key="q")])
    done = subprocess.run(
        cli_arguments("consume", "q", "-n", "1", "--output", output),
        env=cli_environment({"AMQPTOOL_URL": amqptool_vhost.reveal()}),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert (json.loads(done.stdout)["body"].encode() == body) if output == "jsonl" else (body in done.stdout)
    assert left(amqptool_vhost) == 0
