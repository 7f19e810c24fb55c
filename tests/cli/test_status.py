"""`amqptool status`: queues and their figures, for people, programs and monitors."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from amqptool import AmqpUrl, Message
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.message import Delivery
from amqptool.testing import fresh_vhost
from tests.support.broker import declare_queue, publish
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.terminal import rest_of
from tests.support.vhost import VhostUnderTest

HOSTILE = 'bad\x1b[31m\t"|='


@pytest.fixture(scope="module")
def broker(amqptool_node: Endpoint) -> Iterator[VhostUnderTest]:
    """Give a vhost with two messages of an hour ago in `orders.new`, whose figures are there, and an empty queue.

    Nothing is changed in it, since each change takes the broker seconds to tell.
    """

    async def prepare(url: AmqpUrl) -> None:
        for name in ("orders.new", "empty", HOSTILE):
            await declare_queue(url, name)
        hour_ago = int(time.time()) - 3600
        await publish(url, [Message(body=b"x", routing_key="orders.new", timestamp=hour_ago) for _ in range(2)])

    with fresh_vhost(amqptool_node) as url:
        asyncio.run(prepare(url))
        found = VhostUnderTest(amqptool_node, url)
        # Some figures come before others.
        until(found, lambda figures: all(queue["bytes"] is not None for queue in figures.values()))
        until(found, lambda figures: (figures["orders.new"]["ready"], figures["orders.new"]["bytes"]) == (2, 2))
        yield found


def until(broker: VhostUnderTest, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look until the broker's figures, which lag by seconds, are as they should be."""
    while not condition(figures := document(broker)):
        pass
    return figures


def document(broker: VhostUnderTest) -> dict[str, Any]:
    """Return the figures of each queue."""
    done = broker.run("status", "--json")
    assert done.returncode == 0, done.stderr
    return {queue["name"]: queue for queue in json.loads(done.stdout)["queues"]}


def test_the_deepest_comes_first(broker: VhostUnderTest) -> None:
    """As a table of lines, with nothing that a terminal would act on."""
    done = broker.run("status")
    titles, *rows = done.stdout.splitlines()
    assert titles.split() == [
        "READY",
        "UNACKED",
        "IN/S",
        "OUT/S",
        "CONSUMERS",
        "BYTES",
        "OLDEST",
        "DRAINED",
        "IN",
        "QUEUE",
    ]
    assert rows[0].split()[-1] == "orders.new"
    assert rows[0].split()[:2] == ["2", "0"]
    assert "1h" in rows[0]
    assert len(rows) == 3
    assert "\x1b" not in done.stdout
    assert done.stderr == "3 queues, 2 ready, 0 un-acked\n"


def test_a_document(broker: VhostUnderTest) -> None:
    """With numbers a program can use."""
    figures = document(broker)["orders.new"]
    assert figures["oldest_age_seconds"] >= 3600
    assert (figures["depth"], figures["bytes"], figures["consumers"]) == (2, 2, 0)
    assert document(broker)["empty"]["drain_seconds"] is None


def test_what_is_in_hand_and_of_no_known_age(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """An un-acked message is part of the depth; without a timestamp, Nagios is not told that no message is old."""
    broker = VhostUnderTest(amqptool_node, amqptool_vhost)

    def is_told(figures: dict[str, Any]) -> bool:
        return bool(figures["q"]["unacked"] and figures["q"]["consumers"])

    async def scenario() -> dict[str, Any]:
        await declare_queue(broker.url, "q")
        await publish(broker.url, [Message(body=b"x", routing_key="q") for _ in range(2)])
        async with connect(broker.url) as connection:
            channel = await connection.channel()
            taken: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
            await channel.consume("q", taken.set_result, lambda: None, prefetch=1)
            await taken
            return await asyncio.to_thread(until, broker, is_told)

    figures = asyncio.run(scenario())["q"]
    assert (figures["depth"], figures["ready"], figures["consumers"]) == (2, 1, 1)
    done = broker.run("status", "q", "--format", "nagios", "--max-age", "5m")
    assert (done.returncode, done.stdout.split(" - ")[0]) == (3, "RABBITMQ UNKNOWN")
    assert "its age is not known: 'q'" in broker.run("status", "q", "--max-age", "5m").stderr


def test_names_and_patterns(broker: VhostUnderTest) -> None:
    """One that fits nothing is a failure, as it would be a typing error; the others are shown."""
    assert broker.run("status", "orders.*", "empty").stdout.count("\n") == 3
    done = broker.run("status", "orders.new", "nowhere")
    assert (done.returncode, "no queue 'nowhere'" in done.stderr) == (1, True)
    assert "orders.new" in done.stdout
    done = broker.run("status", "nowhere.*", "--json")
    assert (done.returncode, json.loads(done.stdout)["missing"]) == (1, ["nowhere.*"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--max-depth", "1"), 1),
        (("--max-depth", "2", "--max-unacked", "0"), 0),
        (("--max-age", "5m"), 1),
        (("--max-age", "2h"), 0),
        (("--min-consumers", "1"), 1),
    ],
)
def test_limits(broker: VhostUnderTest, words: tuple[str, ...], code: int) -> None:
    """A breach is exit 1 and a line, and named in the document."""
    done = broker.run("status", "orders.new", *words, "--json")
    [queue] = json.loads(done.stdout)["queues"]
    assert (done.returncode, len(queue["breaches"])) == (code, code)
    assert done.stderr.count("amqptool: error: queue 'orders.new'") == code


@pytest.mark.parametrize(
    ("words", "code", "begin"),
    [
        (("orders.new",), 0, "RABBITMQ OK - 1 queue, 2 messages | 'orders.new depth'=2;;;0 "),
        (
            ("orders.new", "--max-depth", "1"),
            2,
            "RABBITMQ CRITICAL - queue 'orders.new' holds 2 messages, more than 1 | 'orders.new depth'=2;;1;0 ",
        ),
        (("nowhere",), 2, "RABBITMQ CRITICAL - no queue 'nowhere' in vhost"),
        (("-u", "amqp://127.0.0.1:1"), 0, "RABBITMQ OK"),
        (("-u", "amqp://guest:wr0ng@127.0.0.1:1"), 3, "RABBITMQ UNKNOWN - "),
        (("--management-url", "http://127.0.0.1:1"), 2, "RABBITMQ CRITICAL - "),
    ],
)
def test_nagios(broker: VhostUnderTest, words: tuple[str, ...], code: int, begin: str) -> None:
    """One line, and the codes that Nagios knows, whatever happens."""
    done = broker.run("status", "--format", "nagios", *words)
    assert (done.returncode, done.stdout.count("\n")) == (code, 1)
    assert done.stdout.startswith(begin)
    assert "wr0ng" not in done.stdout + done.stderr


def test_prometheus_can_read_it(broker: VhostUnderTest) -> None:
    """Whatever is in a name."""
    done = broker.run("status", "--format", "prometheus")
    assert done.returncode == 0
    samples = [sample for family in text_string_to_metric_families(done.stdout) for sample in family.samples]
    ready = {sample.labels["queue"]: sample.value for sample in samples if sample.name.endswith("_ready")}
    assert ready == {"orders.new": 2.0, "empty": 0.0, 'bad\\x1b[31m\\x09"|=': 0.0}
    assert {sample.labels["vhost"] for sample in samples} == {broker.url.vhost}


def test_without_the_management_api(broker: VhostUnderTest) -> None:
    """Queues that are named are looked up over AMQP; what that does not tell is said, and cannot be asked for."""
    env = {"AMQPTOOL_URL": broker.url.reveal()}
    done = run_cli("status", "empty", "orders.new", "nowhere", "--max-depth", "1", env=env)
    assert done.returncode == 1
    assert done.stdout == "READY  CONSUMERS  QUEUE\n    2          0  orders.new\n    0          0  empty\n"
    assert "are all that AMQP tells" in done.stderr
    assert "no queue 'nowhere'" in done.stderr
    for words in ((), ("orders.*",), ("empty", "--max-age", "5m"), ("empty", "--max-unacked", "1")):
        assert run_cli("status", *words, env=env).returncode == 69


def test_a_vhost_that_does_not_exist(broker: VhostUnderTest) -> None:
    """Is refused as it is over AMQP."""
    done = broker.run("status", "-u", broker.url.reveal() + "x")
    assert (done.returncode, "there is no such vhost" in done.stderr) == (77, True)


@pytest.mark.parametrize(
    "words",
    [("--json", "--format", "nagios"), ("--watch",), ("--watch", "--format", "prometheus"), ("--max-depth", "-1")],
)
def test_wrong_usage(broker: VhostUnderTest, words: tuple[str, ...]) -> None:
    """Is exit 2."""
    assert broker.run("status", *words).returncode == 2


def test_watching(broker: VhostUnderTest) -> None:
    """A table with the trend, which comes again, until Ctrl-C; breaches do not end it."""
    terminal, ours = pty.openpty()
    command = cli_arguments("status", "--watch", "--interval", "0.1", "--max-depth", "1")
    env = cli_environment({**broker.env, "TERM": "xterm", "COLUMNS": "100", "LINES": "20", "PYTHONIOENCODING": "utf-8"})
    seen = b""
    with subprocess.Popen(command, env=env, stdin=ours, stdout=ours, stderr=ours) as running:
        os.close(ours)
        while seen.count(b"TREND") < 3:
            seen += os.read(terminal, 65_536)
        running.send_signal(signal.SIGINT)
        seen += rest_of(terminal)
    os.close(terminal)
    text = seen.decode()
    assert running.returncode == 130
    assert "3 queues, 2 ready, 0 un-acked, 1 beyond limits" in text
    assert "██" in text
    assert "Traceback" not in text
