"""Bindings: those that say something the exchange does not go by, and those that another one covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.lint.patterns import ANY, ONE, Patterns, words_of_pattern
from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.lint.index import Index
    from amqptool.topology.lint.patterns import Words
    from amqptool.topology.model import Binding

_EXCHANGES = "https://www.rabbitmq.com/tutorials/amqp-concepts#exchanges"
_TOPICS = "https://www.rabbitmq.com/tutorials/tutorial-five-python#topic-exchange"
_HEADERS = "https://www.rabbitmq.com/docs/exchanges#headers"
_WILDCARDS = {ONE, ANY}

_Pair: TypeAlias = "tuple[str | None, str, str, str]"


def _of_type(index: Index, *kinds: str) -> Iterator[Binding]:
    for (vhost, source), bindings in index.bindings_from.items():
        if index.routes_as(vhost, source) in kinds:
            yield from bindings


def _shadowed(index: Index) -> Iterator[Finding]:
    pairs: dict[_Pair, list[Binding]] = {}
    for binding in _of_type(index, "topic"):
        pair = (binding.vhost, binding.source, binding.destination_type, binding.destination)
        pairs.setdefault(pair, []).append(binding)
    for bindings in pairs.values():
        if len(bindings) > 1:
            yield from _shadowed_among(bindings)


def _shadowed_among(bindings: list[Binding]) -> Iterator[Finding]:
    """Find what others cover among bindings from one exchange to one destination."""
    first: dict[Words, Binding] = {}
    wide: Patterns[Binding] = Patterns()
    for binding in bindings:
        words = words_of_pattern(binding.routing_key)
        if first.setdefault(words, binding) is binding and _WILDCARDS & set(words):
            wide.add(words, binding)
    for binding in bindings:
        words = words_of_pattern(binding.routing_key)
        others = [first[words]] if first[words] is not binding else wide.covering(words)
        wider = next((other for other in others if other is not binding), None)
        if wider is not None:
            where = wider.place.seen_from(binding.place)
            message = f"{_described(binding)} adds nothing to the one with key {quoted(wider.routing_key)} {where}"
            yield Finding(binding.place, message)


def _ignored_key(index: Index) -> Iterator[Finding]:
    for binding in _of_type(index, "fanout", "headers"):
        if binding.routing_key:
            kind = index.routes_as(binding.vhost, binding.source)
            message = f"{_described(binding)}: a {kind} exchange does not look at keys"
            yield Finding(binding.place, message)


def _ignored_arguments(index: Index) -> Iterator[Finding]:
    for binding in _of_type(index, "direct", "fanout", "topic"):
        if binding.arguments:
            kind = index.routes_as(binding.vhost, binding.source)
            message = f"{_described(binding)} has arguments, which a {kind} exchange does not look at"
            yield Finding(binding.place, message)


def _no_headers(index: Index) -> Iterator[Finding]:
    for binding in _of_type(index, "headers"):
        match = str(binding.arguments.get("x-match", "all"))
        counted = {name for name in binding.arguments if match.endswith("-with-x") or not name.startswith("x-")}
        if not counted - {"x-match"}:
            effect = "matches no message" if match.startswith("any") else "matches every message"
            yield Finding(binding.place, f"{_described(binding)} names no header, and so {effect}")


def _literal_wildcard(index: Index) -> Iterator[Finding]:
    for binding in _of_type(index, "direct"):
        if _WILDCARDS & set(binding.routing_key.split(".")):
            message = (
                f"{_described(binding)}: a direct exchange takes * and # literally; wildcards need a topic exchange"
            )
            yield Finding(binding.place, message)


def _partial_wildcard(index: Index) -> Iterator[Finding]:
    for binding in _of_type(index, "topic"):
        for word in binding.routing_key.split("."):
            if word not in _WILDCARDS and _WILDCARDS & set(word):
                message = f"{_described(binding)}: in {quoted(word)} the * or # is literal"
                yield Finding(binding.place, f"{message}; a wildcard stands alone between dots")
                break


def _empty_topic(index: Index) -> Iterator[Finding]:
    for binding in _of_type(index, "topic"):
        if not binding.routing_key:
            message = f"{_described(binding)} has no routing_key: only messages without a key match"
            yield Finding(binding.place, f'{message}; "#" takes all')


def _described(binding: Binding) -> str:
    key = f" with key {quoted(binding.routing_key)}" if binding.routing_key else ""
    return f"the binding of {binding.destination_type} {quoted(binding.destination)} to {quoted(binding.source)}{key}"


RULES = (
    Rule(
        id="shadowed-binding",
        summary="A topic binding that another one between the same two covers.",
        why="A message comes to a queue once, however many bindings match. So a binding whose every key another binding"
        " of the same source and destination takes too changes nothing; one of the two is probably a mistake.",
        source=_TOPICS,
        failing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}, {source: shop, routing_key: "order.#"}]}
""",
        passing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: "order.#"}, {source: shop, routing_key: "offer.#"}]}
""",
        check=_shadowed,
    ),
    Rule(
        id="ignored-routing-key",
        summary="A binding to a fanout or headers exchange has a routing key.",
        why="Fanout exchanges copy every message to everything that is bound, and headers exchanges go by headers:"
        " neither looks at the key. If the key was meant to choose, the exchange must be direct or topic.",
        source=_EXCHANGES,
        failing="""\
exchanges:
  news: fanout
queues:
  sports: {bindings: [{source: news, routing_key: sports}]}
""",
        passing="""\
exchanges:
  news: direct
queues:
  sports: {bindings: [{source: news, routing_key: sports}]}
""",
        check=_ignored_key,
    ),
    Rule(
        id="ignored-binding-arguments",
        summary="A binding to a direct, fanout or topic exchange has arguments.",
        why="Only headers exchanges, and those of plugins, look at a binding's arguments.",
        source=_EXCHANGES,
        failing="""\
exchanges:
  shop: direct
queues:
  orders: {bindings: [{source: shop, routing_key: order, arguments: {x-match: any, kind: new}}]}
""",
        passing="""\
exchanges:
  shop: headers
queues:
  orders: {bindings: [{source: shop, arguments: {x-match: any, kind: new}}]}
""",
        check=_ignored_arguments,
    ),
    Rule(
        id="headers-binding",
        summary="A binding to a headers exchange names no header.",
        why="With x-match all, the default, such a binding matches every message, and with any it matches none. Headers"
        " that begin with x- count only with all-with-x and any-with-x.",
        source=_HEADERS,
        failing="""\
exchanges:
  shop: headers
queues:
  orders: {bindings: [{source: shop, arguments: {x-match: any}}]}
""",
        passing="""\
exchanges:
  shop: headers
queues:
  orders: {bindings: [{source: shop, arguments: {x-match: any, kind: order}}]}
""",
        check=_no_headers,
    ),
    Rule(
        id="direct-wildcard",
        summary="A binding to a direct exchange has a wildcard in its key.",
        why="A direct exchange compares keys as they are: only a message with the very key *.created, star and all,"
        " would match. Wildcards are for topic exchanges.",
        source=_EXCHANGES,
        failing="""\
exchanges:
  shop: direct
queues:
  orders: {bindings: [{source: shop, routing_key: "*.created"}]}
""",
        passing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: "*.created"}]}
""",
        check=_literal_wildcard,
    ),
    Rule(
        id="topic-wildcard",
        summary="A topic binding has a * or # inside a word.",
        why="Wildcards stand for whole words between dots: * for one, # for any number. Inside a word both are"
        " ordinary characters, so order* matches only a key that is literally order*.",
        source=_TOPICS,
        failing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: order*}]}
""",
        passing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: "order.#"}]}
""",
        check=_partial_wildcard,
    ),
    Rule(
        id="topic-without-key",
        summary="A topic binding has no routing key.",
        why="An empty key matches only messages that are published with an empty key. To take all, write # .",
        source=_TOPICS,
        failing="""\
exchanges:
  shop: topic
queues:
  log: {bindings: [{source: shop}]}
""",
        passing="""\
exchanges:
  shop: topic
queues:
  log: {bindings: [{source: shop, routing_key: "#"}]}
""",
        check=_empty_topic,
    ),
)
