"""A JSON Schema of the topology file, for editors: they complete, explain and check it while one types.

It takes what the loader takes, and no key that the loader refuses. What a schema cannot say (names that are
declared, arguments that contradict each other, …) is left to the loader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from amqptool import units
from amqptool.carried import MAX_SHORT_STRING
from amqptool.topology import arguments, names
from amqptool.topology.argument import AGE, QUEUE_TYPES
from amqptool.topology.arguments import MAX_EXPIRY
from amqptool.topology.file import unmanaged, vhosts
from amqptool.topology.model import ApplyTo, DestinationType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.topology.argument import Argument, Scope

#: A schema, or a part of one.
Schema: TypeAlias = "dict[str, Any]"

DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: A `${`, wherever a text has one: what it stands for is not known here.
VARIABLE = r"\$\{"

_NULL: Schema = {"type": "null"}
_BOOLEAN: Schema = {"type": "boolean"}
_TEXT: Schema = {"type": "string"}
_KEY: Schema = {"type": "string", "maxLength": MAX_SHORT_STRING}
_NAME: Schema = {**_KEY, "pattern": r"^[^\r\n]+$"}
_DECLARED_NAME: Schema = {**_KEY, "pattern": rf"^(?!{names.RESERVED_PREFIX.replace('.', '[.]')})[^\r\n]+$"}
_TABLE: Schema = {"type": "object"}
_BODY_SCHEMA: Schema = {"anyOf": [{"$ref": DIALECT}, {**_TEXT, "minLength": 1}]}


def schema() -> Schema:
    """Return the JSON Schema of the topology file."""
    kept = {section: _said({}, "RabbitMQ's own: kept, and left alone.") for section in sorted(unmanaged.SECTIONS)}
    return {
        "$schema": DIALECT,
        "title": "Topology of a RabbitMQ, for amqptool",
        **_object({**kept, **_sections()}),
        "$defs": _definitions(),
    }


def _sections() -> Schema:
    return {
        "vhosts": _named("vhost", _NAME, "Vhosts; they are created only on demand.", short=[_NULL]),
        "exchanges": _named("exchange", _DECLARED_NAME, "Exchanges, by name.", short=[_ref("exchange_type")]),
        "queues": _named("queue", _DECLARED_NAME, "Queues, by name.", short=[_ref("queue_type"), _NULL]),
        "bindings": _list("binding", "Bindings; most can stand under what they lead to instead."),
        "policies": _named("policy", _NAME, "Policies: what the broker adds to exchanges and queues that match."),
        "messages": _list("message", "What is published where, and the JSON Schema of its body."),
        "tests": _list("test", "Messages and the queues that each must reach; checked without a broker."),
    }


def _definitions() -> Schema:
    bodies = {"vhost": _vhost(), "exchange": _exchange(), "queue": _queue(), "policy": _policy()}
    required = {"exchange": ["type"], "policy": ["pattern", "definition"]}
    definitions = {
        "variable": {"type": "string", "pattern": VARIABLE, "description": "${NAME}, or ${NAME:-default}."},
        "exchange_type": _any({"enum": list(names.EXCHANGE_TYPES)}, {**_TEXT, "pattern": "^x-."}),
        "queue_type": _any({"enum": list(QUEUE_TYPES)}),
        "inner_binding": _object(_inner_binding(), ["source"]),
        "binding": _object(_binding(), ["source", "destination"]),
        "message": _object(_message(), ["exchange", "schema"]),
        "test": _object(_test(), ["publish", "reaches"]),
        **{f"{scope}_arguments": _arguments(scope) for scope in arguments.SCOPES},
    }
    for what, body in bodies.items():
        needed = required.get(what, [])
        name = _said(_any(_NAME), f"The {what}'s name.")
        definitions[what] = _object(body, needed)
        definitions[f"listed_{what}"] = _object({"name": name, **body}, ["name", *needed])
    return definitions


def _vhost() -> Schema:
    known = {"enum": [*QUEUE_TYPES, *vhosts.MODULES, "undefined", "", None]}
    return {
        **{key: _said({}, "RabbitMQ's own: left alone.") for key in sorted(vhosts.LEFT_ALONE)},
        "default_queue_type": _said(_any(known), "The type of queues that are declared without one."),
        "metadata": _said({}, "RabbitMQ's own; it may hold the default queue type."),
    }


def _exchange() -> Schema:
    return {
        "type": _said(_ref("exchange_type"), "How it routes: direct, fanout, topic, headers, or a plugin's x-… type."),
        **_common("exchange"),
        "internal": _flag(False, "Whether only other exchanges may publish to it."),
        **_shorthand("exchange"),
    }


def _queue() -> Schema:
    delay = _any(_measured(units.DURATION.pattern, minimum=1, maximum=MAX_EXPIRY))
    return {
        "type": _said(_ref("queue_type"), "classic, quorum or stream; without one, the vhost's default."),
        **_common("queue"),
        "exclusive": _said(_any({"const": False}), "Must be false: such a queue dies with its connection."),
        "retry": {
            "description": "How long a failed message waits before each new attempt; each delay has a wait queue.",
            **_any({"type": "array", "items": delay, "minItems": 1}),
            "examples": [["5s", "1m", "10m"]],
        },
        "dead_letter": _said(
            _any(_BOOLEAN, _NULL, _DECLARED_NAME),
            "The queue for messages that failed for good: true for <queue>.dead, or a name.",
        ),
        **_shorthand("queue"),
    }


def _common(scope: Scope) -> Schema:
    """Return what exchanges and queues have in common."""
    bindings = {"type": ["array", "null"], "items": _ref("inner_binding")}
    return {
        "vhost": _vhost_name(),
        "durable": _flag(True, "Whether it survives a restart of the broker."),
        "auto_delete": _flag(False, "Whether it goes when its last consumer or binding goes."),
        "bindings": _said(bindings, f"Bindings that lead to this {scope}."),
        "arguments": _said(_ref(f"{scope}_arguments"), "Arguments under RabbitMQ's own names."),
    }


def _inner_binding() -> Schema:
    return {
        "source": _said(_any(_NAME), "The exchange that messages come from."),
        "routing_key": _said(_any(_KEY), "The key; in topic exchanges * is one word, # is any number of them."),
        "arguments": _said(_ref("binding_arguments"), "For headers exchanges: the headers that must match."),
    }


def _binding() -> Schema:
    kinds = {"enum": list(get_args(DestinationType))}
    return {
        **_inner_binding(),
        "destination": _said(_any(_NAME), "The queue or exchange that messages go to."),
        "destination_type": {**_said(_any(kinds), "What the destination is."), "default": "queue"},
        "vhost": _vhost_name(),
    }


def _policy() -> Schema:
    definition = {line.name: _argument(line) for line in arguments.of("policy")}
    definition |= {line.key: _argument(line, shorthand=True) for line in arguments.of("policy")}
    what = _said(_any({"enum": list(get_args(ApplyTo))}), "What it applies to.")
    return {
        "pattern": _said(_any(_TEXT), "A regular expression that is searched for in names, such as ^logs."),
        "definition": _said({**_TABLE, "properties": definition}, "What it sets, as arguments do, without the x-."),
        "apply_to": {**what, "default": "all"},
        "apply-to": what,
        "priority": _said(_any({"type": "integer"}), "Of several that match, only the highest applies."),
        "vhost": _vhost_name(),
    }


def _message() -> Schema:
    return {
        "exchange": _said(_any(_KEY), 'The exchange it is published to; "" is the default exchange.'),
        "routing_key": {**_said(_any(_KEY), "Its routing key: * is one word, # any number of them."), "default": "#"},
        "name": _said(_any(_NAME), "What it is called in errors and in AsyncAPI."),
        "content_type": _said(_any({**_TEXT, "minLength": 1}), "Its media type, such as application/json."),
        "description": _said(_any(_TEXT), "What it is, for readers."),
        "schema": {"description": "A JSON Schema, or the path of a file with one.", **_BODY_SCHEMA},
        "vhost": _vhost_name(),
    }


def _test() -> Schema:
    message = {
        "exchange": _said(_any(_KEY), "The exchange it is published to; without one, the default exchange."),
        "routing_key": _said(_any(_KEY), "Its routing key."),
        "headers": _said(_TABLE, "Its headers, of any type."),
    }
    queues = {"type": ["array", "null"], "items": _any(_NAME)}
    return {
        "publish": _said(_object(message), "The message."),
        "reaches": _said(queues, "The queues that get it, and no others; [] for none."),
        "vhost": _vhost_name(),
    }


def _arguments(scope: Scope) -> Schema:
    """Return the table of arguments under their own names; others are taken too, for plugins know more."""
    return {**_TABLE, "properties": {line.name: _argument(line) for line in arguments.of(scope)}}


def _shorthand(scope: Scope) -> Schema:
    return {line.key: _argument(line, shorthand=True) for line in arguments.of(scope)}


def _argument(line: Argument, *, shorthand: bool = False) -> Schema:
    kinds = "" if line.queue_types == QUEUE_TYPES else f" ({' and '.join(line.queue_types)} queues only)"
    doc = line.doc[0].upper() + line.doc[1:]
    return _said(_any(_value(line, shorthand=shorthand)), f"{doc}{kinds}.")


def _value(line: Argument, *, shorthand: bool) -> Schema:
    match line.kind:
        case "boolean":
            return _BOOLEAN
        case "text":
            return _TEXT
        case "choice":
            return {"enum": list(line.choices)}
        case "age":
            return {**_TEXT, "pattern": f"^{AGE.pattern}$"}
    patterns = {"milliseconds": units.DURATION.pattern, "bytes": units.SIZE.pattern} if shorthand else {}
    return _measured(patterns.get(line.kind), minimum=line.minimum, maximum=line.maximum)


def _measured(pattern: str | None, *, minimum: int, maximum: int | None) -> Schema:
    """Return an integer within bounds or, with a pattern, a text that says one: `30s`, `64MiB`."""
    number = {"type": "integer", "minimum": minimum} | ({} if maximum is None else {"maximum": maximum})
    return {"anyOf": [number, {**_TEXT, "pattern": f"^(?=.)(?:{pattern})$"}]} if pattern else number


def _named(what: str, name: Schema, doc: str, *, short: Sequence[Schema] = ()) -> Schema:
    """Return a section of entries with names: a mapping of them, or RabbitMQ's list."""
    body = {"anyOf": [_ref(what), *short]} if short else _ref(what)
    mapping = {"type": "object", "propertyNames": _any(name), "additionalProperties": body}
    return _said({"anyOf": [mapping, {"type": "array", "items": _ref(f"listed_{what}")}, _NULL]}, doc)


def _list(what: str, doc: str) -> Schema:
    return _said({"type": ["array", "null"], "items": _ref(what)}, doc)


def _object(properties: Schema, required: Sequence[str] = ()) -> Schema:
    """Return a mapping with these keys and no others, but for those that a variable gives."""
    return {
        "type": "object",
        "properties": properties,
        "patternProperties": {VARIABLE: {}},
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
    }


def _any(*values: Schema) -> Schema:
    """Return one of several values, or a variable that stands for one."""
    return {"anyOf": [*values, _ref("variable")]}


def _flag(default: bool, doc: str) -> Schema:
    return {**_said(_any(_BOOLEAN), doc), "default": default}


def _vhost_name() -> Schema:
    return _said(_any(_NAME), "Its vhost; without one, the vhost of the connection.")


def _said(part: Schema, doc: str) -> Schema:
    return {"description": doc, **part}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
