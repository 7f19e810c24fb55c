"""A user with the rights of the README's table can do what it says, and with one less is told which is missing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker.local import Endpoint
from tests.security.rights import FILE, RIGHTS, Least
from tests.support.broker import publish
from tests.support.vhost import VhostUnderTest, limited_user

ROOT = Path(__file__).parents[2]
LESS = [(each, right) for each in RIGHTS for right, value in each.rights.items() if value]


def words(least: Least) -> list[str]:
    """Give the words of a command."""
    command = least.command.replace("SPEC", "exec:false --dedup memory:").replace(FILE, str(ROOT / FILE))
    return [*command.split(), *least.more]


def success(least: Least) -> int:
    """Return how a command ends that has its rights: a handler fails here, and its message is put back or waits."""
    return 1 if "SPEC" in least.command else 0


@pytest.fixture
def broker(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give a vhost with the topology, and a message in each of its queues."""
    vhost = VhostUnderTest(amqptool_node, amqptool_vhost)
    vhost.holds((ROOT / FILE).read_text())
    messages = [Message(body=b"x", routing_key=queue) for queue in ("playstore", "notifications")]
    asyncio.run(publish(amqptool_vhost, messages))
    return vhost


@pytest.mark.parametrize("least", RIGHTS, ids=lambda least: least.command)
def test_the_rights_of_the_table_are_enough(broker: VhostUnderTest, least: Least) -> None:
    """For what exists already, and to make it."""
    with limited_user(broker.node, broker.url, **least.rights) as url:
        done = VhostUnderTest(broker.node, url).run(*words(least))
    assert (done.returncode, "permission" in done.stderr) == (success(least), False), done.stderr


def test_they_are_enough_to_make_everything(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Also in a vhost that is empty."""
    [least] = [each for each in RIGHTS if each.command == f"declare {FILE}"]
    with limited_user(amqptool_node, amqptool_vhost, **least.rights) as url:
        done = VhostUnderTest(amqptool_node, url).run(*words(least))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("least", "right"), LESS, ids=lambda each: getattr(each, "command", each))
def test_with_one_less_the_missing_one_is_named(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, broker: VhostUnderTest, least: Least, right: str
) -> None:
    """The right and the resource: exit 77, or 1 or 3 where objects and messages have outcomes of their own."""
    if "declare" in least.command:
        broker.run("delete", "--yes", "--delete-messages", str(ROOT / FILE))
    with limited_user(amqptool_node, amqptool_vhost, **{**least.rights, right: ""}) as url:
        done = VhostUnderTest(amqptool_node, url).run(*words(least))
    assert done.returncode in (77, *((1, 3) if {"declare", "--topology"} & set(words(least)) else ())), done.stderr
    assert re.search(rf"has no [a-z ]*\b{right}\b[a-z ]* permission on (queue|exchange) '", done.stderr), done.stderr
