"""A RabbitMQ toolkit: topologies in YAML, confirmed publishing, workers that lose nothing.

The names below are imported when first used, so that `import amqptool` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amqptool.broker.reconcile.library import declare, plan
    from amqptool.broker.reconcile.outcome import Declared
    from amqptool.broker.reconcile.permits import Permits
    from amqptool.codecs.interface import Codec, Limits
    from amqptool.codecs.protobuf import ProtobufCodec
    from amqptool.dedup import open_store
    from amqptool.dedup.interface import DedupStore
    from amqptool.dedup.memory import MemoryStore
    from amqptool.dedup.postgresql import PostgresqlStore
    from amqptool.dedup.redis import RedisStore
    from amqptool.dedup.sqlite import SqliteStore
    from amqptool.errors import (
        AccessRefused,
        AmqptoolError,
        BrokerBlocked,
        BrokerError,
        BrokerUnavailable,
        CodecError,
        ConfigError,
        DedupError,
        HandlerError,
        InDoubt,
        InputError,
        InUse,
        ManagementError,
        ManagementUnavailable,
        Nacked,
        NotFound,
        PreconditionFailed,
        Problem,
        PublishError,
        TopologyError,
        Unroutable,
    )
    from amqptool.handlers import load_handler
    from amqptool.handlers.interface import Reject, Retry
    from amqptool.log_context import LogContextFilter
    from amqptool.message import Delivery, Message, Returned
    from amqptool.publish.blocking import BlockingPublisher
    from amqptool.publish.events import PublisherEvent
    from amqptool.publish.outcome import Confirmed, Failed, Outcome
    from amqptool.publish.publisher import Publisher
    from amqptool.settings.url import AmqpUrl, parse_url
    from amqptool.settings.url_options import UrlOptions
    from amqptool.topology.diff import Change, Ownership, Plan
    from amqptool.topology.model import Binding, Exchange, Queue, Topology
    from amqptool.topology.routing.router import Routed, Router
    from amqptool.work.report import WorkReport
    from amqptool.work.running import running
    from amqptool.work.worker import Worker

__version__ = "0.1.0"

__all__ = [
    # Topologies
    "Binding",
    "Change",
    "Declared",
    "Exchange",
    "Ownership",
    "Permits",
    "Plan",
    "Queue",
    "Routed",
    "Router",
    "Topology",
    "declare",
    "plan",
    # Messages
    "Codec",
    "Delivery",
    "Limits",
    "Message",
    "ProtobufCodec",
    "Returned",
    # Publishing
    "BlockingPublisher",
    "Confirmed",
    "Failed",
    "Outcome",
    "Publisher",
    "PublisherEvent",
    # Working
    "DedupStore",
    "LogContextFilter",
    "MemoryStore",
    "PostgresqlStore",
    "RedisStore",
    "Reject",
    "Retry",
    "SqliteStore",
    "WorkReport",
    "Worker",
    "load_handler",
    "open_store",
    "running",
    # Connecting
    "AmqpUrl",
    "UrlOptions",
    "parse_url",
    # Errors
    "AccessRefused",
    "AmqptoolError",
    "BrokerBlocked",
    "BrokerError",
    "BrokerUnavailable",
    "CodecError",
    "ConfigError",
    "DedupError",
    "HandlerError",
    "InDoubt",
    "InUse",
    "InputError",
    "ManagementError",
    "ManagementUnavailable",
    "Nacked",
    "NotFound",
    "PreconditionFailed",
    "Problem",
    "PublishError",
    "TopologyError",
    "Unroutable",
]

_HOMES = {
    "amqptool.broker.reconcile.library": ("declare", "plan"),
    "amqptool.broker.reconcile.outcome": ("Declared",),
    "amqptool.broker.reconcile.permits": ("Permits",),
    "amqptool.codecs.interface": ("Codec", "Limits"),
    "amqptool.codecs.protobuf": ("ProtobufCodec",),
    "amqptool.dedup": ("open_store",),
    "amqptool.dedup.interface": ("DedupStore",),
    "amqptool.dedup.memory": ("MemoryStore",),
    "amqptool.dedup.postgresql": ("PostgresqlStore",),
    "amqptool.dedup.redis": ("RedisStore",),
    "amqptool.dedup.sqlite": ("SqliteStore",),
    "amqptool.handlers": ("load_handler",),
    "amqptool.handlers.interface": ("Reject", "Retry"),
    "amqptool.log_context": ("LogContextFilter",),
    "amqptool.message": ("Delivery", "Message", "Returned"),
    "amqptool.publish.blocking": ("BlockingPublisher",),
    "amqptool.publish.events": ("PublisherEvent",),
    "amqptool.publish.outcome": ("Confirmed", "Failed", "Outcome"),
    "amqptool.publish.publisher": ("Publisher",),
    "amqptool.settings.url": ("AmqpUrl", "parse_url"),
    "amqptool.settings.url_options": ("UrlOptions",),
    "amqptool.topology.diff": ("Change", "Ownership", "Plan"),
    "amqptool.topology.model": ("Binding", "Exchange", "Queue", "Topology"),
    "amqptool.topology.routing.router": ("Routed", "Router"),
    "amqptool.work.report": ("WorkReport",),
    "amqptool.work.running": ("running",),
    "amqptool.work.worker": ("Worker",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'amqptool' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF.get(name, "amqptool.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
