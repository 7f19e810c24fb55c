"""`amqptool purge`: what it deletes, and what it leaves."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.message import Delivery
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment
from tests.support.vhost import VhostUnderTest, limited_user


@pytest.fixture
def broker(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give a vhost with three messages in `a` and one in `b`, a quorum queue."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "a")
        await declare_queue(amqptool_vhost, "b", **{"x-queue-type": "quorum"})
        await publish(amqptool_vhost, [Message(body=b"x", routing_key=queue) for queue in "aaab"])

    asyncio.run(prepare())
    return VhostUnderTest(amqptool_node, amqptool_vhost)


def length(broker: VhostUnderTest, queue: str = "a") -> int:
    """Count what is ready in a queue."""
    return asyncio.run(queue_length(broker.url, queue))


def test_it_tells_how_many_each_had(broker: VhostUnderTest) -> None:
    """And deletes them."""
    done = broker.run("purge", "a", "b", "a", "--yes")
    assert (done.returncode, done.stdout) == (0, "DELETED  QUEUE\n      3  a\n      1  b\n")
    assert done.stderr == "4 messages deleted\n"
    assert (length(broker, "a"), length(broker, "b")) == (0, 0)


def test_it_asks_first(broker: VhostUnderTest) -> None:
    """Where nobody can be asked, it is told to say so, and deletes nothing."""
    done = broker.run("purge", "a")
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert length(broker) == 3


def test_one_that_fails_keeps_none_from_it(broker: VhostUnderTest) -> None:
    """That is exit 3, also where the broker ends the connection, as it does for a stream."""
    asyncio.run(declare_queue(broker.url, "stream", **{"x-queue-type": "stream"}))
    done = broker.run("purge", "stream", "nowhere\x1b", "a", "--yes", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["kind"], document["deleted"]) == (3, "purge", 3)
    assert [each.get("error") for each in document["queues"]] == ["BrokerError", "NotFound", None]
    assert done.stderr.count("amqptool: error: purging queue") == 2
    assert "\x1b" not in done.stderr
    assert length(broker) == 0


def test_a_queue_that_is_not_there(broker: VhostUnderTest) -> None:
    """Is a definite failure."""
    done = broker.run("purge", "nowhere", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no queue 'nowhere'" in done.stderr


def test_a_right_that_is_missing_is_named(broker: VhostUnderTest) -> None:
    """It takes the right to read."""
    with limited_user(broker.node, broker.url, configure=".*", write=".*", read="") as url:
        done = VhostUnderTest(broker.node, url).run("purge", "a", "--yes")
    assert (done.returncode, "has no read permission on queue 'a'" in done.stderr) == (77, True)
    assert length(broker) == 3


def test_what_is_in_hand_is_left(broker: VhostUnderTest) -> None:
    """An un-acked message is there again when it is given back."""

    async def scenario() -> None:
        async with connect(broker.url) as connection:
            channel = await connection.channel()
            taken: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
            await channel.consume("a", taken.set_result, lambda: None, prefetch=1)
            await taken
            done = await asyncio.to_thread(broker.run, "purge", "a", "--yes", "--json")
            assert json.loads(done.stdout)["deleted"] == 2

    asyncio.run(scenario())
    assert length(broker) == 1


@pytest.mark.parametrize("name", ["a\nb", "x" * 256, "\udcff"])
def test_a_name_that_no_queue_has_deletes_nothing(broker: VhostUnderTest, name: str) -> None:
    """Not even of the queues before it."""
    done = broker.run("purge", "a", name, "--yes")
    assert (done.returncode, done.stdout, "no queue can be called" in done.stderr) == (65, "", True)
    assert length(broker) == 3


def test_the_question_names_every_host() -> None:
    """Any of them may be the one whose messages go."""
    words = ("purge", "a", "-u", "amqp://127.0.0.1:1/v,amqp://127.0.0.2:2/v")
    terminal, ours = pty.openpty()
    command, env = cli_arguments(*words), cli_environment({})
    with subprocess.Popen(command, env=env, stdin=ours, stderr=subprocess.PIPE, text=True) as process:
        os.write(terminal, b"n\n")
        _, said = process.communicate(timeout=30)
    os.close(ours)
    os.close(terminal)
    assert "of queue 'a' at 127.0.0.1:1/v or 127.0.0.2:2/v?" in said
    assert process.returncode == 1
