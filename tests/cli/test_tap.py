"""`amqptool tap`: what goes through exchanges, while nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import subprocess
from collections.abc import Sequence
from datetime import datetime
from math import nan
from typing import Any

import pytest
from pika import spec

from amqptool import AmqpUrl, Message, Publisher
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.work.outlet import MAX_BYTES
from tests.support.broker import close_connections, drain, publish, queue_length
from tests.support.cli import UNMEASURED, run_cli
from tests.support.fake_broker import Peer, fake_broker
from tests.support.resources import peak
from tests.support.schemas import flaws
from tests.support.tapping import tapping
from tests.support.terminal import screen, seen_on_terminal
from tests.support.vhost import VhostUnderTest

#: What a publisher may write, and a terminal would act on.
HOSTILE = "\x1b[2J"
TOPOLOGY = """
exchanges: {topic: topic, fanout: fanout, headers: headers, direct: direct}
queues:
  q:
    bindings:
    - {source: topic, routing_key: "#"}
    - {source: fanout}
    - {source: headers}
    - {source: direct, routing_key: k}
  dead:
    bindings: [{source: amq.fanout}]
"""


@pytest.fixture
def vhost(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give a vhost with an exchange of each type, and a queue `q` behind each."""
    vhost = VhostUnderTest(amqptool_node, amqptool_vhost)
    vhost.holds(TOPOLOGY)
    return vhost


def send(vhost: VhostUnderTest, *routes: tuple[str, str], body: bytes = b"x") -> None:
    """Publish a message to each exchange by a routing key."""
    messages = [Message(body=body, exchange=exchange, routing_key=key) for exchange, key in routes]
    asyncio.run(publish(vhost.url, messages))


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end of a tap."""
    stdout, stderr = process.communicate(timeout=60)
    assert isinstance(process.args, list)
    assert list(flaws(process.args, stdout or "")) == []
    return process.returncode, stdout, stderr


async def until_nothing_is_tapped(vhost: VhostUnderTest) -> None:
    """Wait until the queues of all taps are gone, which have got what they were to get."""
    async with Management.at(vhost.node.management_url, vhost.url) as management:
        while any(
            each["destination"].startswith("amqptool.tap.") for each in await management.bindings(vhost.url.vhost)
        ):
            pass


def origins(lines: str) -> list[tuple[str, str]]:
    """Return where the messages of records went."""
    return [(each["exchange"], each["routing_key"]) for each in map(json.loads, lines.splitlines())]


def test_all_types_of_exchanges_are_tapped_at_once(vhost: VhostUnderTest) -> None:
    """A direct one by a key; and who consumes gets everything all the same."""
    routes = [("topic", "a.b"), ("fanout", "x"), ("headers", "y"), ("direct", "k")]
    with tapping(vhost.env, "topic", "fanout", "headers", "direct:k", "-n", "4", "--json") as process:
        send(vhost, *routes)
        code, stdout, stderr = end(process)
    assert (code, sorted(origins(stdout))) == (0, sorted(routes))
    assert stderr.startswith("4 printed in ")
    left = asyncio.run(drain(vhost.url, "q"))
    assert [delivery.redelivered for delivery in left] == [False] * 4


def test_keys_and_conditions_choose(vhost: VhostUnderTest) -> None:
    """The broker routes by the key, and --where looks at the rest."""
    with tapping(vhost.env, "topic:a.*", "--where", "routing_key!=a.x", "-n", "1", "--json") as process:
        send(vhost, ("topic", "b"), ("topic", "a.x"), ("topic", "a.y"))
        code, stdout, stderr = end(process)
    assert (code, origins(stdout)) == (0, [("topic", "a.y")])
    assert stderr.startswith("1 printed of 2 in ")


def test_nothing_is_left_of_a_tap(vhost: VhostUnderTest) -> None:
    """Its queue and its bindings go with it, even when it is killed."""
    before = vhost.names()
    with tapping(vhost.env, "topic") as process:
        process.kill()
    asyncio.run(wait_until(vhost, before))


async def wait_until(vhost: VhostUnderTest, names: set[str]) -> None:
    """Wait until a vhost holds this: the broker notices a dead client in its own time."""
    async with asyncio.timeout(30):
        while await asyncio.to_thread(vhost.names) != names:
            pass


def test_a_policy_for_all_queues_is_not_for_the_tap(vhost: VhostUnderTest) -> None:
    """What its queue drops is no dead letter, and no publisher is refused, while the tap stands still."""
    policy = {"max-length": 1, "overflow": "reject-publish", "dead-letter-exchange": "amq.fanout"}
    vhost.has_policy("all", "^amqptool", **policy)
    with tapping(vhost.env, "topic", "--json") as process:
        process.send_signal(signal.SIGSTOP)
        send(vhost, *[("topic", "k")] * 1000, body=b"x" * 10_000)
    assert asyncio.run(queue_length(vhost.url, "q")) == 1000
    assert asyncio.run(queue_length(vhost.url, "dead")) == 0


def test_a_terminal_would_get_pages_and_a_pipe_bodies(vhost: VhostUnderTest) -> None:
    """The page begins with the time when the message came."""
    with tapping(vhost.env, "topic", "-n", "1") as process:
        send(vhost, ("topic", "k"))
        assert end(process)[1] == "x\n"
    with tapping(vhost.env, "topic", "-n", "1", "--output", "pretty") as process:
        send(vhost, ("topic", "k"))
        title = end(process)[1].splitlines()[0]
    time, rest = title.split("  ", 1)
    assert rest == "topic → k"
    assert datetime.fromisoformat(time).tzinfo is not None


def test_a_recording_is_published_with_its_timing(vhost: VhostUnderTest) -> None:
    """Faster, it takes as long as its times say; nothing is lost on the way."""
    with tapping(vhost.env, "topic", "-n", "3", "--output", "jsonl") as process:
        for key in ("a", "b", "c"):
            send(vhost, ("topic", key))
        recording = end(process)[1]
    asyncio.run(drain(vhost.url, "q"))
    times = [datetime.fromisoformat(json.loads(line)["received_at"]) for line in recording.splitlines()]
    assert times == sorted(times)
    done = vhost.run("publish", "--jsonl", "-", "--speed", "10", "--json", text=recording)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["confirmed"] == 3
    assert [delivery.routing_key for delivery in asyncio.run(drain(vhost.url, "q"))] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--speed", "0"), 2, "0"),
        (("--speed", "inf"), 2, "is no number of times"),
        (("--speed", "1", "--rate", "5/s"), 2, "--rate is for others"),
        (("--speed", "1"), 65, "has no 'received_at'"),
    ],
)
def test_a_speed_is_for_recordings(vhost: VhostUnderTest, words: tuple[str, ...], code: int, said: str) -> None:
    """What has no time cannot be timed, and nothing is sent."""
    done = vhost.run("publish", "--jsonl", "-", *words, text='{"body": "x", "routing_key": "q"}\n')
    assert done.returncode == code
    assert said in done.stderr.replace("\n", " ")
    assert asyncio.run(queue_length(vhost.url, "q")) == 0


def test_top_counts_by_exchange_and_key(vhost: VhostUnderTest) -> None:
    """As a table in the end, the most messages first, and as one document."""
    routes = [("topic", "a"), ("topic", "b"), ("topic", "b")]
    with tapping(vhost.env, "topic", "--top", "-n", "3") as process:
        send(vhost, *routes)
        code, stdout, _ = end(process)
    assert code == 0
    rows = [line.split() for line in stdout.splitlines()[1:]]
    assert [(row[0], *row[2:]) for row in rows] == [("2", "2", "topic", "b"), ("1", "1", "topic", "a")]
    with tapping(vhost.env, "topic", "--top", "-n", "3", "--json") as process:
        send(vhost, *routes)
        found = json.loads(end(process)[1])
    assert (found["kind"], found["code"], found["received"], found["others"]) == ("tap", 0, 3, None)
    assert [(each["routing_key"], each["messages"], each["bytes"]) for each in found["rates"]] == [
        ("b", 2, 2),
        ("a", 1, 1),
    ]


def test_top_is_bounded_whatever_the_keys(vhost: VhostUnderTest) -> None:
    """A thousand are counted one by one, all others together, in little memory."""
    with tapping({**vhost.env, **UNMEASURED}, "topic", "--top", "--json") as process:
        send(vhost, *[("topic", f"key.{number}") for number in range(5000)])
        held = peak(process.pid)
        process.send_signal(signal.SIGTERM)
        found = json.loads(end(process)[1])
    assert len(found["rates"]) == 1000
    assert found["others"]["messages"] == found["received"] - 1000
    assert held < 150


def test_top_is_live_on_a_terminal(vhost: VhostUnderTest) -> None:
    """The table comes again and again, and once more when it is over; a narrow terminal shows the beginning of it."""
    vhost.holds("exchanges: {hostile: topic}")

    async def watch() -> str:
        env = {**vhost.env, "COLUMNS": "50", "LINES": "8"}
        command = ("tap", "hostile", "--top", "--timeout", "2.5")
        watching = asyncio.create_task(asyncio.to_thread(seen_on_terminal, command, env, with_stdout=True))
        messages = [Message(body=b"x", exchange="hostile", routing_key=f"{HOSTILE}{n}") for n in range(9)]
        async with Publisher(vhost.url, mandatory=False) as publisher:
            while not watching.done():
                for message in messages:
                    await publisher.publish(message)
        return (await watching)[0]

    seen = asyncio.run(watch())
    assert seen.count("MESSAGES") >= 3
    assert HOSTILE not in seen
    lines = screen(seen)
    assert all(len(line) <= 50 for line in lines if not line.startswith(("tapping", "… and")))
    assert any(line.startswith("… and 6 more") for line in lines)
    assert lines[-1].endswith("(stopped by --timeout)")


@pytest.mark.parametrize("words", [("topic", "--json"), ("topic", "--top", "--json")])
def test_a_lost_connection_ends_it(vhost: VhostUnderTest, words: Sequence[str]) -> None:
    """With 69, and what was counted is told all the same."""
    with tapping(vhost.env, *words) as process:
        send(vhost, ("topic", "k"))
        asyncio.run(close_connections(vhost.node, vhost.url))
        code, stdout, stderr = end(process)
    assert code == 69
    assert "the tap ended with its connection: " in stderr
    assert "Traceback" not in stderr
    last = json.loads(stdout.splitlines()[-1])
    assert (last["kind"], last["code"]) == ("tap" if "--top" in words else "error", 69)
    assert (last["error"], bool(last["message"])) == ("BrokerUnavailable", True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it(vhost: VhostUnderTest, number: signal.Signals, code: int) -> None:
    """What was printed is told."""
    with tapping(vhost.env, "topic", "--json") as process:
        assert process.stdout is not None
        send(vhost, ("topic", "k"))
        line = process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr is not None
        assert process.stderr.read().startswith("1 printed in ")
    assert origins(line) == [("topic", "k")]


def test_a_reader_that_stands_still_costs_messages_and_nothing_else(vhost: VhostUnderTest) -> None:
    """The oldest are dropped, the number is told, and the exit code says so."""
    body = b"x" * (MAX_BYTES // 8)
    with tapping(vhost.env, "topic", "-n", "20") as process:
        send(vhost, *[("topic", "k")] * 20, body=body)
        asyncio.run(until_nothing_is_tapped(vhost))  # so that all have come before one is read
        code, stdout, stderr = end(process)
    printed = stdout.count("\n")
    assert code == 3
    assert 0 < printed < 20
    assert f"{20 - printed} messages missed" in stderr


def test_a_reader_that_goes_away_ends_it(vhost: VhostUnderTest) -> None:
    """Exit 141 without a word more."""
    read, write = os.pipe()
    with tapping(vhost.env, "topic", "--json", stdout=write) as process:
        os.close(write)
        os.close(read)
        send(vhost, ("topic", "k"))
        assert process.wait(30) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("direct",), 65, "say by which key"),
        (("nowhere",), 1, "no exchange 'nowhere'"),
        (("nowhere:k", "--amqp-only"), 1, "no exchange 'nowhere'"),
        (("topic", "--amqp-only"), 65, "is not known"),
        ((":k",), 2, "default exchange"),
        ((), 2, "Missing argument"),
        (("topic", "--top", "--output", "body"), 2, "give one of them"),
        (("topic", "--json", "--output", "body"), 2, "give one of them"),
        (("topic", "--where", "x"), 2, "is no condition"),
        (("topic", "--timeout", "soon"), 2, "is no duration"),
    ],
)
def test_bad_input_takes_one_line(vhost: VhostUnderTest, words: tuple[str, ...], code: int, said: str) -> None:
    """And the right exit code."""
    done = vhost.run("tap", *words)
    assert done.returncode == code
    assert said in (done.stderr + done.stdout).replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_it_ends_in_time(vhost: VhostUnderTest) -> None:
    """Nothing that came is no failure."""
    done = vhost.run("tap", "topic", "--duration", "100ms")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[1].startswith("0 printed in 0.1 s (stopped by --timeout)")


def test_without_the_types_nothing_is_tapped_but_what_every_vhost_has(vhost: VhostUnderTest) -> None:
    """An exchange that shares its messages out would give some to the tap alone, so --amqp-only has to say it."""
    env = {"AMQPTOOL_URL": vhost.url.reveal()}
    done = run_cli("tap", "topic:k", "--timeout", "100ms", env=env)
    assert (done.returncode, "--amqp-only" in done.stderr) == (69, True)
    assert run_cli("tap", "topic:k", "--timeout", "100ms", "--amqp-only", env=env).returncode == 0
    assert run_cli("tap", "amq.topic", "--timeout", "100ms", env=env).returncode == 0


def without_the_half(header: bytes) -> bytes:
    """Let a header that is a half be no number."""
    return header.replace(struct.pack(">d", 0.5), struct.pack(">d", nan))


def delivers_a_nan(peer: Peer, method: Any, channel: int) -> None:
    """Play a broker that lets through a header that is no number, and one message more."""
    if isinstance(method, spec.Queue.Declare):
        peer.send(spec.Queue.DeclareOk(method.queue, 0, 0), channel)
    if isinstance(method, spec.Basic.Consume):
        peer.send(spec.Basic.ConsumeOk(method.consumer_tag), channel)
    if isinstance(method, spec.Queue.Bind):
        peer.send(spec.Queue.BindOk(), channel)
        for tag, headers in enumerate(({"n": 0.5}, {}), start=1):
            deliver = spec.Basic.Deliver("amqptool-1", tag, False, "e", "k")
            peer.send_content(deliver, b"x", channel, headers, falsify=without_the_half)


def test_what_has_no_record_is_not_counted_as_printed() -> None:
    """JSON has no NaN; the rest is printed, and the exit code says that it is not all."""

    async def scenario() -> subprocess.CompletedProcess[str]:
        async with fake_broker(on_method=delivers_a_nan) as url:
            env = {"AMQPTOOL_URL": url.reveal()}
            return await asyncio.to_thread(run_cli, "tap", "e:k", "-n", "2", "--json", "--amqp-only", env=env)

    done = asyncio.run(scenario())
    assert (done.returncode, len(done.stdout.splitlines())) == (3, 1), done.stderr
    assert "is passed over" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("1 printed of 2 in ")
