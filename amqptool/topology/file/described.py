"""One entry of the `messages` section: where messages go, and the schema of their bodies."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from amqptool.topology.described import ANY_KEY, DescribedMessage
from amqptool.topology.file import reading
from amqptool.topology.file.nodes import Mapping, Scalar, Sequence
from amqptool.topology.file.reading import Fields, Unfit

if TYPE_CHECKING:
    from amqptool.topology.described import Path
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.model import Place
    from amqptool.topology.problems import Problems

_WANTED = "a JSON Schema, or the path of a file with one"


def described_message(node: Node, problems: Problems) -> DescribedMessage | None:
    """Read an entry; None if something that it needs is missing (which is noted)."""
    if not isinstance(node, Mapping):
        wanted = "a message must be a mapping (exchange: …, routing_key: …, schema: …)"
        problems.add(node.place, f"{wanted}, not {reading.describe(node)}", "type")
        return None
    fields = Fields(node, problems)
    exchange = fields.need("exchange", reading.published_name, "the message")
    schema = fields.need("schema", _schema, "the message")
    read = DescribedMessage(
        exchange=exchange or "",
        routing_key=fields.take("routing_key", reading.routing_key, ANY_KEY),
        name=fields.take("name", reading.name, None),
        content_type=fields.take("content_type", _content_type, None),
        description=fields.take("description", reading.text, None),
        schema=schema,
        vhost=fields.take("vhost", reading.name, None),
        place=node.place,
        schema_places=places_of(node.entries["schema"][1]) if "schema" in node.entries else {},
    )
    fields.refuse_others("a message")
    return None if exchange is None or schema is None else read


def places_of(node: Node) -> dict[Path, Place]:
    """Return where a node and all that is in it stand."""
    places: dict[Path, Place] = {}
    todo: list[tuple[Path, Node]] = [((), node)]
    while todo:
        path, each = todo.pop()
        places[path] = each.place
        if isinstance(each, Mapping):
            todo += [((*path, key), value) for key, (_, value) in each.entries.items()]
        elif isinstance(each, Sequence):
            todo += [((*path, index), item) for index, item in enumerate(each.items)]
    return places


def _schema(node: Node) -> Any:
    if isinstance(node, Mapping) or (isinstance(node, Scalar) and isinstance(node.value, bool)):
        return reading.field_value(node)
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        raise Unfit(node, f"must be {_WANTED}, not {reading.describe(node)}")
    path = reading.text(node)
    if not path:
        raise Unfit(node, f"must be {_WANTED}, not an empty text")
    if PurePath(path).is_absolute() or "://" in path:
        raise Unfit(node, "must be the path of a file, relative to the topology file", "schema")
    return path


def _content_type(node: Node) -> str:
    return reading.text(node) or _refuse_empty(node)


def _refuse_empty(node: Node) -> str:
    raise Unfit(node, "must be a media type such as application/json, not an empty text")
