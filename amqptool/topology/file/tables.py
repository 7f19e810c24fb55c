"""Argument tables: shorthand and x-arguments together, each value checked against the table it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology import arguments
from amqptool.topology.file import reading
from amqptool.topology.file.reading import Unfit
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.argument import Argument, Scope
    from amqptool.topology.file.nodes import Mapping, Node, Scalar
    from amqptool.topology.file.reading import Fields
    from amqptool.topology.model import Place
    from amqptool.topology.problems import Problems


class Table:
    """The arguments of one object, or what a policy defines, and where in the file each value stands."""

    def __init__(self, scope: Scope, problems: Problems, *, exported: bool = False) -> None:
        self.scope = scope
        #: In JSON, where a name that is close to a known one is what somebody declared.
        self.exported = exported
        self.values: dict[str, FieldValue] = {}
        self._places: dict[str, Place] = {}
        self._problems = problems

    def read(self, fields: Fields, *, shorthand: bool = True) -> None:
        """Take `arguments:` and, where the object has it, the shorthand of each known argument."""
        table = reading.exported_table if self.exported else reading.mapping
        if (given := fields.take("arguments", table, None)) is not None:
            for key, item in given.entries.values():
                self._read_one(key, item, given)
        known = arguments.by_shorthand(self.scope) if shorthand else {}
        fields.allow(known)
        for short in [name for name in fields.mapping.entries if name in known]:
            value = fields.take(short, known[short].read_shorthand, None)
            if value is not None and (node := fields.node(short)) is not None:
                self.put(known[short].name, value, node.place)

    def read_definition(self, definition: Mapping) -> None:
        """Take what a policy defines: RabbitMQ's keys, and the shorthand of each."""
        shorthand = arguments.by_shorthand(self.scope)
        for key, item in definition.entries.values():
            self._read_one(key, item, definition, shorthand.get(key.text))

    def put(self, name: str, value: FieldValue, place: Place) -> None:
        """Set an argument; two ways of writing it must agree."""
        earlier = self.values.setdefault(name, value)
        self._places.setdefault(name, place)
        if (type(earlier), earlier) != (type(value), value):
            self.note(name, f"{name} is given twice, as {earlier!r} and as {value!r}", "duplicate", place)

    def note(self, name: str, message: str, rule: str, place: Place | None = None) -> None:
        """Note a problem at an argument's value."""
        self._problems.add(place or self._places[name], message, rule)

    def check_queue_type(self, queue_type: str) -> None:
        """Note the arguments that RabbitMQ refuses on queues of this type."""
        for name in self.values:
            known = arguments.find("queue", name)
            if known is not None and queue_type not in known.queue_types:
                message = f"{name} is not for {queue_type} queues: RabbitMQ refuses it"
                self.note(name, message, "argument-name")

    def _read_one(self, key: Scalar, node: Node, given: Mapping, short_for: Argument | None = None) -> None:
        try:
            if short_for is not None:
                self.put(short_for.name, short_for.read_shorthand(node), node.place)
            else:
                self.put(reading.field_name(key), self._value(key, node, given), node.place)
        except Unfit as flaw:
            self._problems.add(flaw.node.place, f"{quoted(key.text)[1:-1]} {flaw}", flaw.rule)

    def _value(self, key: Scalar, node: Node, given: Mapping) -> FieldValue:
        known = arguments.find(self.scope, key.text)
        if known is not None:
            return known.read(node)
        meant = None if self.exported else arguments.meant(self.scope, key.text, given.entries.keys())
        if meant is not None:
            raise Unfit(key, f"is no argument that RabbitMQ knows; did you mean {meant}?", "argument-name")
        return reading.field_value(node)
