"""What `import amqptool` offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import amqptool
from tests.support.cli import UNMEASURED, cli_environment

NAMES = """
AccessRefused AmqpUrl AmqptoolError Binding BlockingPublisher BrokerBlocked BrokerError BrokerUnavailable Change Codec
CodecError ConfigError Confirmed Declared DedupError DedupStore Delivery Exchange Failed HandlerError InDoubt InUse
InputError Limits LogContextFilter ManagementError ManagementUnavailable MemoryStore Message Nacked NotFound Outcome
Ownership Permits Plan PostgresqlStore PreconditionFailed Problem ProtobufCodec PublishError Publisher PublisherEvent
Queue RedisStore Reject Retry Returned Routed Router SqliteStore Topology TopologyError Unroutable UrlOptions WorkReport
Worker declare load_handler open_store parse_url plan running
"""


def test_the_public_names_are_these() -> None:
    """A name comes or goes on purpose."""
    assert sorted(amqptool.__all__) == sorted(NAMES.split())


def test_every_public_name_can_be_imported() -> None:
    """Lazy or not, each name is there and listed."""
    for name in amqptool.__all__:
        assert getattr(amqptool, name) is not None
        assert name in dir(amqptool)


def test_other_names_are_not_there() -> None:
    """A typo is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Publishr'"):
        _ = amqptool.Publishr  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import amqptool", ["pika", "asyncio", "yaml", "click", "rich", "aiohttp", "sqlite3", "opentelemetry"]),
        (
            "from amqptool.cli.root import run, Context; run(['--help'], Context())",
            ["pika", "asyncio", "yaml", "rich", "opentelemetry"],
        ),
        ("import amqptool.cli.commands.publish", ["pika", "yaml", "rich", "aiohttp", "sqlite3", "opentelemetry"]),
        ("import amqptool.testing", ["pika", "yaml", "aiohttp", "sqlite3"]),
    ],
)
def test_imports_are_as_cheap_as_they_can_be(statement: str, unwanted: list[str]) -> None:
    """Nothing is imported that is not used."""
    check = f"{statement}; import sys; print(*(set({unwanted}) & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", check], check=True, capture_output=True, text=True, env=cli_environment(UNMEASURED)
    )
    assert done.stderr.strip() == ""
