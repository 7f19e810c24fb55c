"""A binding is removed whoever made it: other clients' integers have other widths than ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from amqptool import Topology, declare
from amqptool.broker.actual import read_actual
from amqptool.broker.amqp import connect
from amqptool.broker.management import Management
from amqptool.broker.unbinding import unbind

if TYPE_CHECKING:
    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl

TEXT = "queues: {q: {bindings: [{source: amq.headers, routing_key: 'a b é', arguments: {n: 1, s: x}}]}}"


async def bind_over_the_api(management: Management, url: AmqpUrl, **arguments: Any) -> None:
    """Bind queue `q`; RabbitMQ gives the integers of JSON 64 bits, where our own have 32."""
    body = {"routing_key": "a b é", "arguments": arguments}
    await management._request("test", "POST", "bindings", url.vhost, "e", "amq.headers", "q", "q", json=body)


def test_equal_bindings_go_and_others_stay(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Those that differ in nothing that the management API tells are one; doing it again is no error."""
    topology = Topology.parse(TEXT)

    async def main() -> list[dict[str, Any]]:
        await declare(amqptool_vhost, topology)
        async with (
            connect(amqptool_vhost) as connection,
            Management.at(amqptool_node.management_url, amqptool_node.url) as management,
        ):
            await bind_over_the_api(management, amqptool_vhost, n=1, s="x")
            await bind_over_the_api(management, amqptool_vhost, n="1", s="x")
            channel = await connection.channel()
            for _ in range(2):
                await unbind(channel, management, amqptool_vhost.vhost, topology.bindings[0])
            left = (await read_actual(management, [amqptool_vhost.vhost])).bindings
            await channel.delete_queue("q")
            await unbind(channel, management, amqptool_vhost.vhost, topology.bindings[0])
            return [dict(each.arguments) for each in left]

    assert asyncio.run(main()) == [{"n": "1", "s": "x"}]
