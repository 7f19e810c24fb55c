"""Where messages go, checked without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from os import PathLike

    from amqptool.message import FieldValue
    from amqptool.topology.model import Topology


def assert_routes(
    topology: Topology | str | PathLike[str],
    exchange: str,
    routing_key: str = "",
    *,
    to: Collection[str],
    headers: Mapping[str, FieldValue] | None = None,
) -> None:
    """Check that a message reaches these queues and no other; the failure tells what matched, and what nearly did.

    Raises:
        AssertionError: it reaches others.
        TopologyError: the file is not valid.
        NotFound: there is no such exchange.
    """
    __tracebackhide__ = True
    from amqptool.topology.model import Topology
    from amqptool.topology.routing.router import Router

    router = Router(topology if isinstance(topology, Topology) else Topology.load(topology))
    explanation = router.explain(exchange, routing_key, headers)
    reached, wanted = set(explanation.routed.queues), set(to)
    if reached != wanted:
        lines = [f"{exchange!r} with key {routing_key!r} reaches {sorted(reached)}, not {sorted(wanted)}"]
        for step in explanation.steps:
            lines += [f"  exchange {step.exchange.name!r}: matched {binding}" for binding in step.matched]
            lines += [f"  exchange {step.exchange.name!r}: nearly {miss}" for miss in step.nearest]
        raise AssertionError("\n".join(lines))
