"""In a program: no object that is printed and no error that is reported tells a password, nor what led to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

import amqptool
from amqptool import AmqpUrl, BlockingPublisher, Publisher, Topology, Worker, load_handler
from amqptool.broker.amqp import connect
from amqptool.broker.amqp.connection import Connection
from amqptool.broker.discovery import Discovery
from amqptool.broker.management import Management
from amqptool.dedup import open_store
from amqptool.settings.etcd_url import parse_etcd_url
from amqptool.settings.resolve import Resolved, resolve_urls
from amqptool.settings.url import parse_url, parse_urls
from tests.security.needles import ESCAPED, PASSWORD, leaks, words_of
from tests.security.test_secrets import BAD_FORMS

REFUSED = AmqpUrl(host="127.0.0.1", port=1, username="ann", password=PASSWORD)

ETCD = f"etcd://ann:{ESCAPED}@127.0.0.1:1/key"


def handle(_delivery: object) -> None:
    """Do nothing."""


def objects() -> list[object]:
    """Make whatever keeps a URL or a password."""
    return [
        REFUSED,
        [REFUSED],
        str(REFUSED),
        Resolved(REFUSED, "--url"),
        resolve_urls(REFUSED.reveal(), {}),
        Publisher(REFUSED),
        parse_etcd_url(ETCD),
        Discovery(parse_etcd_url(ETCD)),
        Worker(ETCD, "q", handle, dedup=None),
        Worker(REFUSED, "q", handle, dedup=f"redis://:{ESCAPED}@127.0.0.1:1/0"),
        Worker(REFUSED, "q", handle, dedup=f"postgresql://ann:{ESCAPED}@127.0.0.1:1/db"),
        Management.at("http://127.0.0.1:1", REFUSED),
        load_handler(f"http://ann:{ESCAPED}@127.0.0.1:1/"),
        load_handler(f"exec:true --password {PASSWORD}"),
    ]


def test_what_is_made_of_a_url_hides_it() -> None:
    """In `repr`, `str` and a format; as it is, and within other things."""
    for each in objects():
        assert leaks(f"{each!r} {each} {[each]}") == set()


async def _connect(url: AmqpUrl) -> None:
    async with connect(url):
        pass


async def _publish(url: AmqpUrl) -> None:
    async with Publisher(url) as publisher:
        await publisher.publish(amqptool.Message(body=b"", routing_key="q"))


async def _manage(url: AmqpUrl) -> None:
    async with Management.at("http://127.0.0.1:1", url) as management:
        await management.overview()


async def _block(url: AmqpUrl) -> None:
    def publish() -> None:
        with BlockingPublisher(url) as publisher:
            publisher.publish(amqptool.Message(body=b"", routing_key="q"))

    await asyncio.to_thread(publish)


async def _work(url: AmqpUrl) -> None:
    await Worker(url, "q", handle, dedup="memory:").serve()


async def _declare(url: AmqpUrl) -> None:
    await amqptool.declare(url, Topology.parse("queues: {q: }"))


CALLS: list[Callable[[AmqpUrl], Awaitable[None]]] = [_connect, _publish, _manage, _block, _work, _declare]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("wrong", ["port", "password", "tls"])
def test_no_error_of_a_call_tells_it(amqptool_vhost: AmqpUrl, call: Callable[..., Any], wrong: str) -> None:
    """Nor anything of the chain of what caused it, which error trackers send."""
    url = {
        "port": REFUSED,
        "password": replace(amqptool_vhost, password=PASSWORD),
        "tls": replace(amqptool_vhost, password=PASSWORD, tls=True),
    }[wrong]
    with pytest.raises(amqptool.AmqptoolError) as caught:
        asyncio.run(call(url))
    assert leaks(words_of(caught.value)) == set()


@pytest.mark.parametrize("password", [PASSWORD, ESCAPED])
def test_no_error_of_a_url_tells_it(password: str) -> None:
    """A parser's own complaint would repeat what it cannot read."""
    for form in BAD_FORMS:
        for parse in (parse_url, parse_urls, Publisher, lambda url: Management.at(url, REFUSED)):
            try:
                parse(form.replace("{}", password))
            except amqptool.ConfigError as error:
                assert leaks(words_of(error)) == set(), form


STORES = [
    "redis://:{}@127.0.0.1:1/0",
    "redis://ann:{}@127.0.0.1:port/0",
    "redis://ann:{}@[::1/0",
    "redis://ann:{}@127.0.0.1:1/database",
    "postgresql://ann:{}@127.0.0.1:1/db",
    "postgresql://ann:{}@127.0.0.1:port/db",
    "postgresql://ann:{}@127.0.0.1:1/%zz",
    "postgresql://ann:{}@[::1/db",
    "postgresql://ann:{}@127.0.0.1:1/db?nonsense={}",
    "mysql://ann:{}@127.0.0.1/db",
]


@pytest.mark.parametrize("password", [PASSWORD, ESCAPED])
@pytest.mark.parametrize("form", STORES)
def test_no_error_of_a_store_tells_it(form: str, password: str) -> None:
    """Nor the libraries' own, which it keeps as its cause."""
    with pytest.raises(amqptool.AmqptoolError) as caught:
        open_store(form.replace("{}", password))
    assert leaks(words_of(caught.value)) == set()


HANDLERS = ["http://ann:{}@127.0.0.1:port/", "http://ann:{}@[::1/", "http://ann:{}@", "https://ann:{}@/x", 'exec:"{}']


@pytest.mark.parametrize("password", [PASSWORD, ESCAPED])
@pytest.mark.parametrize("form", HANDLERS)
def test_no_error_of_a_handler_tells_it(form: str, password: str) -> None:
    """Nor Python's own parser's."""
    with pytest.raises(amqptool.HandlerError) as caught:
        load_handler(form.replace("{}", password))
    assert leaks(words_of(caught.value)) == set()


def test_an_open_connection_hides_it(amqptool_vhost: AmqpUrl) -> None:
    """Also what is behind it, as far as it is ours."""

    async def scenario() -> str:
        connection = await Connection.open(amqptool_vhost)
        await connection.close()
        return (
            f"{connection!r} {connection.url!r} {vars(connection.url) if hasattr(connection.url, '__dict__') else ''}"
        )

    assert "guest:guest" not in asyncio.run(scenario())
