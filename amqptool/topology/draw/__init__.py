"""Pictures of a topology: a graph of it, and that graph as a tree, as mermaid, as dot and as SVG."""

from amqptool.topology.draw.build import build
from amqptool.topology.draw.dot import dot
from amqptool.topology.draw.graph import Edge, Figures, Graph, Key, Node
from amqptool.topology.draw.highlight import highlight
from amqptool.topology.draw.mermaid import mermaid
from amqptool.topology.draw.svg import svg
from amqptool.topology.draw.tree import tree

__all__ = ["Edge", "Figures", "Graph", "Key", "Node", "build", "dot", "highlight", "mermaid", "svg", "tree"]
