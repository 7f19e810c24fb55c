"""`amqptool declare`, and the library function behind it, on a real broker."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Confirmed, Message, Publisher, Topology
from amqptool import declare as declare_topology
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from tests.support.broker import queue_length
from tests.support.cli import run_cli
from tests.support.vhost import VhostUnderTest

TOPOLOGIES = Path(__file__).parents[2] / "topologies"


def declare(url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool declare` without the management API."""
    return run_cli("declare", "--amqp-only", *words, env={"AMQPTOOL_URL": url.reveal()})


@pytest.fixture
def conflicting(amqptool_vhost: AmqpUrl, tmp_path: Path) -> Path:
    """Give a file whose queue `q` the broker has with another length."""
    asyncio.run(declare_topology(amqptool_vhost, Topology.parse("queues: {q: {max_length: 10}}")))
    path = tmp_path / "app.yaml"
    path.write_text("queues:\n  q: {max_length: 11}\n")
    return path


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_declares_and_declares_again(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, path: Path
) -> None:
    """The examples work, and running the command again is a success too, which changes nothing."""
    for word in ("created", "unchanged"):
        done = VhostUnderTest(amqptool_node, amqptool_vhost).run("declare", str(path))
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.splitlines()[-1].endswith(word)
        assert "," not in done.stderr.splitlines()[-1]


def test_the_app_example_routes_as_it_says(amqptool_vhost: AmqpUrl) -> None:
    """publish.playstore reaches both queues, publish.newsletter one, anything else none."""

    async def scenario() -> list[int]:
        await declare_topology(amqptool_vhost, Topology.load(TOPOLOGIES / "app-publishing.yaml"))
        keys = ["publish.playstore", "publish.newsletter", "other", "publish", "publish.a.b"]
        messages = [Message(body=b"", exchange="incoming", routing_key=key) for key in keys]
        async with Publisher(amqptool_vhost) as publisher:
            outcomes = [outcome async for outcome in publisher.publish_many(messages)]
        routed = {outcome.message.routing_key for outcome in outcomes if isinstance(outcome, Confirmed)}
        assert routed == {"publish.playstore", "publish.newsletter"}
        return [await queue_length(amqptool_vhost, name) for name in ("playstore", "notifications")]

    assert asyncio.run(scenario()) == [1, 2]


def test_the_broadcast_example_reaches_every_queue(amqptool_vhost: AmqpUrl) -> None:
    """A fanout exchange gives each bound queue its own copy."""

    async def scenario() -> list[int]:
        topology = Topology.load(TOPOLOGIES / "broadcast.yaml")
        await declare_topology(amqptool_vhost, topology)
        async with Publisher(amqptool_vhost) as publisher:
            await publisher.publish(Message(body=b"", exchange=topology.exchanges[0].name))
        return [await queue_length(amqptool_vhost, queue.name) for queue in topology.queues]

    assert asyncio.run(scenario()) == [1, 1]


def test_everything_of_a_file_arrives_at_the_broker(amqptool_vhost: AmqpUrl) -> None:
    """Types, arguments, exchange-to-exchange and headers bindings are declared as written."""
    topology = Topology.parse(
        """
        exchanges:
          in: topic
          inner: {type: headers, internal: true, bindings: [{source: in, routing_key: "#"}]}
          spare: {type: fanout, durable: false, auto_delete: true}
          direct: {type: direct, alternate_exchange: spare}
        queues:
          classic:
            message_ttl: 1h
            bindings: [{source: inner, arguments: {x-match: all, kind: a, number: 7}}, {source: spare}]
          quorum: {queue_type: quorum, delivery_limit: 5}
          stream: {queue_type: stream, max_age: 7D}
        """
    )

    async def scenario() -> dict[object, str]:
        outcomes = await declare_topology(amqptool_vhost, topology)
        assert [outcome.error for outcome in outcomes] == [None] * 10
        right = Message(body=b"", exchange="in", routing_key="x", headers={"kind": "a", "number": 7})
        wrong = Message(body=b"", exchange="in", routing_key="x", headers={"kind": "a", "number": "7"})
        async with Publisher(amqptool_vhost) as publisher:
            outcomes_of_both = publisher.publish_many([right, wrong])
            return {each.message.headers["number"]: type(each).__name__ async for each in outcomes_of_both}

    assert asyncio.run(scenario()) == {7: "Confirmed", "7": "Failed"}


def test_a_conflict_alone_is_exit_4_with_both_values(amqptool_vhost: AmqpUrl, conflicting: Path) -> None:
    """A 406 shows what the file says, where, and what the broker has."""
    done = declare(amqptool_vhost, str(conflicting))
    assert done.returncode == 4
    assert f"{conflicting}:2:3: queue q (classic): x-max-length is 11 in the file and 10 on the broker" in done.stderr


def test_quiet_hides_no_conflict(amqptool_vhost: AmqpUrl, conflicting: Path) -> None:
    """With -q the errors stay, and nothing else."""
    complaint = declare(amqptool_vhost, "-q", str(conflicting)).stderr
    assert "note" not in complaint
    assert complaint.startswith(f"amqptool: error: {conflicting}:2:3: queue q")
    assert complaint.count("\n") == 1


def test_a_conflict_leaves_the_rest_done(amqptool_vhost: AmqpUrl, conflicting: Path) -> None:
    """Beside a conflict everything else is declared: exit 3, and each object has its outcome."""
    conflicting.write_text(
        conflicting.read_text() + "  fine: {bindings: [{source: in, routing_key: k}]}\nexchanges: {in: direct}\n"
    )
    done = declare(amqptool_vhost, str(conflicting), "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["code"], document["declared"], document["failed"]) == (3, 3, 3, 1)
    (failed,) = [each for each in document["objects"] if each["outcome"] == "conflict"]
    assert (failed["type"], failed["name"], failed["vhost"]) == ("queue", "q", amqptool_vhost.vhost)
    (binding,) = [each for each in document["objects"] if each["type"] == "binding"]
    assert "name" not in binding
    assert failed["conflict"] == {"property": "x-max-length", "file": "11", "broker": "10"}
    assert asyncio.run(queue_length(amqptool_vhost, "fine")) == 0


def test_conflicts_of_every_kind_are_told(amqptool_vhost: AmqpUrl) -> None:
    """Types, durability and missing arguments are compared as the broker compares them."""
    before = "exchanges: {e: direct}\nqueues: {a: {}, b: {message_ttl: 5s}, c: {durable: false}}"
    after = "exchanges: {e: topic}\nqueues: {a: {queue_type: quorum}, b: {}, c: {}}"

    async def scenario() -> dict[str, tuple[str, str, str]]:
        await declare_topology(amqptool_vhost, Topology.parse(before))
        outcomes = await declare_topology(amqptool_vhost, Topology.parse(after))
        conflicts = {str(outcome.object).split()[1]: outcome.conflict for outcome in outcomes}
        return {name: (each.name, each.file, each.broker) for name, each in conflicts.items() if each}

    conflicts = asyncio.run(scenario())
    assert conflicts.pop("a") in [("x-queue-type", "quorum", "not set"), ("x-queue-type", "quorum", "classic")]  # 4.x
    assert conflicts == {
        "e": ("type", "topic", "direct"),
        "b": ("x-message-ttl", "not set", "5000"),
        "c": ("durable", "true", "false"),
    }


def test_a_missing_plugin_fails_its_exchange_only(amqptool_vhost: AmqpUrl) -> None:
    """A type the broker does not have closes a connection, and nothing else is lost by it."""
    topology = Topology.parse("exchanges: {p: x-random, e: direct}\nqueues: {q: {bindings: [{source: e}]}}")
    outcomes = asyncio.run(declare_topology(amqptool_vhost, topology))
    failed = [outcome for outcome in outcomes if outcome.error]
    assert [str(outcome.object) for outcome in failed] == ["exchange p (x-random)"]
    assert "is its plugin enabled?" in str(failed[0].error)


def test_objects_go_to_their_own_vhost(amqptool_vhost: AmqpUrl) -> None:
    """An object that names a vhost is declared there; a vhost that is not there fails its objects only."""
    text = f"queues: [{{name: mine, vhost: {amqptool_vhost.vhost}}}, {{name: theirs, vhost: zzz-not-there}}]"
    outcomes = asyncio.run(declare_topology(amqptool_vhost, Topology.parse(text)))
    assert [type(outcome.error).__name__ for outcome in outcomes] == ["NoneType", "AccessRefused"]


def test_two_declares_at_once_both_succeed(amqptool_vhost: AmqpUrl) -> None:
    """Declaring is idempotent, also against oneself."""
    names = ", ".join(f"q{number}: {{bindings: [{{source: e}}]}}" for number in range(50))
    topology = Topology.parse(f"exchanges: {{e: fanout}}\nqueues: {{{names}}}")

    async def scenario() -> list[object]:
        both = await asyncio.gather(*(declare_topology(amqptool_vhost, topology) for _ in range(2)))
        return [outcome.error for outcomes in both for outcome in outcomes]

    assert asyncio.run(scenario()) == [None] * 202


def test_a_dead_host_is_passed_over(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Of several URLs the first that answers counts, and everything is declared there once."""
    hosts = f"{replace(amqptool_vhost, port=1).reveal()},{amqptool_vhost.reveal()}"
    done = VhostUnderTest(amqptool_node, amqptool_vhost).run("declare", "-u", hosts, "-", text="queues: {q: }")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 created")


def test_problems_in_the_file_change_nothing(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """A topology with problems is refused as a whole, before the broker is asked anything."""
    path = tmp_path / "bad.yaml"
    path.write_text("exchanges: {e: direct}\nqueues:\n  q: {bindings: [{source: f}]}\n")
    done = declare(amqptool_vhost, str(path))
    assert done.returncode == 65
    assert f"{path}:3:" in done.stderr
    assert "'f'" in done.stderr

    async def exists() -> bool:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.bind_exchange("e", "e", "")
        return True

    with pytest.raises(Exception, match="no exchange 'e'"):
        asyncio.run(exists())
