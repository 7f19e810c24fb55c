"""A session with one broker's management HTTP API: requests and their errors."""

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

#: Seconds for one request.
REQUEST_TIMEOUT = 30.0

_NO_LOGIN = (
    "the management API takes no certificate as a login; a user and password in the broker's URL are for it alone"
)


class ManagementSession:
    """What any request is made with; `async with` opens and closes it."""

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
        tls = client_context(url.options) if base_url.lower().startswith("https:") else None
        return cls(base_url, username=url.username, password=url.password, tls=tls)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r}, username={self._username!r}, password='***')"

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

    async def get(self, doing: str, *path: str, query: Mapping[str, str] | None = None, tag: str | None = None) -> Any:
        """Return what is at a path; `doing` and the `tag` that users need for it are for the error.

        Raises:
            InputError: no name in the path is one that anything can have.
            AccessRefused: our user may not see it.
            ManagementUnavailable: the management API cannot be reached.
            ManagementError: it is not there (404), or something else went wrong.
        """
        return await self._request(doing, "GET", *path, query=query, tag=tag)

    async def _list(
        self, doing: str, *path: str, query: Mapping[str, str] | None = None, columns: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        if columns:  # without statistics an answer is a third smaller, and there sooner
            query = {**(query or {}), "columns": ",".join(columns)}
        found = await self._request(doing, "GET", *path, query=query)
        if not isinstance(found, list):
            raise self.foreign(doing)
        return found

    def foreign(self, doing: str) -> ManagementUnavailable:
        """Return the error for an answer that is not RabbitMQ's."""
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
            raise RuntimeError("a management session is used with `async with`")
        if not self._username:
            raise AccessRefused(f"cannot {doing}: {_NO_LOGIN}")
        url = "/".join([self._base_url, "api", *(_quoted(doing, part) for part in path)])
        url += f"?{urlencode(query)}" if query else ""
        try:
            # yarl would turn a vhost's %2F back into a slash.
            async with self._session.request(method, URL(url, encoded=True), json=json) as response:
                return await _result(doing, tag, response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise no_answer(f"cannot {doing}", self._base_url, error) from error


def _quoted(doing: str, name: str) -> str:
    try:
        return quote(name, safe="")
    except UnicodeEncodeError:
        raise InputError(f"cannot {doing}: {name!r} is no UTF-8") from None


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
