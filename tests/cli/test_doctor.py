"""`amqptool doctor`: each step, and what it says where one fails."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from amqptool import AmqpUrl, BrokerError, Message
from amqptool.broker import local
from amqptool.broker.amqp import Connection, connect
from amqptool.broker.doctor.consumers import check_consumers
from amqptool.broker.doctor.step import Step
from amqptool.broker.local import Endpoint, RunningNode
from amqptool.broker.management import Management
from amqptool.message import Delivery
from tests.faults.nodes import private_nodes
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import run_cli
from tests.support.ctl import rabbitmqctl
from tests.support.monitoring import until
from tests.support.terminal import seen_on_terminal
from tests.support.vhost import VhostUnderTest, limited_user

FILE = """
exchanges: {in: topic}
queues:
  q: {bindings: [{source: in, routing_key: a}]}
  other: {queue_type: quorum, dead_letter_exchange: in, bindings: [{source: in, routing_key: b}]}
"""
STEPS = [
    *("dns", "tcp", "tls", "auth", "vhost", "rights", "version"),
    *("management", "nodes", "alarms", "deprecated", "consumers"),
]


@pytest.fixture
def broker(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give an empty vhost."""
    return VhostUnderTest(amqptool_node, amqptool_vhost)


def examined(broker: VhostUnderTest, *words: str, code: int = 0, text: str = "") -> dict[str, dict[str, Any]]:
    """Run `amqptool doctor --json`, and return its steps by their names, in their order."""
    done = broker.run("doctor", "--json", *words, text=text)
    found = json.loads(done.stdout)
    assert (done.returncode, found["kind"], found["code"]) == (code, "doctor", code), done.stdout
    [examination] = found["brokers"]
    return {step["step"]: step for step in examination["steps"]}


def test_all_is_well(broker: VhostUnderTest) -> None:
    """Each step tells what it has seen; the URL is shown without its password, with where it comes from."""
    done = broker.run("doctor")
    assert done.returncode == 0, done.stdout
    first, *lines = done.stdout.splitlines()
    assert first == f"{broker.url} (from AMQPTOOL_URL)"
    assert "***" in first
    assert [line[13:].split()[0] for line in lines] == STEPS
    assert "failed" not in done.stdout


def test_lines_fit_a_terminal(broker: VhostUnderTest) -> None:
    """They are broken between words, below what a step has shown."""
    words = ("doctor", "--no-color", "-u", replace(broker.node.url, password="wr0ng").reveal())
    seen, _ = seen_on_terminal(words, {**broker.env, "COLUMNS": "60"}, with_stdout=True)
    _, *lines = seen.splitlines()
    assert max(map(len, lines)) <= 60
    assert [line[13:23].strip() for line in lines if line[:25].strip()] == STEPS[: STEPS.index("auth") + 1]


@pytest.mark.parametrize("is_there", [False, True])
def test_rights_are_tried_and_nothing_is_changed(broker: VhostUnderTest, is_there: bool) -> None:
    """Whether or not the objects are there."""
    if is_there:
        broker.holds(FILE)
    before = broker.names()
    steps = examined(broker, "-", text=FILE)
    assert steps["rights"]["state"] == "ok"
    assert "to declare, publish, consume" in steps["rights"]["message"]
    assert broker.names() == before


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ({"configure": "^(in|other)$"}, "lacks configure on queue 'q' (to"),
        ({"configure": "^(q|other)$"}, "lacks configure on exchange 'in' (to"),
        ({"write": "^(in|q)$"}, "lacks write on queue 'other' (to"),
        ({"write": "^(other|q)$"}, "lacks write on exchange 'in' (to"),
        ({"read": "^(in|q)$"}, "lacks read on queue 'other' (to"),
        ({"read": "^(q|other)$"}, "lacks read on exchange 'in' (to"),
    ],
)
def test_a_right_that_is_missing_is_named(
    broker: VhostUnderTest, lacking: dict[str, str], told: str, is_there: bool
) -> None:
    """It, and no other: exit 77, with what to do."""
    if is_there:
        broker.holds(FILE)
    rights = {"configure": "^(in|q|other)$", "write": "^(in|q|other)$", "read": "^(in|q|other)$", **lacking}
    with limited_user(broker.node, broker.url, **rights) as url:
        steps = examined(VhostUnderTest(broker.node, url), "-", code=77, text=FILE)
    assert told in steps["rights"]["message"]
    assert "set_permissions" in steps["rights"]["advice"]
    assert steps["version"]["state"] == "ok"
    assert steps["alarms"]["state"] == "not asked"  # which takes the tag `monitoring`


PASSING_ON = """
exchanges: {in: {type: topic, alternate_exchange: alternate}}
queues: {q: {dead_letter_exchange: dead}}
"""


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ({"write": "^dead$"}, "lacks write on exchange 'alternate' (to declare)"),
        ({"write": "^alternate$"}, "lacks write on exchange 'dead' (to declare)"),
        ({"read": "^q$"}, "lacks read on exchange 'in' (to declare)"),
        ({"read": "^in$"}, "lacks read on queue 'q' (to declare)"),
    ],
)
def test_it_takes_rights_to_let_messages_go_on_elsewhere(
    broker: VhostUnderTest, lacking: dict[str, str], told: str
) -> None:
    """Without any of which `declare` cannot make one of both, as it is said before."""
    rights = {"configure": "^(in|q)$", "write": "^(alternate|dead)$", "read": "^(in|q)$"}
    with limited_user(broker.node, broker.url, **rights) as url:
        allowed = VhostUnderTest(broker.node, url)
        assert examined(allowed, "-", "--for", "declare", text=PASSING_ON)["rights"]["state"] == "ok"
    with limited_user(broker.node, broker.url, **{**rights, **lacking}) as url:
        refused = VhostUnderTest(broker.node, url)
        steps = examined(refused, "-", "--for", "declare", code=77, text=PASSING_ON)
        assert refused.run("declare", "-", text=PASSING_ON).returncode == 3
    assert told in steps["rights"]["message"]


def test_what_a_user_is_there_for(broker: VhostUnderTest) -> None:
    """One who only publishes needs no more than that."""
    with limited_user(broker.node, broker.url, configure="", write="^in$", read="") as url:
        publisher = VhostUnderTest(broker.node, url)
        assert examined(publisher, "-", "--for", "publish", text=FILE)["rights"]["state"] == "ok"
        assert examined(publisher, "-", "--for", "consume", code=77, text=FILE)["rights"]["state"] == "failed"


@pytest.mark.parametrize(
    ("change", "code", "last", "told"),
    [
        ({"host": "no-such-host.invalid"}, 69, "dns", "cannot be resolved"),
        ({"port": 1}, 69, "tcp", "connection refused"),
        ({"tls": True}, 78, "tls", "is this the TLS port?"),
        ({"password": "wr0ng"}, 77, "auth", "ACCESS_REFUSED"),
        ({"vhost": "nowhere"}, 77, "vhost", "nowhere"),
    ],
)
def test_the_first_failure_ends_it(
    broker: VhostUnderTest, change: dict[str, Any], code: int, last: str, told: str
) -> None:
    """What comes after would mean nothing; its code is the command's, and no password is shown."""
    url = replace(broker.url, **change)
    steps = examined(broker, "--url", url.reveal(), code=code)
    assert list(steps) == STEPS[: STEPS.index(last) + 1]
    assert (steps[last]["state"], told in steps[last]["message"]) == ("failed", True)
    assert steps[last]["advice"]
    assert "wr0ng" not in str(steps)


def test_each_of_several_hosts_is_examined(broker: VhostUnderTest) -> None:
    """One that fails does not keep the next from it."""
    away = replace(broker.url, port=1)
    done = broker.run("doctor", "--url", f"{away.reveal()},{broker.url.reveal()}", "--json")
    brokers = json.loads(done.stdout)["brokers"]
    assert (done.returncode, [len(each["steps"]) for each in brokers]) == (69, [2, len(STEPS)])


def test_a_management_api_that_was_named_and_is_not_there(broker: VhostUnderTest) -> None:
    """Is a failure; one that nobody named is left out."""
    steps = examined(broker, "--management-url", "http://127.0.0.1:1", code=69)
    assert steps["management"]["state"] == "failed"
    done = run_cli("doctor", env={"AMQPTOOL_URL": broker.url.reveal()})
    assert (done.returncode, "not asked  management" in done.stdout) == (0, True)


def test_consumers_without_a_prefetch_are_a_warning(broker: VhostUnderTest) -> None:
    """With what to do."""

    async def scenario() -> dict[str, dict[str, Any]]:
        await declare_queue(broker.url, "greedy")
        async with connect(broker.url) as connection:
            await consume_all(connection, "greedy")
            while "greedy" not in (steps := await asyncio.to_thread(examined, broker))["consumers"]["message"]:
                pass  # the broker tells consumers late
            return steps

    steps = asyncio.run(scenario())
    assert steps["consumers"]["state"] == "warning"
    assert "prefetch" in steps["consumers"]["advice"]


async def consume_all(connection: Connection, queue: str) -> list[Delivery]:
    """Begin to consume without a prefetch."""
    taken: list[Delivery] = []
    channel = await connection.channel()
    await channel.consume(queue, taken.append, lambda: None, prefetch=0)
    return taken


async def consume_together(connection: Connection, queue: str) -> None:
    """Begin to consume with a prefetch for all consumers of the channel; one for each, even of 0, would end it."""
    channel = await connection.channel()
    await channel._call("test", channel._raw.basic_qos, prefetch_count=5, global_qos=True)
    await channel._call("test", channel._raw.basic_consume, queue, on_message_callback=print)


def test_a_prefetch_for_all_consumers_of_a_channel_is_one(broker: VhostUnderTest) -> None:
    """They are not told to have none, neither before the broker tells of it nor then; RabbitMQ 4 never tells of it."""

    async def scenario() -> None:
        await declare_queue(broker.url, "shared")
        async with connect(broker.url) as connection:
            await consume_together(connection, "shared")
            told = ""
            while not told.startswith("1 consumer;"):
                steps = await asyncio.to_thread(examined, broker)
                told = steps["consumers"]["message"]
                assert steps["consumers"]["state"] == "ok" or steps["version"]["message"].startswith("RabbitMQ 4")

    asyncio.run(scenario())


def test_consumers_that_the_user_may_not_see_are_not_said_to_be_none(broker: VhostUnderTest) -> None:
    """It takes the tag `monitoring` to see those of others."""
    with limited_user(broker.node, broker.url, configure="", write="", read="") as url:
        told = examined(VhostUnderTest(broker.node, url))["consumers"]["message"]
    assert told.startswith("0 consumers of this user, and those of others are only seen with the tag monitoring; ")


def test_what_the_advice_says_of_quorum_queues(amqptool_vhost: AmqpUrl) -> None:
    """Without a prefetch, 2,000 messages are sent; one for all consumers of a channel is refused."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": "quorum"})
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q") for _ in range(2_100)])
        async with connect(amqptool_vhost) as connection:
            taken = await consume_all(connection, "q")
            await until(lambda: len(taken) == 2_000)
            assert await queue_length(amqptool_vhost, "q") == 100
            with pytest.raises(BrokerError, match="does not support global qos"):
                await consume_together(connection, "q")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("version", "told"), [("3.10.8", "closes the channel"), ("4.3.0", "by default a quorum queue")]
)
def test_the_consumer_timeout_is_told_as_it_is(broker: VhostUnderTest, version: str, told: str) -> None:
    """From RabbitMQ 4.3 on, only quorum queues have one, and the channel stays open."""

    async def scenario() -> Step:
        async with Management.at(broker.node.management_url, broker.url) as management:
            return await check_consumers(management, broker.url.vhost, version)

    assert told in asyncio.run(scenario()).told


@pytest.mark.timeout(300)  # a cluster takes a while to start
def test_a_node_that_is_stopped_is_a_warning() -> None:
    """With what to do; its alarms are nobody's."""
    with private_nodes(2) as (node, other):
        env = {"AMQPTOOL_URL": node.url.reveal(), "AMQPTOOL_MANAGEMENT_URL": node.management_url}
        assert "  ok         nodes       2 nodes, running\n" in run_cli("doctor", env=env).stdout
        local.stop(other.directory)
        done = run_cli("doctor", env=env)
    assert done.returncode == 0
    stopped = f"1 of 2 stopped, or cut off from the others: amqptool-{other.url.port}@localhost"
    assert f"  warning    nodes       {stopped}\n" in done.stdout
    assert "rabbitmqctl forget_cluster_node" in done.stdout
    assert "  ok         alarms      none on 1 node\n" in done.stdout


def test_an_alarm_is_exit_75(mortal_node: RunningNode) -> None:
    """Publishers would wait."""
    env = {"AMQPTOOL_URL": mortal_node.url.reveal(), "AMQPTOOL_MANAGEMENT_URL": mortal_node.management_url}
    rabbitmqctl(mortal_node, "set_vm_memory_high_watermark", "0.0000001")
    try:
        while (done := run_cli("doctor", env=env)).returncode == 0:
            pass  # until the broker tells it
    finally:
        rabbitmqctl(mortal_node, "set_vm_memory_high_watermark", "0.4")
    assert done.returncode == 75
    assert "a memory alarm" in done.stdout


@pytest.mark.parametrize("words", [("--for", "publish"), ("--for", "everything", "-")])
def test_wrong_usage(words: tuple[str, ...]) -> None:
    """Is exit 2."""
    assert run_cli("doctor", *words).returncode == 2
