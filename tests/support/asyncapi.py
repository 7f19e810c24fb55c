"""What AsyncAPI 3.0 and its AMQP bindings (0.3.0) say of the documents that amqptool writes, as a JSON Schema.

It is stricter than AsyncAPI's own: nothing that amqptool does not write is taken. Written from the specification:
https://www.asyncapi.com/docs/reference/specification/v3.0.0 and
https://github.com/asyncapi/bindings/tree/master/amqp.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NAME: Schema = {"type": "string", "maxLength": 255}
KEYS: Schema = {"pattern": r"^[A-Za-z0-9._-]+$"}


def closed(required: list[str], **properties: Schema) -> Schema:
    """Make the schema of an object with these keys and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def keyed(values: Schema) -> Schema:
    """Make the schema of an object whose keys can be parts of references."""
    return {"type": "object", "propertyNames": KEYS, "additionalProperties": values}


def reference(pattern: str) -> Schema:
    """Make the schema of a reference."""
    return closed(["$ref"], **{"$ref": {"type": "string", "pattern": f"^#/{pattern}$"}})


def binding(required: list[str], **properties: Schema) -> Schema:
    """Make the schema of what stands under `bindings`."""
    return closed(["amqp"], amqp=closed(["bindingVersion", *required], bindingVersion={"const": "0.3.0"}, **properties))


_FLAGS = {"durable": FLAG, "autoDelete": FLAG, "vhost": TEXT}
_TYPES = {"enum": ["topic", "direct", "fanout", "default", "headers"]}
_EXCHANGE = closed(["name", "durable", "autoDelete"], name=NAME, type=_TYPES, **_FLAGS)
_QUEUE = closed(["name", "durable", "exclusive", "autoDelete"], name=NAME, exclusive=FLAG, **_FLAGS)
_MESSAGE = reference("components/messages/[A-Za-z0-9._-]+")
_DONE = {"deliveryMode": {"enum": [1, 2]}, "mandatory": FLAG, "ack": FLAG}
_PAYLOAD = reference("components/schemas/[A-Za-z0-9._-]+")

DOCUMENT = closed(
    ["asyncapi", "info", "channels", "operations"],
    asyncapi={"const": "3.0.0"},
    info=closed(["title", "version"], title=TEXT, version=TEXT),
    defaultContentType={"const": "application/json"},
    servers=keyed(
        closed(
            ["host", "protocol", "pathname", "protocolVersion"],
            host=TEXT,
            protocol={"enum": ["amqp", "amqps"]},
            pathname={"type": "string", "pattern": "^/"},
            protocolVersion={"const": "0-9-1"},
        )
    ),
    channels=keyed(
        closed(
            ["address", "bindings"],
            address=TEXT,
            description=TEXT,
            messages=keyed(_MESSAGE),
            bindings={
                "anyOf": [
                    binding(["is", "exchange"], **{"is": {"const": "routingKey"}, "exchange": _EXCHANGE}),
                    binding(["is", "queue"], **{"is": {"const": "queue"}, "queue": _QUEUE}),
                ]
            },
        )
    ),
    operations=keyed(
        closed(
            ["action", "channel", "bindings"],
            action={"enum": ["send", "receive"]},
            channel=reference("channels/[A-Za-z0-9._-]+"),
            messages={"type": "array", "items": reference("channels/[A-Za-z0-9._-]+/messages/[A-Za-z0-9._-]+")},
            bindings=binding([], **_DONE),
        )
    ),
    components=closed(
        ["messages", "schemas"],
        messages=keyed(
            closed(
                ["name", "payload", "bindings"],
                name=TEXT,
                description=TEXT,
                contentType=TEXT,
                payload=_PAYLOAD,
                bindings=binding([]),
            )
        ),
        schemas=keyed({"type": "object"}),
    ),
)

_VALIDATOR = Draft202012Validator(DOCUMENT)


def flaws(document: Any) -> list[str]:
    """Return what is wrong with a document, references that lead nowhere included."""
    found = [f"{error.json_path}: {error.message}" for error in _VALIDATOR.iter_errors(document)]
    return found + [reference for reference in references(document) if not leads_somewhere(document, reference)]


def references(value: Any) -> Iterator[str]:
    """Yield the references to parts of the document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str) and value["$ref"].startswith("#"):
            yield value["$ref"]
        for key, item in value.items():
            yield from references(item) if key not in ("const", "enum", "default", "examples") else ()
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def leads_somewhere(document: Any, reference: str) -> bool:
    """Return whether a reference leads to a part of the document."""
    for word in reference.removeprefix("#/").split("/"):
        step = word.replace("~1", "/").replace("~0", "~").replace("%20", " ")
        try:
            document = document[int(step)] if isinstance(document, list) else document[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return True
