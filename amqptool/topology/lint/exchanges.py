"""Exchanges: those that lose messages, that nothing reaches, or that a restart takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.lint.index import Index, Key

_GUIDE = "https://www.rabbitmq.com/docs/ae"
#: Exchanges on a cycle that a message names.
_MAX_SHOWN = 8


def _unbound(index: Index) -> Iterator[Finding]:
    vhosts_with_queues = {queue.vhost for queue in index.topology.queues}
    for key, exchange in index.exchanges.items():
        if key in index.bindings_from or key in index.alternates or key in index.dead_letter_exchanges:
            continue  # dead letters have a rule of their own
        if exchange.vhost in vhosts_with_queues:
            message = f"nothing is bound to exchange {quoted(exchange.name)}: what comes to it is dropped or returned"
            yield Finding(exchange.place, message)


def _unreachable(index: Index) -> Iterator[Finding]:
    fed = index.bound["exchange"] | index.dead_letter_exchanges
    fed |= {(vhost, name) for (vhost, _), name in index.alternates.items()}
    for key, exchange in index.exchanges.items():
        if exchange.internal and key not in fed:
            message = f"exchange {quoted(exchange.name)} is internal and bound to no other: no message can come to it"
            yield Finding(exchange.place, message)


def _missing_alternate(index: Index) -> Iterator[Finding]:
    for key, name in index.alternates.items():
        if not index.is_exchange(key[0], name):
            author = index.author(index.exchanges[key], "alternate-exchange")
            message = f"{author.name} has the alternate exchange {quoted(name)}, which is not declared"
            yield Finding(author.place, f"{message}: what it should take is dropped{index.hint(name, 'exchange')}")


def _alternate_cycles(index: Index) -> Iterator[Finding]:
    done: set[Key] = set()
    for start in index.alternates:
        way: dict[Key, None] = {}
        key = start
        while key in index.alternates and key not in done:
            done.add(key)
            way[key] = None
            key = (key[0], index.alternates[key])
        if key in way:
            ring = list(way)[list(way).index(key) :]
            yield _ring(index, ring)


def _ring(index: Index, ring: list[Key]) -> Finding:
    first = min(range(len(ring)), key=lambda number: index.exchanges[ring[number]].place)
    names = [quoted(name) for _, name in ring[first:] + ring[: first + 1]]
    shown = names if len(names) <= _MAX_SHOWN else [*names[: _MAX_SHOWN - 1], "…", names[-1]]
    message = f"alternate exchanges in a circle, {' → '.join(shown)}: what none of them routes is dropped"
    return Finding(index.exchanges[ring[first]].place, message)


def _transient(index: Index) -> Iterator[Finding]:
    for exchange in index.topology.exchanges:
        if not exchange.durable:
            message = (
                f"exchange {quoted(exchange.name)} is not durable: a restart of the broker takes it and its bindings"
            )
            yield Finding(exchange.place, message)


RULES = (
    Rule(
        id="unbound-exchange",
        summary="Nothing is bound to an exchange, and it has no alternate exchange.",
        why="Every message that is published to it is dropped, or returned to its publisher if mandatory. Files"
        " without queues are left alone: there the consumers bring their own.",
        source="https://www.rabbitmq.com/docs/publishers#unroutable",
        failing="""\
exchanges:
  shop: topic
  mail: fanout
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
""",
        passing="""\
exchanges:
  shop: topic
  mail: fanout
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
  mails: {bindings: [{source: mail}]}
""",
        check=_unbound,
    ),
    Rule(
        id="unreachable-exchange",
        summary="An internal exchange that nothing feeds.",
        why="Publishers may not publish to an internal exchange (403). Messages come to it over a binding from another"
        " exchange, as its alternate exchange, or as dead letters.",
        source="https://www.rabbitmq.com/docs/e2e",
        failing="""\
exchanges:
  audit: {type: fanout, internal: true}
queues:
  log: {bindings: [{source: audit}]}
""",
        passing="""\
exchanges:
  shop: topic
  audit: {type: fanout, internal: true, bindings: [{source: shop, routing_key: "#"}]}
queues:
  log: {bindings: [{source: audit}]}
""",
        check=_unreachable,
    ),
    Rule(
        id="alternate-exchange",
        summary="An alternate exchange does not exist.",
        why="RabbitMQ does not look for it when the exchange is declared. When a message would go there, a line is"
        " written to the broker's log and the message is dropped. If the exchange is in another file, check both"
        " together with --merge.",
        source=_GUIDE,
        failing="""\
exchanges:
  shop: {type: topic, alternate_exchange: unrouted}
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
""",
        passing="""\
exchanges:
  shop: {type: topic, alternate_exchange: unrouted}
  unrouted: fanout
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
  lost: {bindings: [{source: unrouted}]}
""",
        check=_missing_alternate,
    ),
    Rule(
        id="alternate-exchange-cycle",
        summary="Alternate exchanges lead back to where they began.",
        why="RabbitMQ asks each exchange once, so nothing hangs; but the way ends nowhere, and what none of these"
        " exchanges routes is dropped, or returned if mandatory.",
        source=_GUIDE,
        failing="""\
exchanges:
  shop: {type: topic, alternate_exchange: other}
  other: {type: topic, alternate_exchange: shop}
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}, {source: other, routing_key: order.*}]}
""",
        passing="""\
exchanges:
  shop: {type: topic, alternate_exchange: other}
  other: fanout
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}, {source: other}]}
""",
        check=_alternate_cycles,
    ),
    Rule(
        id="transient-exchange",
        summary="An exchange is not durable.",
        why="A restart of the broker removes it together with all its bindings, also those to durable queues, and"
        " publishing to it closes the channel (404) until somebody declares everything again.",
        source="https://www.rabbitmq.com/tutorials/amqp-concepts#exchanges",
        failing="""\
exchanges:
  shop: {type: fanout, durable: false}
queues:
  orders: {bindings: [{source: shop}]}
""",
        passing="""\
exchanges:
  shop: fanout
queues:
  orders: {bindings: [{source: shop}]}
""",
        check=_transient,
    ),
)
