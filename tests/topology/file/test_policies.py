"""Policies, in shorthand and as RabbitMQ exports them."""

from __future__ import annotations

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Policy, Topology

SHORTHAND = """\
policies:
  limits:
    pattern: ^orders\\.
    apply_to: queues
    priority: 1
    definition: {message_ttl: 30s, max-length: 100, expires: 1h, ha-mode: all}
"""

LISTED = r"""{"policies": [{
  "name": "limits", "pattern": "^orders\\.", "apply-to": "queues", "priority": 1,
  "definition": {"message-ttl": 30000, "max-length": 100, "expires": 3600000, "ha-mode": "all"}}]}"""


@pytest.mark.parametrize("text", [SHORTHAND, LISTED], ids=["shorthand", "listed"])
def test_both_forms(text: str) -> None:
    """Shorthand and RabbitMQ's own form say the same; keys that amqptool does not know pass."""
    definition = {"message-ttl": 30_000, "max-length": 100, "expires": 3_600_000, "ha-mode": "all"}
    limits = Policy(name="limits", pattern=r"^orders\.", apply_to="queues", priority=1, definition=definition)
    assert Topology.parse(text).policies == (limits,)


def test_defaults() -> None:
    """A policy needs a pattern and a definition; it applies to all, with priority 0."""
    assert Topology.parse("policies: {p: {pattern: a, vhost: v, definition: {}}}").policies == (
        Policy(name="p", pattern="a", definition={}, apply_to="all", priority=0, vhost="v"),
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("definition: {}", "1:15: policy 'p' has no pattern [missing-key]"),
        ("pattern: a", "1:15: policy 'p' has no definition [missing-key]"),
        ("pattern: a, definition: [1]", "1:40: definition must be a mapping (key: value), not a list [type]"),
        ("pattern: a, definition: {message-ttl: 30s}", "write 30000, or use the shorthand message_ttl [argument-type]"),
        ("pattern: a, definition: {mesage_ttl: 5}", "did you mean message-ttl? [argument-name]"),
        ("pattern: a, definition: {x-message-ttl: 5}", "did you mean message-ttl? [argument-name]"),
        ("pattern: a, definition: {ha-mode: no}", "ha-mode is no, which YAML readers understand differently"),
        (
            "pattern: a, definition: {max_length: 5, max-length: 6}",
            "max-length is given twice, as 5 and as 6 [duplicate]",
        ),
        ("pattern: a, definition: {}, apply_to: queue", "not 'queue'; did you mean 'queues'? [type]"),
        (
            "pattern: a, definition: {}, apply_to: queues, apply-to: all",
            "apply_to and apply-to are both given, and differ [duplicate]",
        ),
        ("pattern: a, definition: {}, priorty: 1", "has no key 'priorty'; did you mean 'priority'? [unknown-key]"),
        ("pattern: a, definition: {}, priority: high", "priority must be an integer, not high [type]"),
    ],
)
def test_problem(body: str, problem: str) -> None:
    """What is wrong with a policy is said in one line."""
    with pytest.raises(TopologyError) as caught:
        Topology.parse(f"policies: {{p: {{{body}}}}}", "t.yaml")
    (found,) = [str(each).removeprefix("t.yaml:") for each in caught.value.problems]
    assert problem in found


def test_policy_that_is_no_mapping() -> None:
    """A bare word is no policy."""
    with pytest.raises(TopologyError, match=r"^t:1:15: an entry of policies must be a mapping, not a \[type\]$"):
        Topology.parse("policies: {p: a}", "t")
