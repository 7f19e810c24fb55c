"""How a tap is bound: by what is asked for, and by the types of exchanges."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.errors import InputError, NotFound
from amqptool.work.tap import Source
from amqptool.work.tap_sources import Asked, find_sources, source_of
from tests.support.vhost import VhostUnderTest

TOPOLOGY = r"""
exchanges:
  topic: topic
  fanout: fanout
  headers: headers
  direct: direct
  "with:colon": fanout
  lonely: {type: fanout, auto_delete: true}
  used: {type: fanout, auto_delete: true}
queues:
  q: {bindings: [{source: used}]}
"""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("e", Asked("e")),
        ("e:", Asked("e", "")),
        ("e:a.*", Asked("e", "a.*")),
        ("e:a:b", Asked("e", "a:b")),
        (r"a\:b:k", Asked("a:b", "k")),
        (r"a\b", Asked("a\\b")),
        ("e:\n", Asked("e", "\n")),
    ],
)
def test_an_exchange_and_a_key_are_read(text: str, asked: Asked) -> None:
    """The first colon parts them, unless it is escaped."""
    assert Asked.parse(text) == asked


@pytest.mark.parametrize("text", ["e\n", "e\r:k", "e:\udcff"])
def test_what_rabbitmq_would_change_or_refuse_is_refused(text: str) -> None:
    """It removes line breaks of names, and closes the connection for what is no UTF-8."""
    with pytest.raises(InputError):
        Asked.parse(text)


@pytest.mark.parametrize("text", ["", ":k"])
def test_the_default_exchange_is_refused(text: str) -> None:
    """Nothing can be bound to it."""
    with pytest.raises(InputError, match="default exchange"):
        Asked.parse(text)


def sources(*asked: str) -> list[Source]:
    """Find sources without the management API."""
    return asyncio.run(find_sources(None, "/", [Asked.parse(each) for each in asked]))


def test_without_the_management_api_a_key_says_it_all() -> None:
    """And the types of the predeclared exchanges are known."""
    assert sources("e:k", "amq.topic", "amq.fanout", "amq.match") == [
        Source("e", "k"),
        Source("amq.topic", "#"),
        Source("amq.fanout", ""),
        Source("amq.match", ""),
    ]


@pytest.mark.parametrize(("name", "words"), [("e", "is not known"), ("amq.direct", "amq.direct:KEY")])
def test_without_a_key_the_type_must_be_known(name: str, words: str) -> None:
    """And not be direct."""
    with pytest.raises(InputError, match=words):
        sources(name)


@pytest.fixture
def vhost(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give a vhost with an exchange of each type."""
    vhost = VhostUnderTest(amqptool_node, amqptool_vhost)
    vhost.holds(TOPOLOGY)
    return vhost


def found(vhost: VhostUnderTest, *asked: str) -> list[Source]:
    """Find sources with the management API."""

    async def main() -> list[Source]:
        async with Management.at(vhost.node.management_url, vhost.url) as management:
            return await find_sources(management, vhost.url.vhost, [Asked.parse(each) for each in asked])

    return asyncio.run(main())


def test_the_management_api_knows_the_types(vhost: VhostUnderTest) -> None:
    """So that all messages of an exchange can be asked for."""
    assert found(vhost, "topic", "fanout", "headers", r"with\:colon", "direct:k", "used") == [
        Source("topic", "#"),
        Source("fanout", ""),
        Source("headers", ""),
        Source("with:colon", ""),
        Source("direct", "k"),
        Source("used", ""),
    ]


@pytest.mark.parametrize(("name", "words"), [("direct", "direct:KEY"), ("lonely", "deletes itself")])
def test_what_cannot_be_tapped_unnoticed_is_refused(vhost: VhostUnderTest, name: str, words: str) -> None:
    """A direct exchange has no word for all keys, and another one would be deleted with the tap's binding."""
    with pytest.raises(InputError, match=words):
        found(vhost, name)


def test_an_exchange_that_does_not_exist_is_not_found(vhost: VhostUnderTest) -> None:
    """Whether there is a key or not."""
    with pytest.raises(NotFound, match="no exchange 'nowhere'"):
        found(vhost, "nowhere:k")


def test_a_foreign_type_is_refused() -> None:
    """A consistent hash, of which a plugin makes exchanges, would give the tap a share of what others are to get."""
    with pytest.raises(InputError, match="x-consistent-hash"):
        source_of(Asked("e", "1"), "x-consistent-hash")
