"""What can be wrong with the form of a file, explained: the ids that the loader puts in brackets."""

from __future__ import annotations

from amqptool.topology.lint.rule import Explanation

EXPLANATIONS = (
    Explanation(
        id="yaml",
        summary="The file is no YAML, or more than plain YAML.",
        why="A topology file is one document of plain data. Tags, merge keys (<<) and several documents are refused,"
        " and a text that begins with one of * & ! { [ # must stand in quotes.",
        failing="""\
queues:
  log: {bindings: [{source: amq.topic, routing_key: *.error}]}
""",
        passing="""\
queues:
  log: {bindings: [{source: amq.topic, routing_key: "*.error"}]}
""",
    ),
    Explanation(
        id="json",
        summary="The file begins as JSON does, and is none.",
        why="What begins with a bracket is read as JSON, as RabbitMQ writes it: keys and texts stand in double quotes,"
        " a comma stands between two of them, and each bracket has its other half.",
        failing="""\
{"queues": [{"name": "orders"} {"name": "mails"}]}
""",
        passing="""\
{"queues": [{"name": "orders"}, {"name": "mails"}]}
""",
    ),
    Explanation(
        id="number",
        summary="A number is larger than AMQP has any.",
        why="Integers have at most 64 bits with their sign. Another reader of JSON would round the number silently.",
        failing="""\
{"queues": [{"name": "orders", "arguments": {"x-max-length": 99999999999999999999}}]}
""",
        passing="""\
{"queues": [{"name": "orders", "arguments": {"x-max-length": 1000000, "x-overflow": "reject-publish"}}]}
""",
    ),
    Explanation(
        id="foreign",
        summary="The file is something else than a topology.",
        why="Kubernetes manifests, Compose files, templates that are not filled, web pages, archives and tables are"
        " told by how they look, instead of by everything that is missing in them.",
        failing="""\
apiVersion: v1
kind: ConfigMap
data: {}
""",
        passing="""\
queues:
  orders:
""",
    ),
    Explanation(
        id="encoding",
        summary="The file holds bytes or characters that cannot be text.",
        why="Files are UTF-8 (UTF-16 with a byte order mark is read too). Control characters and halves of surrogate"
        " pairs have no place in YAML, and AMQP could not send them.",
        failing="""\
queues:
  "orders\x01":
""",
        passing="""\
queues:
  "orders é":
""",
    ),
    Explanation(
        id="limit",
        summary="The file is larger, deeper or fuller than any topology.",
        why="Size, depth, aliases and values are bounded, so that no file, however it was made, takes all memory or"
        " all time.",
        failing=f"""\
queues: {"[" * 40}{"]" * 40}
""",
        passing="""\
queues:
  orders:
""",
    ),
    Explanation(
        id="empty",
        summary="The file is empty.",
        why="A topology file is a mapping with exchanges, queues and bindings. A file with nothing in it is more"
        " probably a mistake than a wish; a topology of nothing is queues: {}.",
        failing="""\
# nothing yet
""",
        passing="""\
queues: {}
""",
    ),
    Explanation(
        id="duplicate-key",
        summary="A key stands twice in one mapping.",
        why="Most readers of YAML keep the last one silently. Here it is refused, since one of the two has no effect.",
        failing="""\
queues:
  orders: {message_ttl: 1h}
  orders: {message_ttl: 2h}
""",
        passing="""\
queues:
  orders: {message_ttl: 2h}
""",
    ),
    Explanation(
        id="unknown-key",
        summary="A key that has no meaning where it stands.",
        why="A misspelt key would have no effect, so it is refused. Arguments that amqptool has no shorthand for stand"
        " under arguments:, under their full name.",
        failing="""\
queues:
  orders: {mesage_ttl: 30s}
""",
        passing="""\
queues:
  orders: {message_ttl: 30s, arguments: {x-some-plugin: true}}
""",
    ),
    Explanation(
        id="missing-key",
        summary="Something that must be said is not.",
        why="An exchange has a type, a binding has a source, a policy has a pattern and a definition, and what stands"
        " in a list has a name.",
        failing="""\
exchanges:
  shop: {durable: true}
""",
        passing="""\
exchanges:
  shop: {type: topic}
""",
    ),
    Explanation(
        id="type",
        summary="A value is of another type than its key needs.",
        why="Readers of YAML differ about no, 010 or 12:30, and RabbitMQ compares by type: 5 is not the text 5. So"
        " true and false, plain decimal numbers and null are what they look like, everything else is text, and a"
        " text that looks like a number stands in quotes.",
        failing="""\
queues:
  orders: {durable: yes}
""",
        passing="""\
queues:
  orders: {durable: true}
""",
    ),
    Explanation(
        id="ambiguous",
        summary="A value that readers of YAML understand differently.",
        why="In arguments that RabbitMQ does not check, 1e3 or off may be a number, a boolean or a text, depending on"
        " who reads the file. Quotes, or the plain form, say which.",
        failing="""\
queues:
  orders: {bindings: [{source: amq.headers, arguments: {express: on}}]}
""",
        passing="""\
queues:
  orders: {bindings: [{source: amq.headers, arguments: {express: true}}]}
""",
    ),
    Explanation(
        id="variable",
        summary="A variable cannot be filled in.",
        why="${NAME} takes its value from --set NAME=VALUE or from the environment; ${NAME:-default} has one of its"
        " own; $$ is a dollar.",
        failing="""\
queues:
  "${A_NAME_THAT_NOTHING_SETS}.orders":
""",
        passing="""\
queues:
  "${A_NAME_THAT_NOTHING_SETS:-shop}.orders":
""",
    ),
)
