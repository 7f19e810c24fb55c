"""The management client does what it says on a real broker, and says what it could not do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from amqptool.broker.amqp import connect
from amqptool.broker.local.node import free_port
from amqptool.broker.management import Management
from amqptool.errors import AccessRefused, BrokerError, BrokerUnavailable, ManagementError

if TYPE_CHECKING:
    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl

#: Every character that a URL path treats in some way.
HARD_NAME = "a/b %2F ü?#&+"


def session(broker: Endpoint, **changes: str) -> Management:
    """Make a client of the suite's broker."""
    return Management.at(broker.management_url, replace(broker.url, **changes))


def test_overview_tells_the_version(amqptool_node: Endpoint) -> None:
    """The overview is the API's own document."""

    async def main() -> None:
        async with session(amqptool_node) as management:
            assert (await management.overview())["rabbitmq_version"][0].isdigit()

    asyncio.run(main())


def test_a_vhost_is_created_ready_for_use_and_deleted(amqptool_node: Endpoint) -> None:
    """Its name may hold anything, creating it twice is no error, and its creator may connect."""
    url = replace(amqptool_node.url, vhost=HARD_NAME)

    async def main() -> None:
        async with session(amqptool_node) as management:
            await management.create_vhost(HARD_NAME)
            await management.create_vhost(HARD_NAME)
            async with connect(url):
                pass
            await management.delete_vhost(HARD_NAME)
        with pytest.raises(AccessRefused):
            async with connect(url):
                pass

    asyncio.run(main())


def test_deleting_a_vhost_that_is_not_there_is_an_error(amqptool_node: Endpoint) -> None:
    """The error says what was being done, and carries the HTTP status."""

    async def main() -> None:
        async with session(amqptool_node) as management:
            with pytest.raises(ManagementError, match="cannot delete vhost 'nowhere'") as caught:
                await management.delete_vhost("nowhere")
            assert caught.value.reply_code == 404

    asyncio.run(main())


def test_connections_are_closed(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """An open connection of the vhost is cut; the API may learn of it a moment after it opened."""

    async def main() -> None:
        async with session(amqptool_node) as management, connect(amqptool_vhost) as connection:
            while not await management.close_connections(amqptool_vhost.vhost):
                pass
            assert isinstance(await connection.closed, BrokerError)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_wrong_password_is_refused_and_not_shown(amqptool_node: Endpoint) -> None:
    """Neither the error nor the client's repr repeats the password."""

    async def main() -> None:
        async with session(amqptool_node, password="hunter2") as management:
            assert "hunter2" not in repr(management)
            with pytest.raises(AccessRefused, match="cannot read the overview") as caught:
                await management.overview()
            assert "hunter2" not in str(caught.value)

    asyncio.run(main())


def test_a_user_of_amqp_alone_is_told_the_tag(amqptool_node: Endpoint) -> None:
    """The broker says no more than that this is no management user."""
    name = f"untagged-{uuid4().hex[:8]}"

    async def main() -> None:
        async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
            await management._request("test", "PUT", "users", name, json={"password": "secret", "tags": ""})
            try:
                async with session(amqptool_node, username=name, password="secret") as theirs:
                    await theirs.vhosts()
            finally:
                await management._request("test", "DELETE", "users", name)

    with pytest.raises(AccessRefused, match="needs the tag management"):
        asyncio.run(main())


def test_nobody_there_is_unavailable() -> None:
    """A refused connection names the address."""
    address = f"http://127.0.0.1:{free_port()}"

    async def main() -> None:
        async with Management(address, username="guest", password="guest") as management:
            with pytest.raises(BrokerUnavailable, match=address):
                await management.overview()

    asyncio.run(main())


def test_what_does_not_speak_http_is_unavailable(amqptool_node: Endpoint) -> None:
    """The broker's own port is the likeliest mistake."""
    address = f"http://127.0.0.1:{amqptool_node.url.port}"

    async def main() -> None:
        async with Management(address, username="guest", password="guest") as management:
            with pytest.raises(BrokerUnavailable, match=f"{address}: what answers there does not speak HTTP$"):
                await management.overview()

    asyncio.run(main())


def test_a_server_of_another_kind_is_unavailable() -> None:
    """What answers with something else than JSON is no management API."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with Management(f"http://127.0.0.1:{port}/", username="u", password="p") as management:
                with pytest.raises(BrokerUnavailable, match="no management API"):
                    await management.overview()

    asyncio.run(main())


def test_a_session_is_entered_first() -> None:
    """Using it outside `async with` is a bug of the caller."""
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(Management("http://localhost", username="u", password="p").overview())
