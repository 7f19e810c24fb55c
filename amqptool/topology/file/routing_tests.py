"""One test of the `tests` section: a message that is published, and the queues that it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.file import reading
from amqptool.topology.file.nodes import Mapping
from amqptool.topology.file.reading import Fields, Unfit
from amqptool.topology.model import RoutingTest
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.problems import Problems


def routing_test(node: Node, problems: Problems) -> RoutingTest | None:
    """Read a test; None if something that it needs is missing (which is noted)."""
    if not isinstance(node, Mapping):
        wanted = "a test must be a mapping (publish: …, reaches: …)"
        problems.add(node.place, f"{wanted}, not {reading.describe(node)}", "type")
        return None
    fields = Fields(node, problems)
    publish = fields.need("publish", reading.mapping, "the test")
    reaches = fields.need("reaches", _queues, "the test")
    vhost = fields.take("vhost", reading.name, None)
    fields.refuse_others("a test")
    if publish is None or reaches is None:
        return None
    message = Fields(publish, problems)
    test = RoutingTest(
        exchange=message.take("exchange", reading.published_name, ""),
        routing_key=message.take("routing_key", reading.routing_key, ""),
        headers=message.take("headers", _headers, {}),
        reaches=reaches,
        vhost=vhost,
        place=node.place,
    )
    message.refuse_others("publish")
    return test


def _headers(node: Node) -> dict[str, FieldValue]:
    entries = reading.mapping(node).entries.values()
    return {reading.field_name(key): reading.field_value(value) for key, value in entries}


def _queues(node: Node) -> tuple[str, ...]:
    names: set[str] = set()
    for item in reading.sequence(node):
        name = reading.name(item)
        if name in names:
            raise Unfit(item, f"names {quoted(name)} twice; a queue gets a message once", "duplicate")
        names.add(name)
    return tuple(sorted(names))
