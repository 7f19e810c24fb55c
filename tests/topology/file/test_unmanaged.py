"""What exports hold besides: kept, never judged, never shown."""

from __future__ import annotations

from amqptool.topology import Topology

USERS = (
    '{"users": [{"name": "app", "password_hash": "c2VjcmV0", "tags": ["no", 1e3, null]}], "rabbit_version": "3.10.8"}'
)


def test_kept() -> None:
    """Sections that amqptool does not manage are kept as they are, whatever their types."""
    kept = Topology.parse(USERS).unmanaged
    assert [(each.section, each.place.column) for each in kept] == [("users", 2), ("rabbit_version", 86)]
    assert kept[0].value[0]["password_hash"] == "c2VjcmV0"


def test_not_shown() -> None:
    """A topology's repr holds no secret of theirs."""
    assert "c2VjcmV0" not in repr(Topology.parse(USERS))
