"""The management HTTP API, as far as it is needed."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

from amqptool.broker.management_errors import no_answer, refusal
from amqptool.broker.tls import client_context
from amqptool.errors import AccessRefused, InputError, ManagementUnavailable
from amqptool.settings.url import parse_management_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from aiohttp import ClientResponse, ClientSession

    from amqptool.settings.url import AmqpUrl
    from amqptool.topology.model import DestinationType

#: Seconds for one request.
REQUEST_TIMEOUT = 30.0

_NO_LOGIN = (
    "the management API takes no certificate as a login; a user and password in the broker's URL are for it alone"
)

_EXCHANGE = ("name", "vhost", "type", "durable", "auto_delete", "internal", "arguments")
_BINDING = ("vhost", "source", "destination", "destination_type", "routing_key", "arguments")


class Management:
    """A session with one broker's management API; `async with` opens and closes it."""

    def __init__(
        self,
        base_url: str,
        *,
        username: str,
        password: str,
        timeout: float = REQUEST_TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._username = username
        self._password = password
        self._timeout = timeout
        self._tls = tls
        self._session: ClientSession | None = None

    @classmethod
    def at(cls, base_url: str, url: AmqpUrl) -> Self:
        """Make a session for the user of an AMQP URL, with its certificates.

        Raises:
            ConfigError: the address is no URL of http or https, or a certificate cannot be read.
        """
        parse_management_url(base_url)
        tls = client_context(url) if base_url.lower().startswith("https:") else None
        return cls(base_url, username=url.username, password=url.password, tls=tls)

    def __repr__(self) -> str:
        return f"Management({self._base_url!r}, username={self._username!r}, password='***')"

    async def __aenter__(self) -> Self:
        import aiohttp

        self._session = aiohttp.ClientSession(
            headers={"Authorization": _basic(self._username, self._password)} if self._username else {},
            connector=aiohttp.TCPConnector(ssl=self._tls or True),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def overview(self) -> dict[str, Any]:
        """Return the broker's name, versions and totals."""
        overview: dict[str, Any] = await self._request("read the overview", "GET", "overview")
        return overview

    async def cluster_name(self) -> str:
        """Return the cluster's name, the same on all its nodes."""
        doing = "read the cluster's name"
        answer = await self._request(doing, "GET", "cluster-name")
        if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
            raise self._foreign(doing)
        return str(answer["name"])

    async def create_vhost(self, name: str, *, default_queue_type: str | None = None) -> None:
        """Create a vhost, unless it exists, and give our user all permissions in it."""
        settings = {} if default_queue_type is None else {"default_queue_type": default_queue_type}
        await self._request(f"create vhost {name!r}", "PUT", "vhosts", name, json=settings, tag="administrator")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        doing = f"give {self._username!r} permissions in vhost {name!r}"
        await self._request(doing, "PUT", "permissions", name, self._username, json=everything)

    async def delete_vhost(self, name: str) -> None:
        """Delete a vhost with all that is in it; its connections are closed."""
        await self._request(f"delete vhost {name!r}", "DELETE", "vhosts", name)

    async def vhosts(self) -> list[dict[str, Any]]:
        """Return the vhosts that our user may see."""
        return await self._list("list the vhosts", "vhosts", columns=("name", "default_queue_type"))

    async def exchanges(self, vhost: str) -> list[dict[str, Any]]:
        """Return the exchanges of a vhost, the predeclared ones included."""
        return await self._list(f"list the exchanges of vhost {vhost!r}", "exchanges", vhost, columns=_EXCHANGE)

    async def queues(self, vhost: str) -> list[dict[str, Any]]:
        """Return the queues of a vhost, without statistics but for their message counts."""
        query = {"disable_stats": "true", "enable_queue_totals": "true"}
        return await self._list(f"list the queues of vhost {vhost!r}", "queues", vhost, query=query)

    async def queue_rates(self, vhost: str) -> list[dict[str, Any]]:
        """Return the queues of a vhost with their message counts and, as far as there are any, `message_stats`."""
        query = {"columns": "name,messages_ready,messages_unacknowledged,message_stats"}
        return await self._list(f"read the rates of the queues of vhost {vhost!r}", "queues", vhost, query=query)

    async def queue(self, vhost: str, name: str) -> dict[str, Any]:
        """Return one queue with its statistics, which lag by up to ten seconds.

        Raises:
            ManagementError: it does not exist (404).
        """
        queue: dict[str, Any] = await self._request(f"read queue {name!r}", "GET", "queues", vhost, name)
        return queue

    async def bindings(self, vhost: str) -> list[dict[str, Any]]:
        """Return the bindings of a vhost, those of the default exchange included."""
        return await self._list(f"list the bindings of vhost {vhost!r}", "bindings", vhost, columns=_BINDING)

    async def bindings_of(self, vhost: str, kind: DestinationType, name: str) -> list[dict[str, Any]]:
        """Return the bindings from and to one exchange, or to one queue, that of the default exchange included."""
        doing = f"list the bindings of {kind} {name!r} of vhost {vhost!r}"
        if kind == "queue":
            return await self._list(doing, "queues", vhost, name, "bindings")
        ends = [await self._list(doing, "exchanges", vhost, name, "bindings", end) for end in ("source", "destination")]
        return [*ends[0], *ends[1]]

    async def bindings_between(
        self, vhost: str, source: str, kind: DestinationType, destination: str
    ) -> list[dict[str, Any]]:
        """Return the bindings from an exchange to one destination, each with the `properties_key` that is its name."""
        doing = f"list the bindings of {kind} {destination!r} to {source!r} of vhost {vhost!r}"
        return await self._list(doing, "bindings", vhost, "e", source, kind[0], destination)

    async def delete_binding(
        self, vhost: str, source: str, kind: DestinationType, destination: str, properties_key: str
    ) -> None:
        """Delete a binding.

        Raises:
            ManagementError: it does not exist (404).
        """
        doing = f"delete a binding of {kind} {destination!r} to {source!r} of vhost {vhost!r}"
        path = ("bindings", vhost, "e", source, kind[0], destination, properties_key)
        await self._request(doing, "DELETE", *path)

    async def policies(self, vhost: str) -> list[dict[str, Any]]:
        """Return the policies of a vhost."""
        return await self._list(f"list the policies of vhost {vhost!r}", "policies", vhost)

    async def operator_policies(self, vhost: str) -> list[dict[str, Any]]:
        """Return the policies with which operators overrule those of users."""
        return await self._list(f"list the operator policies of vhost {vhost!r}", "operator-policies", vhost)

    async def delete_policy(self, vhost: str, name: str) -> None:
        """Delete a policy.

        Raises:
            ManagementError: it does not exist (404).
        """
        await self._request(
            f"delete policy {name!r} of vhost {vhost!r}", "DELETE", "policies", vhost, name, tag="policymaker"
        )

    async def close_connections(self, vhost: str) -> int:
        """Close every AMQP connection to a vhost that the API knows of; return how many."""
        doing = f"close the connections of vhost {vhost!r}"
        connections = await self._request(doing, "GET", "vhosts", vhost, "connections")
        for connection in connections:
            await self._request(doing, "DELETE", "connections", connection["name"])
        return len(connections)

    async def put_policy(
        self, vhost: str, name: str, *, pattern: str, definition: Mapping[str, Any], apply_to: str, priority: int
    ) -> None:
        """Create a policy, or replace it."""
        policy = {"pattern": pattern, "definition": dict(definition), "apply-to": apply_to, "priority": priority}
        await self._request(
            f"set policy {name!r} of vhost {vhost!r}", "PUT", "policies", vhost, name, json=policy, tag="policymaker"
        )

    async def _list(
        self, doing: str, *path: str, query: Mapping[str, str] | None = None, columns: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        if columns:  # without statistics an answer is a third smaller, and there sooner
            query = {**(query or {}), "columns": ",".join(columns)}
        found = await self._request(doing, "GET", *path, query=query)
        if not isinstance(found, list):
            raise self._foreign(doing)
        return found

    def _foreign(self, doing: str) -> ManagementUnavailable:
        return ManagementUnavailable(f"cannot {doing}: what is at {self._base_url} is no management API of RabbitMQ")

    async def _request(
        self,
        doing: str,
        method: str,
        *path: str,
        json: Any = None,
        query: Mapping[str, str] | None = None,
        tag: str | None = None,
    ) -> Any:
        """Make one request and return its JSON, or None if it has none.

        `doing` and the `tag` that users need for it are for the error.
        """
        import aiohttp
        from yarl import URL

        if self._session is None:
            raise RuntimeError("a Management session is used with `async with`")
        if not self._username:
            raise AccessRefused(f"cannot {doing}: {_NO_LOGIN}")
        url = "/".join([self._base_url, "api", *(quote(part, safe="") for part in path)])
        url += f"?{urlencode(query)}" if query else ""
        try:
            # yarl would turn a vhost's %2F back into a slash.
            async with self._session.request(method, URL(url, encoded=True), json=json) as response:
                return await _result(doing, tag, response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise no_answer(f"cannot {doing}", self._base_url, error) from error


def _basic(username: str, password: str) -> str:
    # RFC 7617; aiohttp's own BasicAuth is deprecated, and its successor is not in all versions we support.
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


async def _result(doing: str, tag: str | None, response: ClientResponse) -> Any:
    if response.status >= 400:
        raise refusal(f"cannot {doing}", tag, response.status, await response.text(errors="backslashreplace"))
    body = await response.read()
    try:
        return await response.json(content_type=None) if body else None
    except RecursionError:
        raise InputError(f"cannot {doing}: something in the broker's answer is nested too deeply") from None
