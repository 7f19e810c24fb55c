"""What tests of other projects do with messages on a real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, NotFound, Topology, TopologyError, Unroutable
from amqptool.testing import consume_one, declare, publish, published
from tests.support.etcd import PrivateEtcd

TOPOLOGY = "exchanges: {incoming: topic}\nqueues: {work: {bindings: [{source: incoming, routing_key: a.*}]}}\n"


@pytest.fixture
def url(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a topology."""
    declare(amqptool_vhost, Topology.parse(TOPOLOGY))
    return amqptool_vhost


def test_a_topology_file_is_declared(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """And takes messages."""
    file = tmp_path / "topology.yaml"
    file.write_text(TOPOLOGY)
    declare(amqptool_vhost, file)
    publish(amqptool_vhost, Message(body=b"x", exchange="incoming", routing_key="a.b"))
    assert consume_one(amqptool_vhost, "work").body == b"x"


def test_a_topology_that_is_wrong_fails_the_test(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """With what is wrong."""
    file = tmp_path / "topology.yaml"
    file.write_text("queues: {q: {x: 1}}")
    with pytest.raises(TopologyError):
        declare(amqptool_vhost, file)


def test_what_is_published_is_confirmed(url: AmqpUrl) -> None:
    """Or the test fails."""
    with pytest.raises(Unroutable):
        publish(url, Message(body=b"x", exchange="incoming", routing_key="b"))


def test_one_message_is_taken_after_another(url: AmqpUrl) -> None:
    """Each is gone from its queue then."""
    publish(url, *(Message(body=b"%d" % number, routing_key="work") for number in range(2)))
    assert [consume_one(url, "work").body for _ in range(2)] == [b"0", b"1"]


def test_a_message_that_does_not_come_fails_the_test(url: AmqpUrl) -> None:
    """After a while."""
    with pytest.raises(TimeoutError, match=r"no message has come to queue 'work' in 0\.01 s"):
        consume_one(url, "work", timeout=0.01)


def test_a_queue_that_is_not_there_fails_the_test(url: AmqpUrl) -> None:
    """At once."""
    with pytest.raises(NotFound):
        consume_one(url, "nowhere")


def test_what_is_published_meanwhile_is_seen(url: AmqpUrl) -> None:
    """In its order, as far as the key is meant, and whoever else gets it gets it too."""
    with published(url, "incoming", "a.#") as seen:
        keys = ("a.b", "a.c")
        publish(url, *(Message(body=key.encode(), exchange="incoming", routing_key=key) for key in keys))
        assert [seen.next().routing_key for _ in keys] == ["a.b", "a.c"]
        assert seen.count() == 0
    assert consume_one(url, "work").body == b"a.b"


def test_what_is_published_before_or_elsewhere_is_not_seen(url: AmqpUrl) -> None:
    """Nor is what has another key."""
    publish(url, Message(body=b"x", exchange="incoming", routing_key="a.b"))
    with published(url, "incoming", "a.c") as seen:
        publish(url, Message(body=b"x", exchange="incoming", routing_key="a.b"), Message(body=b"x", routing_key="work"))
        assert seen.count() == 0


def test_etcd_may_say_where_the_broker_is(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """Or several URLs, of which one answers."""
    etcd.put(f"amqp://127.0.0.1:1,{amqptool_vhost.reveal()}")
    declare(etcd.url, Topology.parse(TOPOLOGY))
    with published(etcd.url, "incoming") as seen:
        publish(etcd.url, Message(body=b"x", exchange="incoming", routing_key="a.b"))
        assert seen.next().body == b"x"
    assert consume_one(etcd.url, "work").body == b"x"


def test_an_exchange_that_is_not_there_fails_the_test(url: AmqpUrl) -> None:
    """And leaves no queue behind."""
    with pytest.raises(NotFound), published(url, "nowhere"):
        pass


def test_a_test_with_a_loop_of_its_own_may_use_them(url: AmqpUrl) -> None:
    """From a coroutine too."""

    async def scenario() -> bytes:
        publish(url, Message(body=b"x", routing_key="work"))
        return consume_one(url, "work").body

    assert asyncio.run(scenario()) == b"x"
