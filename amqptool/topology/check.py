"""What can be said only of a whole topology: everything is declared, and declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.names import PREDECLARED
from amqptool.topology.problems import did_you_mean, quoted
from amqptool.topology.typed import typed_table

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from amqptool.topology.model import Binding, Exchange, Queue, Topology
    from amqptool.topology.problems import Problems

#: What an object is called: its vhost and its name.
_Key: TypeAlias = "tuple[str | None, str]"


def _check_once(what: str, items: Iterable[Exchange] | Iterable[Queue], problems: Problems) -> None:
    first: dict[_Key, Exchange | Queue] = {}
    for item in items:
        earlier = first.setdefault((item.vhost, item.name), item)
        if earlier is not item:
            same = earlier == item and typed_table(earlier.arguments) == typed_table(item.arguments)
            where = earlier.place.seen_from(item.place)
            end = "" if same else ", with other properties"
            problems.add(item.place, f"{what} {quoted(item.name)} is already declared {where}{end}", "duplicate")


def _check_bindings_once(bindings: Iterable[Binding], problems: Problems) -> None:
    first: dict[Hashable, Binding] = {}
    for binding in bindings:
        ends = (binding.vhost, binding.source, binding.destination_type, binding.destination)
        earlier = first.setdefault((ends, binding.routing_key, typed_table(binding.arguments)), binding)
        if earlier is not binding:
            where = earlier.place.seen_from(binding.place)
            ends_text = f"{quoted(binding.source)} to {binding.destination_type} {quoted(binding.destination)}"
            problems.add(binding.place, f"this binding from {ends_text} already stands {where}", "duplicate")


class _Declared:
    """The names that are declared, by vhost."""

    def __init__(self, items: Iterable[Exchange] | Iterable[Queue]) -> None:
        self._names: dict[str | None, set[str]] = {}
        for item in items:
            self._names.setdefault(item.vhost, set()).add(item.name)

    def in_vhost(self, vhost: str | None) -> set[str]:
        return self._names.get(vhost, set())


def _check_declared(topology: Topology, problems: Problems) -> None:
    declared = {"exchange": _Declared(topology.exchanges), "queue": _Declared(topology.queues)}
    for binding in topology.bindings:
        for kind, name in (("exchange", binding.source), (binding.destination_type, binding.destination)):
            names = declared[kind].in_vhost(binding.vhost)
            if name not in names and not (kind == "exchange" and name in PREDECLARED):
                where = "" if binding.vhost is None else f" in vhost {quoted(binding.vhost)}"
                hint = did_you_mean(name, names)
                message = f"the {kind} {quoted(name)} of this binding is not declared{where}{hint}"
                problems.add(binding.place, message, "undeclared")


def check(topology: Topology, problems: Problems) -> None:
    """Note what is declared twice, and bindings whose ends are not declared."""
    _check_once("exchange", topology.exchanges, problems)
    _check_once("queue", topology.queues, problems)
    _check_bindings_once(topology.bindings, problems)
    _check_declared(topology, problems)
