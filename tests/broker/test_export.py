"""What a broker holds is exported as a file that declares the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amqptool import AccessRefused, Topology, declare
from amqptool.broker.amqp import connect
from amqptool.broker.export import Export, export
from amqptool.broker.management import Management
from amqptool.broker.reconcile import make_plan
from amqptool.testing import fresh_vhost
from amqptool.topology.diff import Ownership
from tests.support.broker import import_definitions
from tests.support.topologies import held

if TYPE_CHECKING:
    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl

EXAMPLES = sorted((Path(__file__).parents[2] / "topologies").glob("*.yaml"))
NAMES = [path.stem for path in EXAMPLES]

#: All that RabbitMQ holds and a file can say, some of it in characters that are hard to write.
EVERYTHING = r"""
exchanges:
  front: {type: topic, alternate_exchange: rest}
  rest: {type: fanout, durable: false, auto_delete: true, internal: true}
  "no":
    type: headers
    bindings:
      - {source: front, routing_key: "#"}
      - {source: front, routing_key: ""}
queues:
  jobs: {type: quorum, delivery_limit: 3, retry: [5s, 1m], dead_letter: true, bindings: [{source: front}]}
  mail: {message_ttl: 1m30s, max_length_bytes: 64MiB, dead_letter: true, single_active_consumer: true}
  log: {type: stream, max_age: 7D}
  typed: {bindings: [{source: "no", arguments: {x-match: any, i: 1, b: true, f: 2.5, s: "1", "\e[1m ü": "12:30"}}]}
  $${X: {type: classic, max_priority: 5}
  "12:30": {durable: false}
  "a: b # c\u202e": {bindings: [{source: amq.headers, arguments: {l: [1, {a: -1}]}}]}
policies:
  ttl: {pattern: "^jobs\\.", apply_to: queues, priority: 3, definition: {message_ttl: 7d, max_length: 10}}
"""


def exported(node: Endpoint, *vhosts: str) -> Export:
    """Export some vhosts of the suite's broker, or all of them."""

    async def main() -> Export:
        async with Management.at(node.management_url, node.url) as management:
            return await export(management, vhosts or None)

    return asyncio.run(main())


def in_vhost(topology: Topology, vhost: str) -> Topology:
    """Return a topology of no vhost as that of one."""
    sections = ("exchanges", "queues", "bindings", "policies")
    objects = {
        section: tuple(replace(each, vhost=vhost) for each in getattr(topology, section)) for section in sections
    }
    return replace(topology, **objects)


def fill(node: Endpoint, url: AmqpUrl, topology: Topology) -> None:
    """Bring a topology of no vhost to the broker, by the broker's own import."""
    asyncio.run(import_definitions(node, topology.to_definitions(), url.vhost))


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_every_example_comes_back(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, path: Path) -> None:
    """An example is declared, exported and read: it declares the same, and implies the same."""
    topology = replace(Topology.load(path), policies=())  # `declare` leaves policies alone
    asyncio.run(declare(amqptool_vhost, topology))
    again = Topology.parse(exported(amqptool_node, amqptool_vhost.vhost).to_yaml())
    assert held(again) == held(topology)
    assert {each for each in again.queues if each.implied_by} == {each for each in topology.queues if each.implied_by}


def test_what_rabbitmq_imported_comes_back(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A broker that was filled by an import is exported with all that it holds, policies too."""
    topology = Topology.parse(EVERYTHING)
    fill(amqptool_node, amqptool_vhost, topology)
    found = exported(amqptool_node, amqptool_vhost.vhost)
    assert held(Topology.parse(found.to_yaml())) == held(topology)
    assert found.left_out == ()


@pytest.mark.parametrize("text", [*(path.read_text() for path in EXAMPLES), EVERYTHING], ids=[*NAMES, "everything"])
def test_nothing_is_left_to_do(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, text: str) -> None:
    """What was exported is what there is: nothing would be created, changed or, with all of it owned, deleted."""
    fill(amqptool_node, amqptool_vhost, Topology.parse(text))
    found = exported(amqptool_node, amqptool_vhost.vhost)

    async def changes(file: str) -> object:
        async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
            owned = Ownership(whole_vhosts=True)
            plan = await make_plan(management, Topology.parse(file), vhost=amqptool_vhost.vhost, prune=owned)
            return plan.changes

    assert asyncio.run(changes(found.to_yaml())) == ()


def test_definitions_name_their_vhost(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A definitions.json leads RabbitMQ to the same vhost again, wherever it is imported."""
    fill(amqptool_node, amqptool_vhost, Topology.parse(EVERYTHING))
    found = exported(amqptool_node, amqptool_vhost.vhost)

    async def anew() -> None:
        async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
            await management.delete_vhost(amqptool_vhost.vhost)
            await management.create_vhost(amqptool_vhost.vhost)
        await import_definitions(amqptool_node, found.to_definitions())

    asyncio.run(anew())
    assert exported(amqptool_node, amqptool_vhost.vhost).topology == found.topology


def test_bindings_that_look_the_same(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """An import makes integers wider than we do, so RabbitMQ holds two bindings; a file says both in one."""
    topology = Topology.parse("queues: {q: {bindings: [{source: amq.headers, arguments: {n: 1}}]}}")
    asyncio.run(declare(amqptool_vhost, topology))
    fill(amqptool_node, amqptool_vhost, topology)
    assert held(Topology.parse(exported(amqptool_node, amqptool_vhost.vhost).to_yaml())) == held(topology)


def test_an_export_is_the_same_again(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The order of an export does not depend on the order in which things were declared."""
    topology = Topology.parse(EVERYTHING)
    fill(amqptool_node, amqptool_vhost, topology)
    first = exported(amqptool_node, amqptool_vhost.vhost)
    with fresh_vhost(amqptool_node) as other:
        reverse = replace(topology, queues=topology.queues[::-1], bindings=topology.bindings[::-1])
        fill(amqptool_node, other, reverse)
        assert exported(amqptool_node, other.vhost).to_yaml() == first.to_yaml()
    assert exported(amqptool_node, amqptool_vhost.vhost).to_yaml() == first.to_yaml()


def test_several_vhosts(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Objects of several vhosts name theirs, in both formats; an empty vhost is named."""
    topology = Topology.parse(EVERYTHING)
    with fresh_vhost(amqptool_node) as other, fresh_vhost(amqptool_node) as empty:
        for url in (amqptool_vhost, other):
            fill(amqptool_node, url, topology)
        vhosts = (amqptool_vhost.vhost, other.vhost, empty.vhost)
        found = exported(amqptool_node, *vhosts)
        expected = held(in_vhost(topology, vhosts[0])) | held(in_vhost(topology, vhosts[1]))
        by_yaml, by_definitions = Topology.parse(found.to_yaml()), Topology.parse(found.to_definitions())
        assert held(replace(by_yaml, vhosts=())) == expected
        assert [vhost.name for vhost in by_yaml.vhosts] == [empty.vhost]
        assert held(replace(by_definitions, vhosts=())) == expected
        assert {vhost.name for vhost in by_definitions.vhosts} == set(vhosts)
        assert set(vhosts) <= set(exported(amqptool_node).vhosts)


def test_what_the_broker_named_is_left_out(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A queue with a name of the broker's own cannot be declared; that it is there is said."""

    async def main() -> None:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            reply = await channel._call("declaring", channel._raw.queue_declare, "", durable=True)
            await channel.bind_queue("amq.topic", reply.queue, "k")

    asyncio.run(main())
    found = exported(amqptool_node, amqptool_vhost.vhost)
    assert found.to_yaml() == "queues: {}\n"
    assert found.left_out == ("1 queue that the broker named (amq.…)", "1 binding to what is not in the file")


def test_no_such_vhost(amqptool_node: Endpoint) -> None:
    """A vhost that does not exist is an error that names those that do."""
    with pytest.raises(AccessRefused, match=r"there is no vhost 'gone', or the user may not see it; there are '/'"):
        exported(amqptool_node, "gone")
