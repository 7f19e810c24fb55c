"""What can be said only of a whole topology: what its bindings, messages and tests name is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.described import DescribedMessage
from amqptool.topology.model import Binding
from amqptool.topology.names import OPTIONAL, PREDECLARED
from amqptool.topology.problems import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.model import Exchange, Queue, RoutingTest, Topology
    from amqptool.topology.problems import Problems


_WORDS: dict[type, str] = {Binding: "binding", DescribedMessage: "message"}


class Declared:
    """The names that are declared, by vhost."""

    def __init__(self, topology: Topology) -> None:
        self._names = {"exchange": _by_vhost(topology.exchanges), "queue": _by_vhost(topology.queues)}

    def named(self, kind: str, vhost: str | None) -> set[str]:
        """Return the names of the exchanges or queues of a vhost."""
        return self._names[kind].get(vhost, set())

    def missing_ends(self, binding: Binding) -> list[tuple[str, str]]:
        """Return the kind and the name of each end of a binding that is not declared."""
        exchanges = self._names["exchange"].get(binding.vhost)
        others = self._names[binding.destination_type].get(binding.vhost)
        if exchanges and others and binding.source in exchanges and binding.destination in others:
            return []  # at once: a file may have a million
        ends = (("exchange", binding.source), (binding.destination_type, binding.destination))
        return [(kind, name) for kind, name in ends if not self._is_there(kind, name, binding.vhost)]

    def missing_in(self, item: RoutingTest | DescribedMessage) -> list[tuple[str, str]]:
        """Return the kind and the name of each thing in a test, or in what describes messages, that is not declared."""
        names = [("exchange", item.exchange)] if item.exchange else []  # "" is the default exchange
        names += [] if isinstance(item, DescribedMessage) else [("queue", name) for name in item.reaches]
        return [(kind, name) for kind, name in names if not self._is_there(kind, name, item.vhost)]

    def _is_there(self, kind: str, name: str, vhost: str | None) -> bool:
        return name in self.named(kind, vhost) or (kind == "exchange" and name in PREDECLARED | OPTIONAL)


def check(topology: Topology, problems: Problems) -> None:
    """Note the bindings whose ends are not declared, and the messages and tests of what is not declared."""
    declared = Declared(topology)
    for binding in topology.bindings:
        for kind, name in declared.missing_ends(binding):
            _note(kind, name, binding, declared, problems)
    items: list[DescribedMessage | RoutingTest] = [*topology.messages, *topology.tests]
    for item in items:
        for kind, name in declared.missing_in(item):
            _note(kind, name, item, declared, problems)


def _note(
    kind: str, name: str, named_by: Binding | DescribedMessage | RoutingTest, declared: Declared, problems: Problems
) -> None:
    where = "" if named_by.vhost is None else f" in vhost {quoted(named_by.vhost)}"
    hint = did_you_mean(name, declared.named(kind, named_by.vhost))
    what = _WORDS.get(type(named_by), "test")
    message = f"the {kind} {quoted(name)} of this {what} is not declared{where}{hint}"
    problems.add(named_by.place, message, "undeclared")


def _by_vhost(items: Iterable[Exchange] | Iterable[Queue]) -> dict[str | None, set[str]]:
    names: dict[str | None, set[str]] = {}
    for item in items:
        names.setdefault(item.vhost, set()).add(item.name)
    return names
