"""What can be wrong with what a file declares, explained: the ids that the loader and the tests put in brackets."""

from __future__ import annotations

from amqptool.topology.lint.rule import Explanation

EXPLANATIONS = (
    Explanation(
        id="name",
        summary="RabbitMQ would not take this name or routing key.",
        why="Names and keys have at most 255 bytes in UTF-8, and names are not empty: for an empty queue name the"
        " broker makes one up. Line breaks in names would be removed silently.",
        source="AMQP 0-9-1, 4.2.5.3 (short strings); seen on RabbitMQ 3.10",
        failing="""\
queues:
  "":
""",
        passing="""\
queues:
  orders:
""",
    ),
    Explanation(
        id="reserved-name",
        summary="Names that begin with amq. belong to RabbitMQ.",
        why="The broker refuses to declare them (403). Exchanges such as amq.topic are in every vhost, to be bound.",
        source="seen on RabbitMQ 3.10",
        failing="""\
exchanges:
  amq.shop: topic
""",
        passing="""\
exchanges:
  shop: topic
""",
    ),
    Explanation(
        id="default-exchange",
        summary="A binding names the default exchange.",
        why="The default exchange routes to the queue that has the message's key as its name. Nothing can be bound to"
        " it or from it (403).",
        source="https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-default",
        failing="""\
queues:
  orders: {bindings: [{source: "", routing_key: orders}]}
""",
        passing="""\
queues:
  orders:
""",
    ),
    Explanation(
        id="exchange-type",
        summary="There is no such type of exchange.",
        why="RabbitMQ has direct, fanout, topic and headers; the types of plugins begin with x-. For another one the"
        " broker closes the connection (503).",
        source="https://www.rabbitmq.com/docs/exchanges#types",
        failing="""\
exchanges:
  shop: topc
""",
        passing="""\
exchanges:
  shop: topic
""",
    ),
    Explanation(
        id="queue-type",
        summary="There is no such type of queue, or this type cannot be what the queue is to be.",
        why="RabbitMQ has classic, quorum and stream. Quorum queues and streams are always durable, and never deleted"
        " with their last consumer; streams have no failed messages to retry.",
        source="https://www.rabbitmq.com/docs/quorum-queues#feature-matrix",
        failing="""\
queues:
  orders: {type: quorum, durable: false}
""",
        passing="""\
queues:
  orders: {type: quorum}
""",
    ),
    Explanation(
        id="exclusive",
        summary="An exclusive queue cannot be kept in a file.",
        why="It lives as long as the connection that declared it, so it would be gone as soon as declare is done.",
        source="https://www.rabbitmq.com/docs/queues#exclusive-queues",
        failing="""\
queues:
  orders: {exclusive: true}
""",
        passing="""\
queues:
  orders:
""",
    ),
    Explanation(
        id="argument-name",
        summary="An argument is misspelt, or not for this type of queue, or lacks another one.",
        why="RabbitMQ ignores arguments that it does not know, so x-mesage-ttl would have no effect at all. Arguments"
        " that a type of queue does not know are refused by newer releases.",
        source="seen on RabbitMQ 3.10",
        failing="""\
queues:
  orders: {arguments: {x-mesage-ttl: 30000}}
""",
        passing="""\
queues:
  orders: {arguments: {x-message-ttl: 30000}}
""",
    ),
    Explanation(
        id="argument-type",
        summary="An argument's value is of the wrong type or out of its range.",
        why="RabbitMQ refuses it (406). Durations and sizes (30s, 64MiB) are for the shorthand; under arguments: stands"
        " what is sent.",
        source="seen on RabbitMQ 3.10",
        failing="""\
queues:
  orders: {arguments: {x-message-ttl: 30s}}
""",
        passing="""\
queues:
  orders: {message_ttl: 30s}
""",
    ),
    Explanation(
        id="contradiction",
        summary="Two things that are said of a queue cannot both be.",
        why="dead_letter and retry declare queues and arguments of their own. What else is said of the same queue must"
        " agree with them.",
        failing="""\
queues:
  orders: {dead_letter: orders}
""",
        passing="""\
queues:
  orders: {dead_letter: orders.dead}
""",
    ),
    Explanation(
        id="duplicate",
        summary="The same thing is declared twice.",
        why="Within one file each exchange, queue, binding and policy stands once. Several files may say the same of"
        " one thing, as long as they agree.",
        failing="""\
queues:
  orders: {bindings: [{source: amq.topic, routing_key: "#"}, {source: amq.topic, routing_key: "#"}]}
""",
        passing="""\
queues:
  orders: {bindings: [{source: amq.topic, routing_key: "#"}]}
""",
    ),
    Explanation(
        id="undeclared",
        summary="A binding leads from or to something that is not declared.",
        why="The broker would refuse the binding (404). If the exchange or queue is in another file, give both files"
        " at once: validate --merge, or declare with both.",
        source="seen on RabbitMQ 3.10",
        failing="""\
queues:
  orders: {bindings: [{source: shop, routing_key: order}]}
""",
        passing="""\
exchanges:
  shop: direct
queues:
  orders: {bindings: [{source: shop, routing_key: order}]}
""",
    ),
    Explanation(
        id="schema",
        summary="The schema of a message is no valid JSON Schema, or cannot be read.",
        why="Bodies cannot be checked with it. A schema file, and whatever a $ref names, lies in the directory of the"
        " topology file or below it; nothing is read from the network. Without $schema, it is of draft 2020-12.",
        source="https://json-schema.org/draft/2020-12/json-schema-validation",
        failing="""\
queues:
  orders:
messages:
  - {exchange: "", routing_key: orders, schema: {type: objekt}}
""",
        passing="""\
queues:
  orders:
messages:
  - {exchange: "", routing_key: orders, schema: {type: object}}
""",
    ),
    Explanation(
        id="routing-test",
        summary="A test of the file does not hold: a message reaches other queues than it says.",
        why="Tests are run offline, by RabbitMQ's rules; amqptool route --explain shows the way of a message.",
        source="amqptool's own tests compare these rules with a real broker",
        failing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: order.*}]}
tests:
  - publish: {exchange: shop, routing_key: order.new.express}
    reaches: [orders]
""",
        passing="""\
exchanges:
  shop: topic
queues:
  orders: {bindings: [{source: shop, routing_key: "order.#"}]}
tests:
  - publish: {exchange: shop, routing_key: order.new.express}
    reaches: [orders]
""",
    ),
)
