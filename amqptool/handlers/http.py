"""`http://…` and `https://…`: a POST for each message; the status of the response decides.

Only the configuration says where to: no message chooses an address, no redirect is followed, no proxy is used.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import aiohttp
from yarl import URL

from amqptool import __version__
from amqptool.codecs.encodings import applied, compress
from amqptool.errors import HandlerError
from amqptool.handlers.http_answer import check
from amqptool.handlers.http_headers import request_headers
from amqptool.handlers.timing import time_limit
from amqptool.tracing import context_to_pass_on, find_tracing

if TYPE_CHECKING:
    from amqptool.message import Delivery

log = logging.getLogger(__name__)

#: Bytes of a response's body that are read, and the seconds that they may take; the connection is given up after.
LONGEST_BODY, BODY_TIMEOUT = 65_536, 1.0


class HttpHandler:
    """Posts the body of each message to one URL."""

    #: What the server has begun goes on.
    stops_when_cancelled = False
    reads_ahead = False

    def __init__(self, url: str, *, timeout: float, gzip: bool = False) -> None:
        self._url, self._authorization = _parsed(url)
        self._host = str(self._url.origin())
        self._timeout = timeout
        self._gzip = gzip
        self._tracing = find_tracing()
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"HttpHandler({self._host!r})"

    async def handle(self, delivery: Delivery) -> None:
        """Post a delivery.

        Raises:
            Retry: the server cannot take it now, or
            Reject: it never will.
            HandlerError: there was no answer, or one that means nothing here.
        """
        body, headers = await self._request(delivery)
        async with time_limit(self._timeout):
            response = await self._post(body, headers)
        async with response:
            text = await _head(response)
        log.debug("message %s: %s answered %d: %s", delivery.message_id, self._host, response.status, text)
        check(self._host, response.status, response.headers.get("Retry-After"), text, datetime.now(UTC))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _request(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        headers = request_headers(delivery, context_to_pass_on(delivery.headers, self._tracing))
        if not self._gzip or applied(delivery.message.content_encoding):
            return delivery.body, headers
        body, encoding = await asyncio.to_thread(compress, delivery.body, "auto")
        return body, headers | ({"Content-Encoding": encoding} if encoding else {})

    async def _post(self, body: bytes, headers: dict[str, str]) -> aiohttp.ClientResponse:
        try:
            return await self._opened().post(self._url, data=BytesIO(body), headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, OSError) as error:
            raise HandlerError(f"no answer from {self._host}: {_reason(error)}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"User-Agent": f"amqptool/{__version__}"}
            self._session = aiohttp.ClientSession(
                # No more connections than calls at a time: the worker's concurrency.
                connector=aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=headers | ({"Authorization": self._authorization} if self._authorization else {}),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


def _parsed(text: str) -> tuple[URL, str | None]:
    """Return a URL without its user and password, and those as basic authentication (RFC 7617)."""
    found = None
    with suppress(ValueError):  # which would hold the password, also where it is only the context of another error
        found = _parts(text)
    if found is None:
        raise HandlerError("the handler's URL cannot be read")
    url, host, credentials = found
    if not host:
        raise HandlerError("the handler's URL names no host")
    return url, f"Basic {b64encode(credentials.encode()).decode()}" if credentials != ":" else None


def _parts(text: str) -> tuple[URL, str | None, str]:
    parts = urlsplit(text)
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    url = URL(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl())
    return url, url.host, credentials  # the host is decoded only when it is asked for


async def _head(response: aiohttp.ClientResponse) -> str:
    """Read the beginning of a body as far as it comes: the status has said already what counts."""
    head = bytearray()
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with asyncio.timeout(BODY_TIMEOUT):
            while len(head) < LONGEST_BODY and (chunk := await response.content.read(LONGEST_BODY - len(head))):
                head += chunk
    return head.decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientResponseError):  # whose text is the whole URL
        return "it does not speak HTTP"
    return str(error) or type(error).__name__
