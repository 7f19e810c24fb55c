"""What is said of messages: that they go somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.problems import quoted
from amqptool.topology.routing.words import matches, overlap, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.lint.index import Index


def may_pass(index: Index, message: DescribedMessage) -> bool:
    """Return whether a binding, or an alternate exchange, may let one of these messages through."""
    vhost, exchange, pattern = message.vhost, message.exchange, split(message.routing_key)
    if not exchange:
        return any(vhost == at and matches(pattern, split(name)) for at, name in index.queues)
    bindings = index.bindings_from.get((vhost, exchange), [])
    if (vhost, exchange) in index.alternates:
        return True
    match index.routes_as(vhost, exchange):
        case "direct":
            return any(matches(pattern, split(each.routing_key)) for each in bindings)
        case "topic":
            return any(overlap(pattern, split(each.routing_key)) for each in bindings)
    return bool(bindings)


def _unrouted(index: Index) -> Iterator[Finding]:
    for message in index.topology.messages:
        if not may_pass(index, message):
            where = f"exchange {quoted(message.exchange)}" if message.exchange else "the default exchange"
            through = "no binding lets them through" if message.exchange else "no queue is called so"
            key = quoted(message.routing_key)
            yield Finding(message.place, f"messages to {where} with key {key} are described, and {through}")


RULES = (
    Rule(
        id="unrouted-message",
        summary="Messages are described that no binding lets through.",
        why="What is published so is dropped, or returned to its publisher if mandatory. Either the pattern is"
        " misspelt, and the schema checks nothing, or a binding is missing.",
        source="https://www.rabbitmq.com/docs/publishers#unroutable",
        failing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
messages:
  - {exchange: shop, routing_key: orders.created, schema: {type: object}}
""",
        passing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
messages:
  - {exchange: shop, routing_key: order.created, schema: {type: object}}
""",
        check=_unrouted,
    ),
)
