"""A worker whose user may not do all that it needs."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AccessRefused, AmqpUrl, Delivery, MemoryStore, Message, Worker
from amqptool.broker.local import Endpoint
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.vhost import limited_user


def test_retries_that_its_user_may_not_publish_are_refused_at_the_start(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl
) -> None:
    """Copies go by the default exchange, which takes a right of its own: told before a message is taken."""

    async def scenario(user: AmqpUrl) -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        await Worker(user, "q", lambda _: None, dedup=MemoryStore(), retry=(1,), dead_letter="dead").serve()

    with (
        limited_user(amqptool_node, amqptool_vhost, configure=".*", write="^(q|dead|amqptool.*)$", read=".*") as url,
        pytest.raises(AccessRefused, match="has no write permission on exchange 'amq"),
    ):
        asyncio.run(scenario(url))
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 1


def test_a_message_stays_whose_copy_may_not_be_published(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why; the others are handled."""

    def fail_first(delivery: Delivery) -> None:
        if delivery.body == b"bad":
            raise ValueError

    async def scenario(user: AmqpUrl) -> int:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=body, routing_key="q") for body in (b"bad", b"good")])
        worker = Worker(user, "q", fail_first, dedup=MemoryStore(), dead_letter="dead", idle_timeout=1)
        return (await worker.serve()).handled

    with limited_user(amqptool_node, amqptool_vhost, configure=".*", write="^(q|dead)$", read=".*") as url:
        assert asyncio.run(scenario(url)) == 1
    assert "amq.default" in caplog.text
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 1
