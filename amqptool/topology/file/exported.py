"""What exports and listings of a broker hold that people would not write: passed over, or left out.

RabbitMQ's own import says what is harmless: it takes no notice of keys that it does not know, skips what has its
reserved prefix, and takes an empty list for an empty table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.topology.file.nodes import Mapping, Scalar
from amqptool.topology.model import LeftOut
from amqptool.topology.names import RESERVED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Container

    from amqptool.topology.file.draft import Draft
    from amqptool.topology.file.nodes import Node, ScalarValue


class _Keys:
    """The keys of an object in a listing; those that count and measure are many, and known by how they begin."""

    _COUNTERS = ("message", "reductions", "garbage_collection", "mirror_", "disk_", "recv_", "send_")

    def __init__(self, *names: str) -> None:
        self._names = frozenset(names)

    def __contains__(self, key: object) -> bool:
        return key in self._names or (isinstance(key, str) and key.startswith(self._COUNTERS))


#: What listings (GET /api/queues, …) tell of an object besides what it was declared with, by the word for it.
LISTED: dict[str, Container[str]] = {
    "queue": _Keys(
        *(
            "backing_queue_status",
            "policy",
            "operator_policy",
            "effective_policy_definition",
            "node",
            "state",
            "idle_since",
            "pid",
            "leader",
        ),
        *("members", "online", "open_files", "memory", "owner_pid_details", "owner_pid", "storage_version", "segments"),
        *("consumers", "consumer_details", "consumer_capacity", "consumer_utilisation", "single_active_consumer_tag"),
        *("single_active_consumer_ctag", "synchronised_slave_pids", "slave_pids", "down_slave_nodes", "publishers"),
        *("exclusive_consumer_tag", "single_active_consumer_pid", "head_message_timestamp", "incoming", "deliveries"),
        *("slave_nodes", "synchronised_slave_nodes", "recoverable_slaves", "mirrors", "readers", "committed_offset"),
        *("internal", "internal_owner", "user_who_performed_action"),
    ),
    "exchange": _Keys("policy", "incoming", "outgoing", "user_who_performed_action"),
    "binding": _Keys("properties_key"),
    "policy": _Keys(),
    "vhost": _Keys(),
}


def passes_over(word: str, node: Node, draft: Draft) -> bool:
    """Return whether an object is not to be declared; if a reader should know why, it is noted."""
    if _goes_without_saying(word, node):
        return True
    name = _value(node, "name")
    reason = _reason(name, node) if word == "queue" and isinstance(name, str) else None
    if reason is None:
        return False
    draft.left_out.append(LeftOut(what=f"queue {name}", reason=reason, place=node.place))
    draft.absent.add(str(name))
    return True


def settle_vhost(draft: Draft) -> None:
    """Take the vhost from the policies of an export of one vhost, in which some versions leave it there alone."""
    vhosts = {exchange.vhost for exchange in draft.exchanges} | {item.queue.vhost for item in draft.queues}
    vhosts |= {binding.vhost for binding in draft.bindings}
    if draft.has_version and "vhosts" not in draft.keys and vhosts == {None}:
        draft.policies = [replace(policy, vhost=None) for policy in draft.policies]


def _goes_without_saying(word: str, node: Node) -> bool:
    """Return whether every broker has an object by itself: its exchanges, and the default exchange's bindings."""
    if word == "binding":
        to_queue = _value(node, "destination_type") in (None, "queue")
        return to_queue and _value(node, "source") == "" and _value(node, "routing_key") == _value(node, "destination")
    name = _value(node, "name")
    return word == "exchange" and isinstance(name, str) and (not name or name.startswith(RESERVED_PREFIX))


def _reason(queue: str, node: Node) -> str | None:
    """Return why a queue cannot be declared as it is, if so."""
    if queue.startswith(RESERVED_PREFIX):
        return "RabbitMQ chose its name, and chooses another one next time"
    if _value(node, "exclusive") is True and "node" in _keys(node):
        return "it is exclusive, and vanishes with the connection that has it"
    return None


def _keys(node: Node) -> Container[str]:
    return node.entries if isinstance(node, Mapping) else ()


def _value(node: Node, key: str) -> ScalarValue:
    """Return the scalar at a key; None where there is none."""
    value = node.entries[key][1] if isinstance(node, Mapping) and key in node.entries else None
    return value.value if isinstance(value, Scalar) else None
