"""What can be said only of a whole topology: the ends of its bindings are declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.names import PREDECLARED
from amqptool.topology.problems import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.model import Binding, Exchange, Queue, Topology
    from amqptool.topology.problems import Problems


class Declared:
    """The names that are declared, by vhost."""

    def __init__(self, topology: Topology) -> None:
        self._names = {"exchange": _by_vhost(topology.exchanges), "queue": _by_vhost(topology.queues)}

    def named(self, kind: str, vhost: str | None) -> set[str]:
        """Return the names of the exchanges or queues of a vhost."""
        return self._names[kind].get(vhost, set())

    def missing_ends(self, binding: Binding) -> list[tuple[str, str]]:
        """Return the kind and the name of each end of a binding that is not declared."""
        ends = (("exchange", binding.source), (binding.destination_type, binding.destination))
        return [(kind, name) for kind, name in ends if not self._is_there(kind, name, binding.vhost)]

    def _is_there(self, kind: str, name: str, vhost: str | None) -> bool:
        return name in self.named(kind, vhost) or (kind == "exchange" and name in PREDECLARED)


def check(topology: Topology, problems: Problems) -> None:
    """Note the bindings whose ends are not declared."""
    declared = Declared(topology)
    for binding in topology.bindings:
        for kind, name in declared.missing_ends(binding):
            where = "" if binding.vhost is None else f" in vhost {quoted(binding.vhost)}"
            hint = did_you_mean(name, declared.named(kind, binding.vhost))
            message = f"the {kind} {quoted(name)} of this binding is not declared{where}{hint}"
            problems.add(binding.place, message, "undeclared")


def _by_vhost(items: Iterable[Exchange] | Iterable[Queue]) -> dict[str | None, set[str]]:
    names: dict[str | None, set[str]] = {}
    for item in items:
        names.setdefault(item.vhost, set()).add(item.name)
    return names
