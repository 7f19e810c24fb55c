"""What becomes of a queue's failed messages: `retry: [5s, 1m]`, and `dead_letter: true` or a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amqptool import retry, units
from amqptool.topology.arguments import MAX_EXPIRY
from amqptool.topology.expand import Places
from amqptool.topology.file import reading
from amqptool.topology.file.nodes import Scalar, Sequence
from amqptool.topology.file.reading import Unfit

if TYPE_CHECKING:
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.file.reading import Fields
    from amqptool.topology.model import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """A queue's retry ladder and dead-letter queue, as read; `places` says where they stand, if they do."""

    retry: tuple[int, ...] = ()
    dead_letter: str | None = None
    places: Places | None = None


def read(fields: Fields, queue: str) -> Failures:
    """Take `retry` and `dead_letter` of the queue of that name."""
    delays = _ladder(fields)
    dead_letter = fields.take("dead_letter", lambda node: _dead_letter(node, queue), None)
    if not delays and dead_letter is None:
        return Failures()
    node = fields.node("dead_letter") or fields.mapping
    places = Places(tuple(delays.values()), node.place)
    return Failures(retry=tuple(delays), dead_letter=dead_letter, places=places)


def _ladder(fields: Fields) -> dict[int, Place]:
    """Read the delays, in milliseconds, each with its place."""
    delays: dict[int, Place] = {}
    for node in fields.take("retry", _nodes, list["Node"]()):
        try:
            delay = _delay(node)
        except Unfit as flaw:
            fields.problems.add(node.place, f"a delay of retry {flaw}", flaw.rule)
            continue
        if delay in delays:
            message = f"this delay is already given {delays[delay].seen_from(node.place)}"
            fields.problems.add(node.place, message, "duplicate")
        delays.setdefault(delay, node.place)
    return delays


def _nodes(node: Node) -> list[Node]:
    if not isinstance(node, Sequence) or not node.items:
        found = "an empty one" if isinstance(node, Sequence) else reading.describe(node)
        raise Unfit(node, f"must be a list of delays, such as [5s, 1m, 10m], not {found}")
    return node.items


def _delay(node: Node) -> int:
    written = node.value if isinstance(node, Scalar) else None
    delay = units.milliseconds(written) if isinstance(written, str) else written
    if not isinstance(delay, int) or isinstance(delay, bool):
        wanted = "must be a duration such as 30s or 1h30m, or an integer of milliseconds"
        raise Unfit(node, f"{wanted}, not {reading.describe(node)}")
    if not 1 <= delay <= MAX_EXPIRY:
        raise Unfit(node, f"must be 1 millisecond or more, and ten years or less, not {reading.describe(node)}")
    return delay


def _dead_letter(node: Node, queue: str) -> str | None:
    if isinstance(node, Scalar) and (node.value is None or isinstance(node.value, bool)):
        return retry.dead_letter_queue(queue) if node.value else None
    if isinstance(node, Scalar) and (found := node.surprise) and found.kind == "boolean":
        wanted = "must be true, false or a queue's name"
        raise Unfit(node, f"{wanted}, not {reading.describe(node)}: write {found.plain}", "ambiguous")
    name = reading.declared_name(node)
    if name == queue:
        raise Unfit(node, "is the queue itself, where messages would fail again", "contradiction")
    return name
