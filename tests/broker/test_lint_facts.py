"""The facts behind lint: what RabbitMQ takes without a word, and what becomes of the messages."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, Message, Topology, declare
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.errors import AmqptoolError
from amqptool.topology import Policy
from amqptool.topology.lint import lint
from tests.support.broker import first, publish, queue_length

VANISHING = """
queues:
  a: {message_ttl: 50ms, dead_letter_exchange: "", dead_letter_routing_key: b}
  b: {message_ttl: 50ms, dead_letter_exchange: "", dead_letter_routing_key: a}
  full: {max_length: 1, dead_letter_exchange: "", dead_letter_routing_key: wait}
  wait: {message_ttl: 50ms, dead_letter_exchange: "", dead_letter_routing_key: full}
  lost: {message_ttl: 50ms, dead_letter_exchange: gone}
  stray: {message_ttl: 50ms, dead_letter_exchange: "", dead_letter_routing_key: gone}
  expiring: {expires: 300ms, message_ttl: 600ms, dead_letter_exchange: "", dead_letter_routing_key: kept}
  kept:
  short: {max_length: 2}
  clock: {message_ttl: 2s, dead_letter_exchange: "", dead_letter_routing_key: rung}
  rung:
"""


def test_where_messages_vanish(amqptool_vhost: AmqpUrl) -> None:
    """Messages that were all confirmed are gone, from just the queues that lint warns of."""
    topology = Topology.parse(VANISHING)
    sent = {"a": 1, "full": 3, "lost": 1, "stray": 1, "expiring": 1, "short": 5}

    async def scenario() -> dict[str, int]:
        assert not any(each.error for each in await declare(amqptool_vhost, topology))
        names = [name for name, count in sent.items() for _ in range(count)]
        await publish(amqptool_vhost, [Message(body=b"", routing_key=name) for name in [*names, "clock"]])
        await first(amqptool_vhost, "rung")
        queues = [queue.name for queue in topology.queues if queue.name != "expiring"]
        return {name: await queue_length(amqptool_vhost, name) for name in queues}

    left = asyncio.run(scenario())
    assert {name: count for name, count in left.items() if count} == {"full": 1, "short": 2}
    assert [problem.rule for problem in lint(topology)] == [
        "dead-letter-cycle",
        "dead-letter-cycle",
        "dead-letter-exchange",
        "dead-letter-route",
        "wait-queue-expires",
        "drop-head",
    ]


def test_bindings_without_headers(amqptool_vhost: AmqpUrl) -> None:
    """A headers binding that names no header takes all messages, or with any takes none."""
    topology = Topology.parse("""
queues:
  all: {bindings: [{source: amq.headers}]}
  none: {bindings: [{source: amq.headers, arguments: {x-match: any}}]}
""")

    async def scenario() -> list[int]:
        await declare(amqptool_vhost, topology)
        await publish(amqptool_vhost, [Message(body=b"", exchange="amq.headers", headers={"kind": "order"})])
        return [await queue_length(amqptool_vhost, name) for name in ("all", "none")]

    assert asyncio.run(scenario()) == [1, 0]
    assert [problem.rule for problem in lint(topology)] == ["headers-binding", "headers-binding"]


@pytest.mark.parametrize(
    "pattern",
    ["*", "a(", "a)", "[a", "a**", "a{2}{3}", "a{3,2}", "(|*)", r"\Q*\E", "[[:alpha:]]", "(a+)+b", "^(?!amq\\.)", ""],
)
def test_refused_patterns(amqptool_vhost: AmqpUrl, amqptool_node: Endpoint, pattern: str) -> None:
    """A pattern is an error if and only if the broker refuses it."""
    policy = Policy(name="p", pattern=pattern, definition={"message-ttl": 1000})

    async def is_refused() -> bool:
        async with Management.at(amqptool_node.management_url, amqptool_vhost) as management:
            try:
                await management.put_policy(
                    amqptool_vhost.vhost,
                    policy.name,
                    pattern=pattern,
                    definition=policy.definition,
                    apply_to="all",
                    priority=0,
                )
            except AmqptoolError:
                return True
            return False

    found = [problem.severity for problem in lint(Topology(policies=(policy,)))]
    assert asyncio.run(is_refused()) is ("error" in found)
