"""The table of the arguments that RabbitMQ knows: where each applies, its type and its meaning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from amqptool.topology.argument import QUEUE_TYPES, Argument
from amqptool.topology.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from amqptool.topology.argument import Scope

#: RabbitMQ's own bound for times to live, ten years in milliseconds (rabbit_misc:check_expiry).
MAX_EXPIRY = 315_360_000_000
#: How close an unknown name must be to a known one to count as a typing error.
NEAR_MISS = 0.84

_CLASSIC, _QUORUM, _STREAM = QUEUE_TYPES

_TABLE = (
    Argument(name="x-queue-type", kind="choice", choices=QUEUE_TYPES, doc="classic, quorum or stream"),
    Argument(
        name="x-message-ttl",
        kind="milliseconds",
        maximum=MAX_EXPIRY,
        queue_types=(_CLASSIC, _QUORUM),
        in_policies=True,
        doc="how long a message lives in the queue",
    ),
    Argument(
        name="x-expires",
        kind="milliseconds",
        minimum=1,
        maximum=MAX_EXPIRY,
        queue_types=(_CLASSIC, _QUORUM),
        in_policies=True,
        doc="how long the queue lives without being used",
    ),
    Argument(
        name="x-max-length",
        kind="integer",
        queue_types=(_CLASSIC, _QUORUM),
        in_policies=True,
        doc="how many ready messages the queue holds",
    ),
    Argument(name="x-max-length-bytes", kind="bytes", in_policies=True, doc="how many bytes of bodies the queue holds"),
    Argument(
        name="x-overflow",
        kind="choice",
        choices=("drop-head", "reject-publish", "reject-publish-dlx"),
        queue_types=(_CLASSIC, _QUORUM),
        in_policies=True,
        doc="what gives way when the queue is full",
    ),
    Argument(
        name="x-dead-letter-exchange",
        kind="text",
        queue_types=(_CLASSIC, _QUORUM),
        in_policies=True,
        doc="where rejected and expired messages go",
    ),
    Argument(
        name="x-dead-letter-routing-key",
        kind="text",
        queue_types=(_CLASSIC, _QUORUM),
        in_policies=True,
        doc="the key they go with, instead of their own",
    ),
    Argument(
        name="x-dead-letter-strategy",
        kind="choice",
        choices=("at-most-once", "at-least-once"),
        queue_types=(_QUORUM,),
        in_policies=True,
        doc="whether a message may be lost on that way",
    ),
    Argument(
        name="x-max-priority",
        kind="integer",
        maximum=255,
        queue_types=(_CLASSIC,),
        doc="how many priorities the queue tells apart",
    ),
    Argument(
        name="x-single-active-consumer",
        kind="boolean",
        queue_types=(_CLASSIC, _QUORUM),
        doc="whether only one consumer at a time gets messages",
    ),
    Argument(
        name="x-delivery-limit",
        kind="integer",
        minimum=-1,  # 4.x: no limit
        queue_types=(_QUORUM,),
        in_policies=True,
        doc="how often a message is delivered again before it is dropped or dead-lettered",
    ),
    Argument(
        name="x-consumer-timeout",
        kind="milliseconds",
        in_policies=True,
        doc="how long a delivery may stay without an ack",
    ),
    Argument(
        name="x-queue-mode",
        kind="choice",
        choices=("default", "lazy"),
        queue_types=(_CLASSIC,),
        in_policies=True,
        doc="lazy: messages go to disk early (ignored from 3.12 on)",
    ),
    Argument(
        name="x-queue-version",
        kind="integer",
        minimum=1,
        maximum=2,
        queue_types=(_CLASSIC,),
        in_policies=True,
        doc="the classic queue's storage format",
    ),
    Argument(
        name="x-queue-master-locator",
        kind="text",
        queue_types=(_CLASSIC,),
        in_policies=True,
        doc="which node of a cluster leads the queue (old name)",
    ),
    Argument(
        name="x-queue-leader-locator",
        kind="choice",
        choices=("client-local", "balanced", "random", "least-leaders"),
        in_policies=True,
        doc="which node of a cluster leads the queue",
    ),
    Argument(
        name="x-quorum-initial-group-size",
        kind="integer",
        minimum=1,
        queue_types=(_QUORUM,),
        doc="how many replicas the queue begins with",
    ),
    Argument(
        name="x-quorum-target-group-size",
        kind="integer",
        minimum=1,
        in_policies=True,
        doc="how many replicas the queue grows to",
    ),
    Argument(
        name="x-max-in-memory-length",
        kind="integer",
        queue_types=(_QUORUM,),
        in_policies=True,
        doc="quorum, before 3.10: messages kept in memory",
    ),
    Argument(
        name="x-max-in-memory-bytes",
        kind="bytes",
        queue_types=(_QUORUM,),
        in_policies=True,
        doc="quorum, before 3.10: bytes kept in memory",
    ),
    Argument(
        name="x-delayed-retry-type",
        kind="choice",
        choices=("disabled", "all", "failed", "returned"),
        in_policies=True,
        doc="quorum, from 4.3 on: which returned messages wait before the next delivery",
    ),
    Argument(
        name="x-delayed-retry-min", kind="milliseconds", in_policies=True, doc="quorum, from 4.3 on: the first wait"
    ),
    Argument(
        name="x-delayed-retry-max", kind="milliseconds", in_policies=True, doc="quorum, from 4.3 on: the longest wait"
    ),
    Argument(
        name="x-max-age",
        kind="age",
        queue_types=(_STREAM,),
        in_policies=True,
        doc="how long the stream keeps messages: 7D",
    ),
    Argument(
        name="x-stream-max-segment-size-bytes",
        kind="bytes",
        maximum=3_000_000_000,
        queue_types=(_STREAM,),
        in_policies=True,
        doc="the size of the stream's files",
    ),
    Argument(
        name="x-stream-filter-size-bytes",
        kind="integer",
        minimum=16,
        maximum=255,
        in_policies=True,
        doc="stream, from 3.13 on: the size of each chunk's filter",
    ),
    Argument(
        name="x-initial-cluster-size",
        kind="integer",
        minimum=1,
        queue_types=(_STREAM,),
        in_policies=True,
        doc="how many replicas the stream begins with",
    ),
    Argument(
        scope="exchange",
        name="alternate-exchange",
        kind="text",
        in_policies=True,
        doc="where messages go that no binding takes",
    ),
    Argument(
        scope="exchange",
        name="x-delayed-type",
        kind="text",
        doc="how an x-delayed-message exchange routes after the delay",
    ),
    Argument(
        scope="exchange",
        name="hash-header",
        kind="text",
        doc="the header that an x-consistent-hash exchange hashes, instead of the routing key",
    ),
    Argument(
        scope="exchange",
        name="hash-property",
        kind="choice",
        choices=("message_id", "correlation_id", "timestamp"),
        doc="the property that an x-consistent-hash exchange hashes, instead of the routing key",
    ),
    Argument(
        scope="binding",
        name="x-match",
        kind="choice",
        choices=("all", "any", "all-with-x", "any-with-x"),
        doc="how many of the headers must match",
    ),
)

SCOPES: tuple[Scope, ...] = ("queue", "exchange", "binding")
_BY_NAME: dict[Scope, dict[str, Argument]] = {
    scope: {argument.name: argument for argument in _TABLE if argument.scope == scope} for scope in SCOPES
}
_BY_POLICY_KEY: dict[Scope, dict[str, Argument]] = {
    scope: {line.policy_key: line for line in lines.values() if line.in_policies} for scope, lines in _BY_NAME.items()
}
# A policy's definition is read by the same lines, under the keys that it has for them.
_BY_NAME["policy"] = {
    line.policy_key: replace(line, name=line.policy_key, scope="policy") for line in _TABLE if line.in_policies
}
_BY_SHORTHAND: dict[Scope, dict[str, Argument]] = {
    scope: {line.key: line for line in lines.values()} for scope, lines in _BY_NAME.items()
}


def find(scope: Scope, name: str) -> Argument | None:
    """Return the table's line for an argument's name."""
    return _BY_NAME[scope].get(name)


def of(scope: Scope) -> Collection[Argument]:
    """Return the arguments that apply to queues, exchanges or bindings, or the keys of policies."""
    return _BY_NAME[scope].values()


def by_shorthand(scope: Scope) -> Mapping[str, Argument]:
    """Return the same by their shorthand."""
    return _BY_SHORTHAND[scope]


def of_policies(scope: Scope, key: str) -> Argument | None:
    """Return the table's line for a key that policies have."""
    return _BY_POLICY_KEY[scope].get(key)


def meant(scope: Scope, name: str, present: Collection[str]) -> str | None:
    """Return the known argument that an unknown name is a typing error for.

    The arguments of bindings are header names, which are the user's own: only a name that begins with `x-`
    and stands where no `x-match` is `present` comes into question.
    """
    if scope == "binding" and ("x-match" in present or not name.startswith("x-")):
        return None
    if (argument := _BY_SHORTHAND[scope].get(name)) is not None:
        return argument.name
    return nearest(name, _BY_NAME[scope], cutoff=NEAR_MISS)
