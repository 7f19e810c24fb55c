"""Which policy applies, and what an object then has."""

from __future__ import annotations

from typing import Any

import pytest

from amqptool.topology import Exchange, Policy, Queue, Topology, Vhost
from amqptool.topology.policies import Policies, covers, overlap, regex


def policy(name: str, pattern: str = "", **settings: Any) -> Policy:
    return Policy(name=name, pattern=pattern, **{"definition": {}, **settings})


def names(thing: Exchange | Queue, *policies: Policy) -> list[str]:
    return [each.name for each in Policies(Topology(policies=policies)).matching(thing)]


def test_the_highest_priority_comes_first() -> None:
    """All that match are returned, and the one that applies is the first."""
    low, high, other = policy("low", "^a"), policy("high", "b$", priority=7), policy("other", "^b")
    assert names(Queue(name="a.b"), low, high, other) == ["high", "low"]


def test_a_policy_belongs_to_its_vhost() -> None:
    """A policy of another vhost does not match."""
    assert names(Queue(name="q", vhost="v"), policy("here", vhost="v"), policy("there")) == ["here"]


@pytest.mark.parametrize(
    ("thing", "matching"),
    [
        (Exchange(name="e", type="topic"), {"all", "exchanges"}),
        (Queue(name="q"), {"all", "queues", "classic_queues"}),
        (Queue(name="q", arguments={"x-queue-type": "quorum"}), {"all", "queues", "quorum_queues"}),
        (Queue(name="q", arguments={"x-queue-type": "stream"}), {"all", "queues", "streams"}),
    ],
)
def test_apply_to(thing: Exchange | Queue, matching: set[str]) -> None:
    """A policy is for exchanges, for queues, for one type of queues, or for all."""
    kinds = ("all", "exchanges", "queues", "classic_queues", "quorum_queues", "streams")
    assert set(names(thing, *(policy(kind, apply_to=kind) for kind in kinds))) == matching


def test_the_default_queue_type_of_a_vhost() -> None:
    """A durable queue without a type has its vhost's; others stay classic, as the broker has it."""
    policies = Policies(Topology(vhosts=(Vhost(name="v", default_queue_type="quorum"),)))
    assert policies.queue_type(Queue(name="q", vhost="v")) == "quorum"
    assert policies.queue_type(Queue(name="q", vhost="v", durable=False)) == "classic"
    assert policies.queue_type(Queue(name="q", vhost="v", arguments={"x-queue-type": "stream"})) == "stream"
    assert policies.queue_type(Queue(name="q")) == "classic"


def test_what_an_object_has() -> None:
    """Arguments and the one policy that applies count together: the lower number, else the argument."""
    queue = Queue(name="q", arguments={"x-message-ttl": 5, "x-max-length": 9, "x-overflow": "reject-publish"})
    definition = {"message-ttl": 7, "max-length": 3, "overflow": "drop-head", "expires": 60}
    low, high = policy("low", definition={"delivery-limit": 1}), policy("p", definition=definition, priority=1)
    assert Policies(Topology(policies=(low, high))).effective(queue) == {
        "message-ttl": 5,
        "max-length": 3,
        "overflow": "reject-publish",
        "expires": 60,
    }


@pytest.mark.parametrize("pattern", ["*", "a(", "[[:alpha:]]", r"\Qa\E", "(a+)+b", "(a|aa)+$", "a{9999999999999}"])
def test_patterns_we_cannot_judge(pattern: str) -> None:
    """A pattern that is wrong, of PCRE's own, or endless matches nothing here."""
    assert regex(pattern) is None
    assert names(Queue(name="a"), policy("p", pattern)) == []


@pytest.mark.parametrize("pattern", ["[[a]", "[!--a]", "[a&&b]", "[a||b]", "[a~~b]"])
def test_sets_that_mean_the_same_to_both(pattern: str) -> None:
    """What Python reserves in a set for later has no meaning of its own, in PCRE or here, and warns nobody."""
    assert names(Queue(name="a"), policy("p", pattern)) == ["p"]


def test_kinds_within_kinds() -> None:
    """`all` covers everything, `queues` covers each type of queues."""
    assert covers("all", "exchanges")
    assert covers("queues", "streams")
    assert covers("streams", "streams")
    assert not covers("queues", "exchanges")
    assert not covers("streams", "queues")
    assert overlap("streams", "queues")
    assert not overlap("streams", "classic_queues")
