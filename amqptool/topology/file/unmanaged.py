"""The sections of RabbitMQ's exports that amqptool keeps and leaves alone, whatever they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.topology.file import vhosts
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
    """Keep a section; an export of one vhost says in one what type its queues have."""
    draft.unmanaged.append(Unmanaged(section=key.text, value=value(node), place=key.place))
    draft.default_type = draft.default_type or vhosts.default_of_export(key, node, draft.problems)


def value(node: Node) -> Any:
    """Return what a node holds, as it is."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: value(item) for key, (_, item) in node.entries.items()}
    return [value(item) for item in node.items]
