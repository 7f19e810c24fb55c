"""Queues: what they delete, refuse or never get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.retry import NO_DELIVERY_LIMIT, dead_letter_queue, is_wait_queue
from amqptool.topology import arguments
from amqptool.topology.argument import QUEUE_TYPES
from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.names import EXCHANGE_TYPES
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.argument import Scope
    from amqptool.topology.lint.index import Index, Key
    from amqptool.topology.model import Exchange, Queue

_LIMITS = ("max-length", "max-length-bytes")
_DLX = "dead-letter-exchange"
_CLASSIC, _QUORUM, _STREAM = QUEUE_TYPES


def _drop_head(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        settings = index.of(queue)
        limit = next((key for key in _LIMITS if key in settings), None)
        if limit is None or {_DLX, "overflow"} & settings.keys() or index.policies.queue_type(queue) == _STREAM:
            continue
        author = index.author(queue, limit)
        message = f"{author.name} has {_key(limit)}, and deletes the oldest messages when it is full, confirmed or not"
        yield Finding(author.place, f"{message}; say overflow: reject-publish, or overflow: drop-head if that is meant")


def _keeps_nothing(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        settings = index.of(queue)
        for key in ("message-ttl", *_LIMITS):
            if settings.get(key) == 0:
                author = index.author(queue, key)
                yield Finding(author.place, f"{author.name} has {_key(key)} 0: a queue that keeps no message")


def _quorum_overflow(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        if index.of(queue).get("overflow") == "reject-publish-dlx" and index.policies.queue_type(queue) == _QUORUM:
            author = index.author(queue, "overflow")
            message = f"{author.name} has overflow reject-publish-dlx, which quorum queues take for drop-head"
            yield Finding(author.place, f"{message}; reject-publish is what they know")


def _delivery_limit(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        settings = index.of(queue)
        limit = settings.get("delivery-limit")
        if isinstance(limit, int) and 0 <= limit < NO_DELIVERY_LIMIT and _DLX not in settings:
            author = index.author(queue, "delivery-limit")
            message = f"{author.name} has a delivery_limit and no dead_letter_exchange"
            yield Finding(author.place, f"{message}: a message that reaches the limit is deleted")


def _auto_delete(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        if queue.auto_delete:
            message = f"queue {quoted(queue.name)} is deleted, with its messages, when its last consumer goes"
            yield Finding(queue.place, message)
    for exchange in index.topology.exchanges:
        if exchange.auto_delete:
            message = f"exchange {quoted(exchange.name)} is deleted when its last binding goes"
            yield Finding(exchange.place, message)


def _unbound(index: Index) -> Iterator[Finding]:
    routed = {vhost for vhost, _ in {*index.exchanges, *index.bindings_from} - index.dead_letter_exchanges}
    by_name = _reached_by_name(index)
    for queue in index.own_queues:
        key = (queue.vhost, queue.name)
        if queue.vhost not in routed or key in index.bound["queue"] or key in by_name:
            continue
        if not _is_wait_queue(index, queue):
            message = f"no binding leads to queue {quoted(queue.name)}: only the default exchange reaches it"
            yield Finding(queue.place, message)


def _reached_by_name(index: Index) -> set[Key]:
    """Return the queues that something sends messages to by their name, over the default exchange."""
    found = {(test.vhost, test.routing_key) for test in index.topology.tests if test.exchange == ""}
    for queue in index.topology.queues:
        found.add((queue.vhost, queue.dead_letter or dead_letter_queue(queue.name)))
    keeping: set[Key] = set()
    for each in index.dead_letterings:
        if each.exchange == "" and each.routing_key is not None:
            found.add((each.queue.vhost, each.routing_key))
        elif each.exchange == "":
            keeping.add((each.queue.vhost, each.queue.name))
    for binding in index.topology.bindings if keeping else ():
        if (binding.vhost, binding.destination) in keeping:
            found.add((binding.vhost, binding.routing_key))
    return found


def _is_wait_queue(index: Index, queue: Queue) -> bool:
    settings = index.of(queue)
    return ("message-ttl" in settings and _DLX in settings) or is_wait_queue(queue.name, queue.arguments)


def _unknown_argument(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        if queue.type in QUEUE_TYPES:  # another type is a plugin's, and so are its arguments
            yield from _unknown_of("queue", queue)
    for exchange in index.topology.exchanges:
        if exchange.type in EXCHANGE_TYPES:
            yield from _unknown_of("exchange", exchange)


def _unknown_of(scope: Scope, thing: Queue | Exchange) -> Iterator[Finding]:
    for name in thing.arguments:
        if arguments.find(scope, name) is None:
            message = f"{scope} {quoted(thing.name)} has the argument {quoted(name)}, which RabbitMQ does not know"
            yield Finding(thing.place, f"{message}; a plugin may")


def _key(name: str) -> str:
    return name.replace("-", "_")


RULES = (
    Rule(
        id="drop-head",
        summary="A queue with a length limit deletes its oldest messages when it is full.",
        why="The default overflow is drop-head: the broker confirms a message to its publisher and may delete it later"
        " to make room, and nobody hears of that. With reject-publish the publisher gets a nack instead; with a"
        " dead-letter exchange the message is kept elsewhere. overflow: drop-head says that the loss is meant.",
        source="https://www.rabbitmq.com/docs/maxlength; seen on RabbitMQ 3.10: 5 messages confirmed, 2 left",
        failing="""\
queues:
  orders: {max_length: 10000}
""",
        passing="""\
queues:
  orders: {max_length: 10000, overflow: reject-publish}
  positions: {max_length: 1, overflow: drop-head}
""",
        check=_drop_head,
    ),
    Rule(
        id="keeps-nothing",
        summary="A queue has a message TTL or a length limit of 0.",
        why="With a TTL of 0 a message is gone unless a consumer takes it at once, with a limit of 0 in any case.",
        source="https://www.rabbitmq.com/docs/ttl",
        failing="""\
queues:
  orders: {message_ttl: 0}
""",
        passing="""\
queues:
  orders: {message_ttl: 10m}
""",
        check=_keeps_nothing,
    ),
    Rule(
        id="quorum-overflow",
        summary="A quorum queue has overflow: reject-publish-dlx, which only classic queues know.",
        why="RabbitMQ takes the argument, writes a line to its log and goes by drop-head, the default.",
        source="https://www.rabbitmq.com/docs/maxlength#overflow-behaviour",
        failing="""\
queues:
  orders: {queue_type: quorum, max_length: 10000, overflow: reject-publish-dlx}
""",
        passing="""\
queues:
  orders: {queue_type: quorum, max_length: 10000, overflow: reject-publish}
""",
        check=_quorum_overflow,
    ),
    Rule(
        id="delivery-limit",
        summary="A queue has a delivery limit, and no dead-letter exchange for what reaches it.",
        why="A message that was returned more often than the limit says is dead-lettered, or deleted where there is no"
        " dead-letter exchange. Lost connections count as returns.",
        source="https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling",
        failing="""\
queues:
  orders: {queue_type: quorum, delivery_limit: 5}
""",
        passing="""\
queues:
  orders: {queue_type: quorum, delivery_limit: 5, dead_letter: true}
""",
        check=_delivery_limit,
    ),
    Rule(
        id="auto-delete",
        summary="A queue or an exchange deletes itself, though it is kept in a file.",
        why="An auto-delete queue goes with its last consumer, and takes its messages along: the restart of a worker"
        " is enough. An auto-delete exchange goes with its last binding. Nothing declares them again.",
        source="https://www.rabbitmq.com/docs/queues#temporary-queues",
        failing="""\
queues:
  orders: {auto_delete: true}
""",
        passing="""\
queues:
  orders:
""",
        check=_auto_delete,
    ),
    Rule(
        id="unbound-queue",
        summary="No binding leads to a queue, in a file that has exchanges.",
        why="Such a queue gets only what is published to the default exchange with its name. If that is meant, a test"
        ' says so: {publish: {exchange: "", routing_key: orders}, reaches: [orders]}. Files without exchanges, and'
        " queues that dead letters come to, are left alone.",
        source="https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-default",
        failing="""\
exchanges:
  shop: topic
queues:
  mails: {bindings: [{source: shop, routing_key: "#"}]}
  orders:
""",
        passing="""\
exchanges:
  shop: topic
queues:
  mails: {bindings: [{source: shop, routing_key: "#"}]}
  orders: {bindings: [{source: shop, routing_key: order.*}]}
""",
        check=_unbound,
    ),
    Rule(
        id="unknown-argument",
        summary="An argument that neither RabbitMQ nor one of its plugins that amqptool knows has.",
        why="RabbitMQ takes any argument and ignores what it does not know, so a typing error has no effect and no"
        " error. Plugins may know more than amqptool does.",
        source="seen on RabbitMQ 3.10, which takes x-mesage-ttl",
        failing="""\
queues:
  orders: {arguments: {x-importance: 5}}
""",
        passing="""\
queues:
  orders: {arguments: {x-max-priority: 5}}
""",
        check=_unknown_argument,
    ),
)
