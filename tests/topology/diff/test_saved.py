"""A plan as a file: it comes back as it was, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amqptool.errors import InputError, TopologyError
from amqptool.topology import Exchange, Queue, Topology, Vhost
from amqptool.topology.diff import Ownership, diff
from amqptool.topology.diff.saved import SavedPlan, read_saved

HERE = "shop"
EMPTY = Topology(vhosts=(Vhost(name=HERE),))
DESIRED = Topology.parse(
    """
    exchanges: {orders: topic}
    queues: {jobs: {retry: [5s], message_ttl: 1h, bindings: [{source: orders, routing_key: "#"}]}}
    policies: [{name: p, pattern: a, definition: {max-length: 5}}]
    """
)
PLAN = diff(DESIRED, EMPTY, vhost=HERE)
SAVED = SavedPlan.of(
    PLAN, DESIRED, cluster="rabbit@a", vhost=HERE, prune=Ownership(prefixes=("shop.",)), create_vhosts=True
)


def test_a_saved_plan_comes_back() -> None:
    """For whom it is, what is desired, what was to be done, and what was allowed."""
    read = read_saved(SAVED.to_json().encode(), "plan.json")
    assert (read.cluster, read.vhost, read.create_vhosts) == ("rabbit@a", HERE, True)
    assert read.prune == Ownership(prefixes=("shop.",))
    assert read.changes == SAVED.changes
    assert diff(read.desired, EMPTY, vhost=HERE).counts() == PLAN.counts()
    assert read.moved(diff(read.desired, EMPTY, vhost=HERE)) == []


def test_what_moved_is_named() -> None:
    """What is done already, what is new to be done, and what is to be done otherwise."""
    held = Topology(
        vhosts=EMPTY.vhosts,
        exchanges=(Exchange(name="orders", type="fanout", vhost=HERE),),
        queues=(Queue(name="shop.old", vhost=HERE),),
    )
    assert SAVED.moved(diff(DESIRED, held, vhost=HERE, prune=SAVED.prune)) == [
        "exchange orders (topic) is not what it was when the plan was made",
        "queue shop.old (classic) was to stay, and would now be deleted",
    ]
    assert SAVED.moved(diff(DESIRED, EMPTY, vhost=HERE)) == []
    gone = diff(Topology(), EMPTY, vhost=HERE)
    assert SAVED.moved(gone)[0] == "exchange orders (topic) was to be created, and needs nothing now"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no plan file"),
        (b"\xff\xfe", "no plan file"),
        (b"[" * 100_000, "no plan file"),
        (b"queues: {}", "no plan file"),
        (b'{"kind": "plan"}', "no plan file"),
        (b'{"kind": "amqptool-plan", "format": 2}', "this amqptool reads 1"),
        (b'{"kind": "amqptool-plan", "format": 1}', "damaged"),
    ],
)
def test_what_is_no_plan_file(content: bytes, complaint: str) -> None:
    """Any other content is told from a plan."""
    with pytest.raises(InputError, match=complaint):
        read_saved(content, "plan.json")


def test_any_depth_is_no_bug() -> None:
    """At some of them JSON can be read and not be written, as the checksum wants it."""
    for depth in range(900, 1010):
        content = f'{{"kind": "amqptool-plan", "format": 1, "x": {"[" * depth}{"]" * depth}}}'
        with pytest.raises(InputError, match=r"damaged|no plan file"):
            read_saved(content.encode(), "plan.json")


@pytest.mark.parametrize("key", sorted(set(json.loads(SAVED.to_json())) - {"kind", "format"}))
def test_a_change_by_hand_is_noticed(key: str) -> None:
    """What was reviewed is what is done, or nothing."""
    body: dict[str, Any] = json.loads(SAVED.to_json())
    body[key] = "other"
    with pytest.raises(InputError, match="damaged"):
        read_saved(json.dumps(body).encode(), "plan.json")


def test_a_topology_with_problems_is_refused() -> None:
    """What is desired is checked like a file, whoever wrote the plan."""
    desired = Topology(exchanges=(Exchange(name="e", type="no type"),))
    wrong = SavedPlan(cluster="c", vhost=HERE, desired=desired, changes=())
    with pytest.raises(TopologyError, match="no type"):
        read_saved(wrong.to_json().encode(), "plan.json")
