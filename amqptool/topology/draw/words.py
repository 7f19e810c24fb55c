"""The words of a picture, the same in every format; all are safe to show and on one line."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

from amqptool.topology.draw.graph import DEFAULT_EXCHANGE
from amqptool.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.draw.graph import Edge, Figures, Node
    from amqptool.topology.model import Binding

#: How many keys of an edge are shown.
MAX_LABELS = 4


def visible(text: str) -> str:
    """Return foreign text with an escape in place of all that is not printed: controls, line breaks, bidi marks."""
    return text if text.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in text)


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes; East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else not unicodedata.combining(each) for each in text)


def shortened(text: str, width: int) -> str:
    """Return a text that takes at most `width` columns; what is left out of its middle is an ellipsis."""
    if cells(text) <= width:
        return text
    tail = _fitting(reversed(text), (width - 1) // 2)[::-1]
    return f"{_fitting(text, width - 1 - cells(tail))}…{tail}"


def binding_label(binding: Binding, exchange_type: str) -> str | None:
    """Return what a binding asks of messages, as raw text; None if nothing."""
    if exchange_type == "fanout":
        return None
    if exchange_type == "headers":
        return _headers(binding)
    return binding.routing_key or '""'


def title(node: Node) -> str:
    """Return what a node is called."""
    if node.kind == "default":
        return DEFAULT_EXCHANGE
    if node.kind == "ladder":
        return f"retry {', '.join(map(duration, node.delays))}"
    return visible(node.name)


def vhost_title(vhost: str | None) -> str:
    """Return what a vhost is called where there are several."""
    return "the connection's vhost" if vhost is None else f"vhost {visible(vhost)}"


def traits(node: Node) -> str:
    """Return what kind of exchange or queue a node is."""
    if node.role == "missing":
        return "not declared"
    internal = ", internal" if node.internal else ""
    return visible(node.type) + internal


def species(node: Node) -> str:
    """Return what a node is, in words that stand alone: `topic exchange`."""
    if node.kind == "default":
        return "reaches every queue by its name"
    if node.kind == "ladder":
        return "wait queue" if len(node.delays) == 1 else f"{len(node.delays)} wait queues"
    if node.role == "missing":
        return f"{node.kind}, not declared"
    words = "dead-letter queue" if node.role == "dead" else node.kind
    return f"{visible(node.type)} {words}{', internal' if node.internal else ''}"


def figures(numbers: Figures) -> list[str]:
    """Return what a queue holds, and its rates if it has any."""
    lines = [f"{numbers.ready:,} ready, {numbers.unacked:,} unacked"]
    if numbers.published is not None or numbers.delivered is not None:
        lines.append(f"{numbers.published or 0:,.1f}/s in, {numbers.delivered or 0:,.1f}/s out")
    return lines


def labels(edge: Edge, limit: int = MAX_LABELS) -> list[str]:
    """Return the labels of an edge; of many, the first and how many more there are."""
    shown = edge.labels if len(edge.labels) <= limit else edge.labels[: limit - 1]
    rest = len(edge.labels) - len(shown)
    return [*map(visible, shown), *([f"… and {rest:,} more"] if rest else [])]


def all_labels(edge: Edge) -> str:
    """Return the labels of an edge as one text, for a tooltip."""
    return ", ".join(labels(edge, limit=100))


def summary(nodes: Iterable[Node]) -> str:
    """Return how many exchanges and queues a picture shows."""
    kinds = [node.kind for node in nodes]
    queues = kinds.count("queue")
    exchanges = kinds.count("exchange")
    return f"{exchanges:,} exchange{'s' * (exchanges != 1)}, {queues:,} queue{'s' * (queues != 1)}"


def _headers(binding: Binding) -> str:
    match = binding.arguments.get("x-match", "all")
    wanted = [f"{name}={_value(value)}" for name, value in binding.arguments.items() if name != "x-match"]
    return f"{match!s}: {', '.join(wanted) or 'no headers'}"


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _fitting(text: Iterable[str], width: int) -> str:
    kept = ""
    for each in text:
        if cells(kept) + cells(each) > width:
            break
        kept += each
    return kept


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
