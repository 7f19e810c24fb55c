"""Policies: patterns that are wrong or match nothing, and policies that another one beats."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.names import PREDECLARED
from amqptool.topology.policies import covers, regex
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.lint.index import Index
    from amqptool.topology.model import ApplyTo, Policy

_GUIDE = "https://www.rabbitmq.com/docs/policies"
#: What Python says of flaws that PCRE, which the broker uses, has no other meaning for.
_FLAWS = ("nothing to repeat", "multiple repeat", "greater than max", "unterminated", "unbalanced parenthesis")
#: Names that no file declares: exchanges of every vhost, and the broker's names for queues without one.
_GIVEN = (*PREDECLARED, "amq.gen-")


def _bad_pattern(index: Index) -> Iterator[Finding]:
    for policy in index.topology.policies:
        if (flaw := _flaw(policy.pattern)) is not None:
            message = f"the pattern {quoted(policy.pattern)} of policy {quoted(policy.name)} is no regular expression"
            hint = '; ".*" matches every name' if policy.pattern == "*" else ""
            yield Finding(policy.place, f"{message}: {flaw}{hint}")


def _flaw(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        return str(error) if any(flaw in error.msg for flaw in _FLAWS) else None
    except (OverflowError, RecursionError):
        return None
    return None


def _unused(index: Index) -> Iterator[Finding]:
    used = {id(policy) for _, policies in index.matching for policy in policies}
    present = {(thing.vhost, kind) for thing, _ in index.matching for kind in index.policies.scopes(thing)}
    for policy in index.topology.policies:
        pattern = regex(policy.pattern)
        if pattern is None or id(policy) in used or (policy.vhost, policy.apply_to) not in present:
            continue
        if not any(pattern.search(name) for name in _GIVEN):
            things = "exchange or queue" if policy.apply_to == "all" else policy.apply_to.replace("_", " ")
            message = f"the pattern {quoted(policy.pattern)} of policy {quoted(policy.name)} matches no {things}"
            yield Finding(policy.place, f"{message} of the file")


def _beaten(index: Index) -> Iterator[Finding]:
    best: dict[tuple[str | None, str], dict[ApplyTo, Policy]] = {}
    for policy in sorted(index.topology.policies, key=lambda policy: -policy.priority):
        stronger = best.setdefault((policy.vhost, policy.pattern), {})
        for kind, other in stronger.items():
            if other.priority > policy.priority and covers(kind, policy.apply_to):
                where = other.place.seen_from(policy.place)
                message = (
                    f"policy {quoted(policy.name)} never applies: policy {quoted(other.name)} {where} has the same"
                )
                yield Finding(policy.place, f"{message} pattern and a higher priority")
                break
        stronger.setdefault(policy.apply_to, policy)


def _tied(index: Index) -> Iterator[Finding]:
    told: set[frozenset[int]] = set()
    for thing, policies in index.matching:
        tied = [policy for policy in policies if policy.priority == policies[0].priority]
        for other in tied[1:]:
            pair = frozenset((id(tied[0]), id(other)))
            if pair in told or tied[0].definition == other.definition:
                continue
            told.add(pair)
            first, second = sorted((tied[0], other), key=lambda policy: policy.place)
            message = f"policies {quoted(first.name)} and {quoted(second.name)} both match {quoted(thing.name)} with"
            yield Finding(second.place, f"{message} priority {second.priority}: which of them applies is not defined")


RULES = (
    Rule(
        id="policy-pattern",
        severity="error",
        summary="A policy's pattern is no regular expression.",
        why="RabbitMQ refuses such a policy. A pattern is a regular expression (PCRE), not a wildcard as in topics or"
        ' in a shell: every name is ".*", and names that begin with orders are "^orders".',
        source=_GUIDE,
        failing="""\
policies:
  limits: {pattern: "*", definition: {max_length: 10000, overflow: reject-publish}}
""",
        passing="""\
policies:
  limits: {pattern: ".*", definition: {max_length: 10000, overflow: reject-publish}}
""",
        check=_bad_pattern,
    ),
    Rule(
        id="policy-without-match",
        summary="A policy's pattern matches nothing that the file declares.",
        why="A policy whose pattern is misspelt does nothing, without an error. Only policies for kinds of objects that"
        " the file has are looked at.",
        source=_GUIDE,
        failing="""\
queues:
  orders:
policies:
  limits: {pattern: "^order$", definition: {max_length: 10000, overflow: reject-publish}}
""",
        passing="""\
queues:
  orders:
policies:
  limits: {pattern: "^orders$", definition: {max_length: 10000, overflow: reject-publish}}
""",
        check=_unused,
    ),
    Rule(
        id="policy-without-effect",
        summary="A policy never applies, because another one with the same pattern has a higher priority.",
        why="Policies are not put together: of all that match a queue or an exchange, only the one with the highest"
        " priority applies.",
        source=_GUIDE,
        failing="""\
queues:
  orders:
policies:
  limits: {pattern: "^orders", definition: {max_length: 10000, overflow: reject-publish}}
  ages: {pattern: "^orders", definition: {message_ttl: 1d}, priority: 1}
""",
        passing="""\
queues:
  orders:
policies:
  limits: {pattern: "^orders", definition: {max_length: 10000, overflow: reject-publish, message_ttl: 1d}}
""",
        check=_beaten,
    ),
    Rule(
        id="policy-tie",
        summary="Several policies match the same object with the same priority.",
        why="Of all policies that match a queue or an exchange only one applies, the one with the highest priority."
        " RabbitMQ does not say which it takes of several.",
        source=_GUIDE,
        failing="""\
queues:
  orders:
policies:
  limits: {pattern: "^orders", definition: {max_length: 10000, overflow: reject-publish}}
  ages: {pattern: ".*", definition: {message_ttl: 1d}}
""",
        passing="""\
queues:
  orders:
policies:
  limits: {pattern: "^orders", definition: {max_length: 10000, overflow: reject-publish}, priority: 1}
  ages: {pattern: ".*", definition: {message_ttl: 1d}}
""",
        check=_tied,
    ),
)
