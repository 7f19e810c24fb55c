"""The sections of RabbitMQ's exports that amqptool keeps and leaves alone, whatever they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.topology.file.nodes import Mapping, Scalar
from amqptool.topology.model import Unmanaged

if TYPE_CHECKING:
    from amqptool.topology.file.draft import Draft
    from amqptool.topology.file.nodes import Node

#: What exports of RabbitMQ 3.6 to 4.2 hold besides: of a broker, and of one vhost.
SECTIONS = frozenset(
    {
        *("rabbit_version", "rabbitmq_version", "product_name", "product_version", "rabbitmq_definition_format"),
        *("original_cluster_name", "original_vhost_name", "explanation"),
        *("users", "permissions", "topic_permissions", "parameters", "global_parameters"),
        *("metadata", "description", "limits", "tags", "default_queue_type", "tracing"),
    }
)


def keep(key: Scalar, node: Node, draft: Draft) -> None:
    """Keep a section."""
    draft.unmanaged.append(Unmanaged(section=key.text, value=_value(node), place=key.place))


def _value(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: _value(value) for key, (_, value) in node.entries.items()}
    return [_value(item) for item in node.items]
