"""What `retry` and `dead_letter` declare does on a broker what they say."""

from __future__ import annotations

import asyncio
import json

from amqptool import AmqpUrl, Message, Topology, declare
from amqptool.message import Delivery
from tests.support.broker import first, publish, queue_length


def test_a_message_comes_back_from_a_wait_queue(amqptool_vhost: AmqpUrl) -> None:
    """A wait queue keeps a message for its delay and gives it back to the work queue."""

    async def scenario() -> Delivery:
        topology = Topology.parse("queues: {q: {retry: [200ms]}}")
        assert [each.error for each in await declare(amqptool_vhost, topology)] == [None, None]
        await publish(amqptool_vhost, [Message(body=b"again", routing_key="amqptool.retry.q.200")])
        return await first(amqptool_vhost, "q")

    assert asyncio.run(scenario()).body == b"again"


def test_a_quorum_queue_keeps_its_dead_letters(amqptool_vhost: AmqpUrl) -> None:
    """What a quorum queue would drop goes to its dead-letter queue."""

    async def scenario() -> int:
        topology = Topology.parse("queues: {q: {type: quorum, message_ttl: 50ms, dead_letter: true}}")
        assert [each.error for each in await declare(amqptool_vhost, topology)] == [None, None]
        await publish(amqptool_vhost, [Message(body=b"late", routing_key="q")])
        assert (await first(amqptool_vhost, "q.dead")).body == b"late"
        return await queue_length(amqptool_vhost, "q")

    assert asyncio.run(scenario()) == 0


def test_an_export_of_it_is_the_same_topology(amqptool_vhost: AmqpUrl) -> None:
    """Declaring what was declared changes nothing, written as `retry` or queue by queue."""

    async def scenario() -> list[object]:
        topology = Topology.parse("queues: {q: {type: quorum, retry: [1s], dead_letter: true}}")
        queues = [{"name": each.name, "arguments": dict(each.arguments)} for each in topology.queues]
        outcomes = await declare(amqptool_vhost, topology)
        outcomes += await declare(amqptool_vhost, Topology.parse(json.dumps({"queues": queues})))
        return [each.error for each in outcomes]

    assert asyncio.run(scenario()) == [None] * 6
