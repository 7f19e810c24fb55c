"""The topology: what a file declares, read and checked offline. Values in, values out."""

from amqptool.topology.model import Binding, Exchange, Place, Queue, Topology

__all__ = ["Binding", "Exchange", "Place", "Queue", "Topology"]
