"""What a broker holds is read as a topology."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from amqptool import InputError, declare
from amqptool.broker.actual import read_actual
from amqptool.broker.amqp import connect
from amqptool.broker.management import Management
from amqptool.carried import MAX_DEPTH
from amqptool.topology import Queue, Topology
from tests.support.broker import bind_deeply, declare_queue

if TYPE_CHECKING:
    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl

FILE = """
exchanges:
  front: {type: topic, alternate_exchange: rest}
  rest: {type: fanout, durable: false, auto_delete: true, internal: true, bindings: [{source: front, routing_key: x}]}
queues:
  jobs: {type: quorum, delivery_limit: 3, bindings: [{source: front, routing_key: "jobs.#"}]}
  lazy: {max_length: 7, bindings: [{source: amq.headers, arguments: {x-match: any, n: 1, s: "1"}}]}
"""


def actual(node: Endpoint, *vhosts: str) -> Topology:
    """Read some vhosts of the suite's broker."""

    async def main() -> Topology:
        async with Management.at(node.management_url, node.url) as management:
            return await read_actual(management, vhosts)

    return asyncio.run(main())


def _own(queue: Queue) -> dict[str, object]:
    """Return a queue's arguments without its type, which RabbitMQ 4 adds to all."""
    return {"type": queue.type, **{name: value for name, value in queue.arguments.items() if name != "x-queue-type"}}


def test_what_was_declared_is_read(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Exchanges, queues and bindings come back with their properties and typed arguments, in their vhost."""
    declared = Topology.parse(FILE)
    asyncio.run(declare(amqptool_vhost, declared))
    found = actual(amqptool_node, amqptool_vhost.vhost)

    assert {(e.name, e.type, e.durable, e.auto_delete, e.internal) for e in found.exchanges} == {
        ("front", "topic", True, False, False),
        ("rest", "fanout", False, True, True),
    }
    assert {each.name: _own(each) for each in found.queues} == {each.name: _own(each) for each in declared.queues}
    bindings = {(b.source, b.destination_type, b.destination, b.routing_key) for b in found.bindings}
    assert bindings == {(b.source, b.destination_type, b.destination, b.routing_key) for b in declared.bindings}
    (typed,) = (each.arguments for each in found.bindings if each.arguments)
    assert typed == {"x-match": "any", "n": 1, "s": "1"}
    assert {each.vhost for each in (*found.exchanges, *found.queues, *found.bindings)} == {amqptool_vhost.vhost}
    assert [each.name for each in found.vhosts] == [amqptool_vhost.vhost]


def test_exclusive_queues_are_left_out(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A queue that lives as long as its connection is nobody's to manage, and neither are its bindings."""

    async def main() -> Topology:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.declare_queue("mine", exclusive=True)
            await channel.bind_queue("amq.topic", "mine", "k")
            async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
                return await read_actual(management, [amqptool_vhost.vhost])

    found = asyncio.run(main())
    assert (found.queues, found.bindings) == ((), ())


def test_a_vhost_that_does_not_exist_holds_nothing(amqptool_node: Endpoint) -> None:
    """It is missing from the vhosts, and that is all."""
    assert actual(amqptool_node, "no such vhost") == Topology()


def test_the_default_vhost_is_read(amqptool_node: Endpoint) -> None:
    """`/` is a name like any other."""
    assert [each.name for each in actual(amqptool_node, "/").vhosts] == ["/"]


def test_arguments_may_be_nested(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Up to the bound, with the table of the arguments themselves, they are read."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    asyncio.run(bind_deeply(amqptool_node, amqptool_vhost, "q", MAX_DEPTH - 1))

    (binding,) = actual(amqptool_node, amqptool_vhost.vhost).bindings

    assert str(binding.arguments["deep"]).count("[") == MAX_DEPTH - 1


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (MAX_DEPTH, "binding of queue q to amq.headers of vhost '{}': its arguments on the broker are nested more"),
        (5 * MAX_DEPTH, " of vhost '{}': .* nested (too deeply|more than)"),
    ],
    ids=["a little", "perhaps beyond what json reads"],  # versions of Python differ
)
def test_arguments_that_are_nested_too_deeply_are_refused(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, depth: int, words: str
) -> None:
    """As far as they can be read at all, what has them is named."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    asyncio.run(bind_deeply(amqptool_node, amqptool_vhost, "q", depth))

    with pytest.raises(InputError, match=words.format(amqptool_vhost.vhost)):
        actual(amqptool_node, amqptool_vhost.vhost)
