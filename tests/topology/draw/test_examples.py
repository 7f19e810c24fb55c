"""The examples of the project are drawn in every format."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from amqptool.topology import Topology
from amqptool.topology.draw import build, dot, mermaid, svg, tree

TOPOLOGIES = Path(__file__).parents[3] / "topologies"


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_drawn(path: Path) -> None:
    """A tree fits a terminal, and all formats name every queue."""
    graph = build(Topology.load(path))
    assert max(map(len, tree(graph).splitlines())) <= 80
    names = [node.name for node in graph.nodes if node.kind == "queue"]
    for text in (tree(graph), dot(graph), mermaid(graph), "\n".join(ET.fromstring(svg(graph)).itertext())):
        assert all(name in text for name in names)
