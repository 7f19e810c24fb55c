"""Routing is checked without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool import NotFound, Topology
from amqptool.testing import assert_routes

TOPOLOGY = """\
exchanges: {incoming: topic}
queues:
  work: {bindings: [{source: incoming, routing_key: order.*}]}
  audit: {bindings: [{source: incoming, routing_key: "#"}]}
"""


def test_a_route_holds() -> None:
    """The queues may stand in any order."""
    assert_routes(Topology.parse(TOPOLOGY), "incoming", "order.new", to=["work", "audit"])


def test_a_file_is_read(tmp_path: Path) -> None:
    """As `amqptool validate` reads it."""
    file = tmp_path / "topology.yaml"
    file.write_text(TOPOLOGY)
    assert_routes(file, "incoming", "other", to=["audit"])


def test_a_route_that_does_not_hold_is_explained() -> None:
    """With what matched, and what nearly did."""
    with pytest.raises(AssertionError) as failure:
        assert_routes(Topology.parse(TOPOLOGY), "incoming", "orders.new", to=["work"])
    text = str(failure.value)
    assert "reaches ['audit'], not ['work']" in text
    assert "matched" in text
    assert "nearly" in text
    assert "order.*" in text


def test_an_unknown_exchange_is_an_error() -> None:
    """Rather than a message that reaches nobody."""
    with pytest.raises(NotFound):
        assert_routes(Topology.parse(TOPOLOGY), "incomin", "x", to=[])
