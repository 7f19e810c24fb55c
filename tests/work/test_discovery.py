"""Workers and publishers whose broker's URL stands in etcd, and moves there."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from amqptool import (
    AccessRefused,
    AmqpUrl,
    BlockingPublisher,
    BrokerUnavailable,
    ConfigError,
    Delivery,
    MemoryStore,
    Message,
    Publisher,
    Topology,
    Worker,
    WorkReport,
)
from tests.security.certificates import make_certificates
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.etcd import PrivateEtcd, guarded, private_etcd
from tests.support.faulty import faulty_line
from tests.support.monitoring import until

GOING_ON = "going on with what it said before"


def numbered(number: int) -> Message:
    """Make a message for `q` with an id."""
    return Message(body=b"%d" % number, routing_key="q", message_id=str(uuid4()))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said of an etcd that does not tell what it should."""
    return [each.message for each in caplog.records if GOING_ON in each.message and each.levelno >= logging.WARNING]


def test_a_worker_and_a_publisher_move_by_one_put(
    amqptool_vhost: AmqpUrl, mortal_vhost: AmqpUrl, etcd: PrivateEtcd
) -> None:
    """From one broker to another one, when the first ends their connections; dedup follows them by its scope."""
    handled: Counter[bytes] = Counter()
    messages = [numbered(number) for number in range(3)]

    async def scenario() -> WorkReport:
        for url in (amqptool_vhost, mortal_vhost):
            await declare_queue(url, "q")
        async with faulty_line(amqptool_vhost) as (line, first):
            etcd.put(first.reveal())
            worker = Worker(
                etcd.url, "q", lambda delivery: handled.update([delivery.body]), dedup=MemoryStore(), dedup_scope="shop"
            )
            serving = asyncio.create_task(worker.serve())
            async with Publisher(etcd.url) as publisher:
                await publisher.publish(messages[0])
                await publisher.publish(messages[1])
                await until(lambda: worker.report.handled == 2)

                etcd.put(mortal_vhost.reveal())
                line.reset()
                await until(lambda: worker.report.reconnects == 1)
                for message in messages:
                    await publisher.publish(message)
                assert publisher.url == mortal_vhost
            await until(lambda: worker.report.acknowledged == 5)
            worker.stop()
            return await serving

    report = asyncio.run(scenario())
    assert handled == {b"0": 1, b"1": 1, b"2": 1}
    assert (report.handled, report.duplicates) == (3, 2)
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 0


def test_dead_letters_move_too(amqptool_vhost: AmqpUrl, mortal_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """What publishes the copies of failed messages has a connection of its own."""

    def fail(_delivery: Delivery) -> None:
        raise ValueError

    async def scenario() -> None:
        for url in (amqptool_vhost, mortal_vhost):
            await declare_queue(url, "q")
        async with faulty_line(amqptool_vhost) as (line, first):
            etcd.put(first.reveal())
            worker = Worker(etcd.url, "q", fail, dedup=None, dead_letter="dead")
            serving = asyncio.create_task(worker.serve())
            await publish(amqptool_vhost, [numbered(1)])
            await until(lambda: worker.report.dead == 1)
            etcd.put(mortal_vhost.reveal())
            line.reset()
            await publish(mortal_vhost, [numbered(2)])
            await until(lambda: worker.report.dead == 2)
            worker.stop()
            await serving
        for url in (amqptool_vhost, mortal_vhost):
            assert await queue_length(url, "dead") == 1

    asyncio.run(scenario())


def test_bodies_are_checked_for_the_vhost_that_etcd_names(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """Which is known when the worker begins: what does not fit never reaches the handler."""
    described = Topology.parse('queues: {q: }\nmessages: [{exchange: "", schema: {type: integer}}]')
    handled: list[bytes] = []

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        etcd.put(amqptool_vhost.reveal())
        await publish(amqptool_vhost, [Message(body=body, routing_key="q") for body in (b'"x"', b"1")])
        worker = Worker(
            *(etcd.url, "q", lambda delivery: handled.append(delivery.body)),
            dedup=None, dead_letter="dead", validate=described, max_messages=2,
        )  # fmt: skip
        assert (await worker.serve()).dead == 1

    asyncio.run(scenario())
    assert handled == [b"1"]


def test_a_blocking_publisher_moves(amqptool_vhost: AmqpUrl, mortal_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """As the publisher does on which it runs."""

    async def scenario() -> None:
        for url in (amqptool_vhost, mortal_vhost):
            await declare_queue(url, "q")
        async with faulty_line(amqptool_vhost) as (line, first):
            etcd.put(first.reveal())
            publisher = BlockingPublisher(etcd.url)
            await asyncio.to_thread(publisher.publish, numbered(1))
            etcd.put(mortal_vhost.reveal())
            line.reset()
            await asyncio.to_thread(publisher.publish, numbered(2))
            await asyncio.to_thread(publisher.close)
        assert [await queue_length(url, "q") for url in (amqptool_vhost, mortal_vhost)] == [1, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize("trouble", ["stopped", "bad", "deleted"])
def test_what_etcd_said_before_holds_while_it_says_nothing(
    amqptool_vhost: AmqpUrl, etcd: PrivateEtcd, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    """Down, or with a value that is none, it is warned of once, however often the broker is lost meanwhile."""

    def make_trouble() -> None:
        if trouble == "stopped":
            etcd.stop()
        elif trouble == "bad":
            etcd.put("amqp://ann:S3cretw0rd@mq.example:S3cretw0rd/")
        else:
            etcd.ctl("del", "/shop", "--prefix")

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with faulty_line(amqptool_vhost) as (line, url):
            etcd.put(url.reveal())
            worker = Worker(etcd.url, "q", lambda _: None, dedup=None)
            serving = asyncio.create_task(worker.serve())
            await until(lambda: worker.status.consuming)
            make_trouble()
            for number in (1, 2):
                line.reset()
                await until(lambda: worker.report.reconnects == number)  # noqa: B023
                await publish(amqptool_vhost, [numbered(number)])
                await until(lambda: worker.report.handled == number)  # noqa: B023
            worker.stop()
            await serving

    asyncio.run(scenario())
    assert len(warnings(caplog)) == 1
    assert "S3cret" not in caplog.text


def test_the_first_of_several_members_may_be_away(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """Each is asked until one answers."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        etcd.put(f"\n{amqptool_vhost.reveal()}\n")
        async with Publisher(etcd.url.replace("://", "://127.0.0.1:1,")) as publisher:
            await publisher.publish(numbered(1))
        assert await queue_length(amqptool_vhost, "q") == 1

    asyncio.run(scenario())


def open_publisher(url: str) -> None:
    """Connect, and close again."""

    async def scenario() -> None:
        async with Publisher(url):
            pass

    asyncio.run(scenario())


def test_at_the_start_nothing_is_known_that_could_hold(etcd: PrivateEtcd) -> None:
    """No etcd, no key, and a value that is no URL are errors, which show no secret."""
    with pytest.raises(BrokerUnavailable, match=r"no etcd at 127\.0\.0\.1:1: connection refused"):
        open_publisher("etcd://127.0.0.1:1/shop")
    with pytest.raises(ConfigError, match="there is no key '/shop/production/rabbitmq/url' of etcd"):
        open_publisher(etcd.url)
    etcd.put("amqp://ann:S3cretw0rd@mq.example:S3cretw0rd/")
    with pytest.raises(ConfigError, match=r"the value of key .* the URL's port is not a number") as caught:
        open_publisher(etcd.url)
    assert "S3cret" not in str(caught.value)


def test_who_reads_a_guarded_etcd_logs_in(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """By user and password, which are refused where they are wrong, or do not suffice for the key."""
    etcd.put(amqptool_vhost.reveal())
    etcd.put(amqptool_vhost.reveal(), "/other")
    with guarded(etcd, "reader", "S3cretw0rd"):
        open_publisher(etcd.url.replace("://", "://reader:S3cretw0rd@"))
        for url in (
            etcd.url,
            etcd.url.replace("://", "://reader:S3cretw0rd1@"),
            f"etcd://reader:S3cretw0rd@{etcd.endpoint}/other",
        ):
            with pytest.raises(AccessRefused, match="etcd at localhost") as caught:
                open_publisher(url)
            assert "S3cret" not in str(caught.value)


def test_a_login_is_not_needed_where_nobody_asks_for_one(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """As etcdctl has it."""
    etcd.put(amqptool_vhost.reveal())
    open_publisher(etcd.url.replace("://", "://ann:secret@"))


def test_tls_to_etcd_is_verified(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """By the authority that the URL names; another one than the system's is not trusted without."""
    certificates = make_certificates(tmp_path)
    with private_etcd(certificates) as server:
        server.put(amqptool_vhost.reveal())
        url = server.url.replace("etcd://", "etcds://")
        open_publisher(f"{url}?cacertfile={certificates.file('ca')}")
        with pytest.raises(ConfigError, match="etcd's certificate was refused"):
            open_publisher(url)
        with pytest.raises(BrokerUnavailable, match="no etcd at localhost"):
            open_publisher(server.url)
