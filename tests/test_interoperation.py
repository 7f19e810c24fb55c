"""amqptool and the C tools of rabbitmq-c (Debian's amqp-tools) understand each other."""

from __future__ import annotations

import asyncio
import subprocess

from amqptool import AmqpUrl
from tests.support.broker import declare_queue
from tests.support.cli import run_cli


def test_consume_prints_what_amqp_publish_sends(amqptool_vhost: AmqpUrl) -> None:
    """Body, content type and headers of the C client arrive."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    command = [
        "amqp-publish",
        "--url",
        amqptool_vhost.reveal(),
        "-r",
        "q",
        "-p",
        "-C",
        "text/plain",
        "-b",
        "hällo",
    ]
    subprocess.run([*command, "-H", "origin: c"], check=True)
    done = run_cli("consume", "q", "-n", "1", "--output", "pretty", env={"AMQPTOOL_URL": amqptool_vhost.reveal()})
    assert "hällo" in done.stdout
    assert "content_type: text/plain" in done.stdout
    assert "origin: c" in done.stdout


def test_amqp_get_takes_what_publish_sends(amqptool_vhost: AmqpUrl) -> None:
    """The C client gets our body, byte for byte."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    run_cli("publish", "-k", "q", "hällo", env={"AMQPTOOL_URL": amqptool_vhost.reveal()})
    got = subprocess.run(["amqp-get", "--url", amqptool_vhost.reveal(), "-q", "q"], check=True, capture_output=True)
    assert got.stdout == "hällo".encode()
