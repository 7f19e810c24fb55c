"""Vhosts, and the type that they give to queues without one."""

from __future__ import annotations

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Topology, Vhost


@pytest.mark.parametrize(
    "text",
    [
        "vhosts: {app: {default_queue_type: quorum}}",
        "vhosts: [{name: app, default_queue_type: quorum, limits: [], tags: [a], description: no, tracing: false}]",
        "vhosts: [{name: app, metadata: {default_queue_type: quorum, description: x, tags: []}}]",
        "vhosts: [{name: app, default_queue_type: undefined, metadata: {default_queue_type: rabbit_quorum_queue}}]",
    ],
)
def test_default_queue_type(text: str) -> None:
    """A default queue type is read from wherever the versions of RabbitMQ write it."""
    assert Topology.parse(text).vhosts == (Vhost(name="app", default_queue_type="quorum"),)


@pytest.mark.parametrize("body", ["", "{default_queue_type: undefined}", "{metadata: {default_queue_type: null}}"])
def test_no_default_queue_type(body: str) -> None:
    """A default that is not set is none, however it is spelled."""
    assert Topology.parse(f"vhosts: {{app: {body}}}").vhosts == (Vhost(name="app"),)


@pytest.mark.parametrize(
    ("queue", "arguments"),
    [
        ("{name: q, vhost: app}", {"x-queue-type": "quorum"}),
        ("{name: q, vhost: app, type: classic}", {"x-queue-type": "classic"}),
        ("{name: q, vhost: app, type: stream}", {"x-queue-type": "stream"}),
        ("{name: q, vhost: app, arguments: {x-queue-type: classic}}", {"x-queue-type": "classic"}),
        ("{name: q, vhost: app, delivery_limit: 5}", {"x-delivery-limit": 5, "x-queue-type": "quorum"}),
        ("{name: q, vhost: app, durable: false}", {}),
        ("{name: q, vhost: app, auto_delete: true}", {}),
        ("{name: q, vhost: other, type: classic}", {}),
        ("{name: q, type: classic}", {}),
    ],
)
def test_queues_of_a_vhost(queue: str, arguments: dict[str, object]) -> None:
    """A queue is declared with the type that it has: its own, or its vhost's default if it can be of that type."""
    text = f"queues: [{queue}]\nvhosts: [{{name: app, default_queue_type: quorum}}, {{name: other}}]"
    assert Topology.parse(text).queues[0].arguments == arguments


@pytest.mark.parametrize("top", ["default_queue_type: quorum", "metadata: {default_queue_type: quorum}"])
def test_export_of_one_vhost(top: str) -> None:
    """An export of one vhost says its default at the top."""
    assert Topology.parse(f"queues: [{{name: q}}, {{name: other, vhost: app}}]\n{top}").queues[0].type == "quorum"


def test_problem_of_the_type() -> None:
    """What does not fit the type that a queue has from its vhost is a problem."""
    text = "queues: {q: {vhost: app, max_priority: 5}}\nvhosts: {app: {default_queue_type: quorum}}"
    with pytest.raises(TopologyError, match=r"^t:1:40: x-max-priority is not for quorum queues"):
        Topology.parse(text, "t")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("vhosts: {app: {default_queue_type: qourum}}", "not 'qourum'; did you mean 'quorum'?"),
        ("vhosts: {app: {metadata: {default_queue_type: 5}}}", "default_queue_type must be a text, not 5"),
        ("vhosts: {app: {limit: 5}}", "vhost 'app' has no key 'limit'; "),
        ("vhosts: {5: }", "the name of this vhost must be a text, not 5"),
    ],
)
def test_problem(text: str, problem: str) -> None:
    """What is wrong with a vhost is said in one line."""
    with pytest.raises(TopologyError, match=problem):
        Topology.parse(text)
