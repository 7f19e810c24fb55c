"""Which policy applies to an exchange or a queue, and what comes of it: its arguments and its policy's keys."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.model import Exchange, Queue

if TYPE_CHECKING:
    from amqptool.message import FieldValue
    from amqptool.topology.model import ApplyTo, Policy, Topology

#: The kinds of queues that have an `apply_to` of their own.
_KINDS: dict[str, ApplyTo] = {"classic": "classic_queues", "quorum": "quorum_queues", "stream": "streams"}
#: A repeated group: such a pattern may take for ever to find nothing, as (a+)+b does.
_ENDLESS = re.compile(r"\)[*+{]")
#: A POSIX class, as in [[:alpha:]]: to `re`, a set of these characters.
_POSIX = re.compile(r"\[[^\]]*\[[:.=]")
#: So many patterns are kept compiled.
_CACHED = 1024

_Thing: TypeAlias = "Exchange | Queue"


@lru_cache(_CACHED)
def regex(pattern: str) -> re.Pattern[str] | None:
    """Return a policy's pattern as a regular expression; None where we cannot tell what the broker would match.

    The broker's patterns are PCRE, which has more than Python's `re`, and stops by itself where `re` would not.
    """
    if _ENDLESS.search(pattern) or _POSIX.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of sets that a later `re` may read in another way
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


class Policies:
    """The policies of a topology, to be asked for each of its exchanges and queues."""

    def __init__(self, topology: Topology) -> None:
        self._of_vhost: dict[str | None, list[Policy]] = {}
        for policy in sorted(topology.policies, key=lambda policy: -policy.priority):
            self._of_vhost.setdefault(policy.vhost, []).append(policy)
        self._default_types = {vhost.name: vhost.default_queue_type for vhost in topology.vhosts}

    def matching(self, thing: _Thing) -> list[Policy]:
        """Return the policies that match, the highest priority first; only the first one applies."""
        candidates = self._of_vhost.get(thing.vhost)
        if candidates is None:
            return []
        scopes = self.scopes(thing)
        return [policy for policy in candidates if policy.apply_to in scopes and _names(policy, thing)]

    def effective(self, thing: _Thing) -> dict[str, FieldValue]:
        """Return what the broker goes by, under its keys in policies: arguments without their `x-`.

        Where both the arguments and the policy say something, `stronger` tells which counts.
        """
        matching = self.matching(thing)
        settings = dict(matching[0].definition) if matching else {}
        kind = self._kind(thing)
        for name, value in thing.arguments.items():
            key = name.removeprefix("x-")
            settings[key] = stronger(key, kind, argument=value, policy=settings[key]) if key in settings else value
        return settings

    def queue_type(self, queue: Queue) -> str:
        """Return a queue's type; where it has none of its own, its vhost's default counts."""
        default = self._default_types.get(queue.vhost or "")
        if default is None or "x-queue-type" in queue.arguments or not queue.durable or queue.auto_delete:
            return queue.type
        return default

    def _kind(self, thing: _Thing) -> str:
        return self.queue_type(thing) if isinstance(thing, Queue) else "exchange"

    def scopes(self, thing: _Thing) -> tuple[ApplyTo, ...]:
        """Return the values of `apply_to` with which a policy is one for an exchange or a queue."""
        if isinstance(thing, Exchange):
            return ("all", "exchanges")
        return ("all", "queues", _KINDS.get(self.queue_type(thing), "queues"))


def stronger(key: str, kind: str, *, argument: FieldValue, policy: FieldValue) -> FieldValue:
    """Return which of an argument and a policy's value the broker goes by; `kind` is the queue's type.

    The lower number, else the argument; but a policy's for streams, for where a queue's leader goes, and for
    the overflow of quorum queues (rabbit_stream_queue, rabbit_queue_location, rabbit_quorum_queue).
    """
    if kind == "stream" or key == "queue-leader-locator" or (kind, key) == ("quorum", "overflow"):
        return policy
    if type(argument) is not int or type(policy) is not int:
        return argument
    if key == "delivery-limit" and min(argument, policy) < 0:  # -1: without a limit
        return max(argument, policy)
    return min(argument, policy)


def covers(wider: ApplyTo, narrower: ApplyTo) -> bool:
    """Return whether a policy for `wider` is one for everything in `narrower`."""
    return wider in ("all", narrower) or (wider == "queues" and narrower in _KINDS.values())


def overlap(one: ApplyTo, other: ApplyTo) -> bool:
    """Return whether something may be in both."""
    return covers(one, other) or covers(other, one)


def _names(policy: Policy, thing: _Thing) -> bool:
    pattern = regex(policy.pattern)
    return pattern is not None and pattern.search(thing.name) is not None
