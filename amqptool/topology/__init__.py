"""The topology: what files declare, checked, routed, compared and drawn without a broker. Only `file` opens files."""

from amqptool.topology.model import (
    Binding,
    Exchange,
    LeftOut,
    Place,
    Policy,
    Queue,
    RoutingTest,
    Topology,
    TopologyObject,
    Unmanaged,
    Vhost,
)

__all__ = [
    "Binding",
    "Exchange",
    "LeftOut",
    "Place",
    "Policy",
    "Queue",
    "RoutingTest",
    "Topology",
    "TopologyObject",
    "Unmanaged",
    "Vhost",
]
