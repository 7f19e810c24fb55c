"""Which vhosts a topology speaks of."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from amqptool.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from amqptool.topology.model import Binding, Exchange, Queue, Topology


def only_vhost(topology: Topology) -> str | None:
    """Return the one vhost that the objects of a topology name, or None if some name none.

    Raises:
        InputError: they name several.
    """
    objects: Iterable[Exchange | Queue | Binding] = chain(topology.exchanges, topology.queues, topology.bindings)
    names = {thing.vhost for thing in objects}
    if None in names or not names:
        return None
    if len(names) > 1:
        listed = ", ".join(sorted(name for name in names if name is not None))
        raise InputError(f"the topology has several vhosts, say which one: {listed}")
    return names.pop()
