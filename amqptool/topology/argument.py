"""One argument of a queue, an exchange or a binding: its type and range, and how it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from amqptool import units
from amqptool.topology.file import reading
from amqptool.topology.file.nodes import Scalar
from amqptool.topology.file.reading import Unfit
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.file.nodes import Node

Scope = Literal["queue", "exchange", "binding", "policy"]
Kind = Literal["integer", "milliseconds", "bytes", "boolean", "text", "choice", "age"]

QUEUE_TYPES = ("classic", "quorum", "stream")

_EXAMPLES: dict[str, str] = {
    "milliseconds": ": milliseconds, or a duration such as 30s or 1h30m",
    "bytes": ": bytes, or a size such as 64MiB",
}
_MEASURES = {"milliseconds": units.milliseconds, "bytes": units.size_in_bytes}
AGE = re.compile(r"0*[1-9][0-9]*[YMDhms]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument that RabbitMQ or one of its plugins knows."""

    name: str
    kind: Kind
    doc: str
    scope: Scope = "queue"
    minimum: int = 0
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    #: The queue types that take it; the others are refused by every RabbitMQ from 3.10 on.
    queue_types: tuple[str, ...] = QUEUE_TYPES
    #: A policy can set it too, for queues and exchanges that exist already.
    in_policies: bool = False

    @property
    def policy_key(self) -> str:
        """The name in policies: `x-message-ttl` is `message-ttl`."""
        return self.name.removeprefix("x-").removeprefix("quorum-")

    @property
    def key(self) -> str:
        """The shorthand: `x-message-ttl` is `message_ttl`."""
        return self.name.removeprefix("x-").replace("-", "_")

    def read(self, node: Node) -> FieldValue:
        """Read the value as RabbitMQ wants it.

        Raises:
            Unfit: RabbitMQ would refuse it.
        """
        if (number := self._measured(node)) is not None:
            advice = f"write {_shown(node, number)}, or use the shorthand {self.key}"
            raise Unfit(node, f"must be an integer, not {reading.describe(node)}: {advice}", "argument-type")
        return self._read(node)

    def read_shorthand(self, node: Node) -> FieldValue:
        """Read the value as people write it: durations (`1h30m`) and sizes (`64MiB`) too.

        Raises:
            Unfit: RabbitMQ would refuse it.
        """
        number = self._measured(node)
        return self._read(node, _EXAMPLES.get(self.kind, "")) if number is None else self._bounded(node, number)

    def _read(self, node: Node, example: str = "") -> FieldValue:
        try:
            return self._bounded(node, self._typed(node))
        except Unfit as flaw:
            # A fix that is already there (after a colon) is better than an example.
            raise Unfit(node, f"{flaw}{'' if ': ' in str(flaw) else example}", "argument-type") from None

    def _typed(self, node: Node) -> FieldValue:
        match self.kind:
            case "boolean":
                return reading.boolean(node)
            case "text":
                return reading.text(node)
            case "choice":
                return reading.one_of(self.choices)(node)
            case "age":
                return _age(node)
            case _:
                return reading.integer(node)

    def _bounded(self, node: Node, value: FieldValue) -> FieldValue:
        if isinstance(value, int) and value < self.minimum:
            raise Unfit(node, f"must be {self.minimum} or more, not {_shown(node, value)}", "argument-type")
        if isinstance(value, int) and self.maximum is not None and value > self.maximum:
            raise Unfit(node, f"must be {self.maximum} or less, not {_shown(node, value)}", "argument-type")
        return value

    def _measured(self, node: Node) -> int | None:
        measure = _MEASURES.get(self.kind)
        if measure is None or not isinstance(node, Scalar) or not isinstance(node.value, str):
            return None
        return measure(node.value)


def _shown(node: Node, value: int) -> str:
    """Show a number, or the variables that it comes from."""
    return str(value) if isinstance(node, Scalar) and node.template is None else reading.describe(node)


def _age(node: Node) -> str:
    value = reading.text(node)
    if not AGE.fullmatch(value):
        raise Unfit(node, f"must be a number and one of Y, M, D, h, m, s, such as 7D, not {quoted(value)}")
    return value
