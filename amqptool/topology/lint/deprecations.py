"""What newer releases of RabbitMQ refuse or ignore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amqptool.message import FieldValue
    from amqptool.topology.lint.index import Index
    from amqptool.topology.model import Place

_DEPRECATED = "https://www.rabbitmq.com/release-information/deprecated-features-list"


def _transient_queues(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        if not queue.durable:
            message = f"queue {quoted(queue.name)} is not durable: a restart of the broker takes it and its messages"
            yield Finding(queue.place, f"{message}, and RabbitMQ 4.3 refuses to declare it")


def _settings(index: Index) -> Iterator[tuple[Place, str, str, FieldValue]]:
    """Yield all that queues and policies set, under the keys of policies."""
    for queue in index.own_queues:
        for name, value in queue.arguments.items():
            yield queue.place, f"queue {quoted(queue.name)}", name.removeprefix("x-"), value
    for policy in index.topology.policies:
        for name, value in policy.definition.items():
            yield policy.place, f"policy {quoted(policy.name)}", name, value


def _setting(end: str, old: Callable[[str, FieldValue], bool]) -> Callable[[Index], Iterator[Finding]]:
    """Make the check for one setting of queues and policies."""

    def check(index: Index) -> Iterator[Finding]:
        for place, who, key, value in _settings(index):
            if old(key, value):
                yield Finding(place, f"{who} has {key}, {end}")

    return check


RULES = (
    Rule(
        id="transient-queue",
        summary="A queue is not durable.",
        why="A restart of the broker removes it with everything in it. From RabbitMQ 4.3 on, queues that are neither"
        " durable nor exclusive are refused unless the broker's configuration permits them.",
        source=f"{_DEPRECATED} (transient_nonexcl_queues), and the release notes of 4.3.0",
        failing="""\
queues:
  orders: {durable: false}
""",
        passing="""\
queues:
  orders:
""",
        check=_transient_queues,
    ),
    Rule(
        id="mirrored-queue",
        summary="A policy mirrors classic queues (ha-mode, ha-params, …).",
        why="RabbitMQ 4.0 removed mirrored queues: these keys have no effect there, and the queues are on one node"
        " only. Quorum queues are replicated.",
        source=f"{_DEPRECATED} (classic_queue_mirroring), and the release notes of 4.0.1",
        failing="""\
queues:
  orders:
policies:
  ha: {pattern: "^orders$", apply_to: queues, definition: {ha-mode: all}}
""",
        passing="""\
queues:
  orders: {queue_type: quorum}
""",
        check=_setting("which RabbitMQ 4.0 removed: use quorum queues", lambda key, _: key.startswith("ha-")),
    ),
    Rule(
        id="queue-mode",
        summary="A queue is lazy.",
        why="From RabbitMQ 3.12 on classic queues all keep their messages on disk, and queue mode is ignored.",
        source="https://www.rabbitmq.com/docs/lazy-queues",
        failing="""\
queues:
  orders: {queue_mode: lazy}
""",
        passing="""\
queues:
  orders:
""",
        check=_setting("which RabbitMQ ignores from 3.12 on", lambda key, _: key == "queue-mode"),
    ),
    Rule(
        id="queue-version",
        summary="A classic queue asks for version 1 of its storage.",
        why="RabbitMQ 4.0 made version 2 the default, and 4.3 removed version 1.",
        source="the release notes of RabbitMQ 4.3.0",
        failing="""\
queues:
  orders: {queue_version: 1}
""",
        passing="""\
queues:
  orders: {queue_version: 2}
""",
        check=_setting("a storage that RabbitMQ 4.3 removed", lambda key, value: key == "queue-version" and value == 1),
    ),
    Rule(
        id="master-locator",
        summary="A queue has x-queue-master-locator, the old name of x-queue-leader-locator.",
        why="The old name is for classic queues of old releases; the new one is for all types of queues.",
        source="https://www.rabbitmq.com/docs/clustering#replica-placement",
        failing="""\
queues:
  orders: {queue_master_locator: min-masters}
""",
        passing="""\
queues:
  orders: {queue_leader_locator: balanced}
""",
        check=_setting(
            "an old name: queue-leader-locator is the new one", lambda key, _: key == "queue-master-locator"
        ),
    ),
    Rule(
        id="in-memory-limit",
        summary="A quorum queue limits the messages that it keeps in memory.",
        why="From RabbitMQ 3.10 on quorum queues keep no bodies in memory, and these limits are ignored.",
        source="https://www.rabbitmq.com/docs/quorum-queues",
        failing="""\
queues:
  orders: {queue_type: quorum, max_in_memory_length: 1000}
""",
        passing="""\
queues:
  orders: {queue_type: quorum}
""",
        check=_setting("which RabbitMQ ignores from 3.10 on", lambda key, _: key.startswith("max-in-memory-")),
    ),
)
