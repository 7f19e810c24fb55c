"""The topology: what a file declares, read and checked without a broker. Only `load` opens files."""

from amqptool.topology.model import Binding, Exchange, Place, Queue, Topology

__all__ = ["Binding", "Exchange", "Place", "Queue", "Topology"]
