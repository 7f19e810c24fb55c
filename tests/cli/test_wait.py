"""`amqptool wait`: for a broker that is down, for a queue, and for its end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import time
from threading import Thread

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker import local
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint, RunningNode
from amqptool.broker.management import Management
from amqptool.cli.commands.wait import _chooser
from amqptool.message import Delivery
from tests.support.broker import declare_queue, drain, publish
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.management_stub import management_stub
from tests.support.vhost import VhostUnderTest

NOBODY = "amqp://guest:guest@127.0.0.1:1"


@pytest.fixture
def broker(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return VhostUnderTest(amqptool_node, amqptool_vhost)


def waiting(broker: VhostUnderTest, *words: str) -> subprocess.Popen[str]:
    """Start to wait."""
    env = cli_environment(broker.env)
    return subprocess.Popen(
        cli_arguments("wait", *words), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """Return what it says first."""
    assert process.stderr is not None
    return process.stderr.readline()


def test_what_is_there_is_not_waited_for(broker: VhostUnderTest) -> None:
    """The broker, its management API and a queue."""
    done = broker.run("wait", "--queue", "q", "--timeout", "30s")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "queue 'q' is there\n")
    done = broker.run("wait")
    assert (done.returncode, done.stderr) == (0, f"{broker.url.address} can be reached\n")


def test_a_broker_that_starts_is_waited_for(mortal_node: RunningNode) -> None:
    """With its management API, where that was named; told once why."""
    local.stop(mortal_node.directory)
    env = cli_environment(
        {"AMQPTOOL_URL": mortal_node.url.reveal(), "AMQPTOOL_MANAGEMENT_URL": mortal_node.management_url}
    )
    with subprocess.Popen(cli_arguments("wait"), env=env, stderr=subprocess.PIPE, text=True) as process:
        assert "connection refused" in first_line(process)
        starting = Thread(target=local.start, args=(mortal_node.directory,))
        starting.start()
        _, said = process.communicate(timeout=100)
        starting.join()
    assert process.returncode == 0
    assert said.endswith("can be reached\n")
    assert "connection refused" not in said.replace("no management API", "")


def test_a_broker_that_does_not_come_is_exit_69() -> None:
    """With the last reason, also as a document."""
    done = run_cli("wait", "--timeout", "1", "--url", NOBODY, "--json")
    assert done.returncode == 69
    assert "connection refused" in json.loads(done.stdout)["message"]


def test_refused_credentials_are_not_waited_for(broker: VhostUnderTest) -> None:
    """They do not get better: exit 77."""
    done = run_cli("wait", "--url", f"amqp://guest:wrong@{broker.url.host}:{broker.url.port}")
    assert done.returncode == 77
    assert "wrong" not in done.stderr


def test_a_queue_is_waited_for(broker: VhostUnderTest) -> None:
    """Until somebody declares it."""
    with waiting(broker, "--queue", "q", "--queue", "late") as process:
        assert first_line(process) == "waiting: queue 'late' does not exist\n"
        asyncio.run(declare_queue(broker.url, "late"))
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "queue 'q' is there\nqueue 'late' is there\n")


def test_a_queue_that_does_not_come_is_exit_69(broker: VhostUnderTest) -> None:
    """With what is missing."""
    done = broker.run("wait", "--queue", "nowhere\x1b[2J", "--timeout", "2s")
    assert done.returncode == 69
    assert "does not exist" in done.stderr
    assert "\x1b" not in done.stderr


HELD = "waiting: queue 'held' holds 1 message (1 of them un-acked)\n"
LATE = "waiting: queue 'held' may hold un-acked messages, which a quorum queue tells late\n"


@pytest.mark.parametrize(("queue_type", "seen"), [("classic", {HELD}), ("quorum", {HELD, LATE})])
def test_empty_counts_what_is_in_somebodys_hands(broker: VhostUnderTest, queue_type: str, seen: set[str]) -> None:
    """A message that was delivered is there until it is acknowledged."""

    async def scenario() -> tuple[str, str]:
        await declare_queue(broker.url, "held", **{"x-queue-type": queue_type})
        await publish(broker.url, [Message(body=b"x", routing_key="held")])
        async with connect(broker.url) as connection:
            channel = await connection.channel()
            taken: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
            await channel.consume("held", taken.set_result, lambda: None, prefetch=1)
            delivery = await taken
            with waiting(broker, "--queue", "held", "--empty") as process:
                told = await asyncio.to_thread(first_line, process)
                channel.ack(delivery.delivery_tag)
                _, said = await asyncio.to_thread(process.communicate, timeout=60)
            assert process.returncode == 0
            return told, said

    told, said = asyncio.run(scenario())
    assert told in seen
    assert said == "queue 'held' holds nothing, neither ready nor un-acked\n"


def test_empty_says_what_was_not_seen(broker: VhostUnderTest) -> None:
    """Where there is no management API, ready messages alone count."""
    env = {"AMQPTOOL_URL": broker.url.reveal()}
    done = run_cli("wait", "--queue", "q", "--empty", env=env)
    assert done.returncode == 0
    assert "un-acked messages are not seen" in done.stderr
    assert json.loads(run_cli("wait", "--queue", "q", "--empty", "--json", env=env).stdout)["queues"] == [
        {"name": "q", "ready": 0, "unacked": None, "consumers": 0}
    ]


def test_how_many_are_left_is_told_once(broker: VhostUnderTest) -> None:
    """Each message that goes is no news."""
    asyncio.run(publish(broker.url, [Message(body=b"x", routing_key="q") for _ in range(3)]))
    with waiting(broker, "--queue", "q", "--empty") as process:
        assert first_line(process) == "waiting: queue 'q' holds 3 messages\n"
        asyncio.run(drain(broker.url, "q"))
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "queue 'q' holds nothing, neither ready nor un-acked\n")


def test_ctrl_c_ends_the_waiting(broker: VhostUnderTest) -> None:
    """With 130, and nothing else to say."""
    with waiting(broker, "--queue", "never") as process:
        first_line(process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")


@pytest.mark.parametrize("words", [("--empty",), ("--timeout", "soon"), ("--timeout", "0")])
def test_wrong_usage(words: tuple[str, ...]) -> None:
    """Is exit 2, with what is right."""
    done = run_cli("wait", *words)
    assert done.returncode == 2
    assert "--queue" in done.stderr or "write 30s" in done.stderr


def test_a_guessed_api_that_has_answered_is_insisted_on() -> None:
    """Else a look that it is too slow for would see no un-acked message, and take the queue for empty."""
    answers = iter([(500, {}), (200, {"name": "rabbit"})])

    async def scenario(address: str) -> None:
        async with Management(address, username="guest", password="guest") as management:
            choose = _chooser(management, named=False)
            assert await choose() is None
            assert await choose() is management
            assert await choose() is management

    with management_stub(lambda _: next(answers, (500, {}))) as address:
        asyncio.run(scenario(address))


def test_a_broker_that_does_not_answer_is_told_in_time() -> None:
    """Whatever listens there, --timeout holds: exit 69."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = run_cli("wait", "--timeout", "500ms", "--json", "-u", f"amqp://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - began < 10
    assert done.returncode == 69
    assert "no answer in time" in json.loads(done.stdout)["message"]
