"""Reading one key of etcd, over the JSON gateway of its version 3."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from amqptool.broker.http_errors import reason_of, tls_error_of
from amqptool.broker.tls import client_context, tls_failure
from amqptool.errors import AccessRefused, AmqptoolError, BrokerUnavailable, ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientSession

    from amqptool.settings.etcd_url import EtcdUrl

#: Seconds that one member of the cluster gets for all that is asked of it.
TIMEOUT = 3.0
#: Bytes of the longest answer: what holds URLs is far shorter.
LONGEST_ANSWER = 262_144
#: Characters of etcd's own words in an error.
_SHOWN = 200

# gRPC's status codes, as the gateway tells them beside the text.
_UNAUTHENTICATED, _PERMISSION_DENIED = 16, 7
_NOT_ENABLED = "authentication is not enabled"
_REFUSALS = ("authentication failed", "user name is empty", "permission denied", "invalid auth token")


async def read_key(url: EtcdUrl) -> str:
    """Return the value of a key, from the first member of the cluster that answers.

    Raises:
        BrokerUnavailable: none answered.
        AccessRefused: the user or the password was refused, or may not read the key.
        ConfigError: TLS failed, there is no such key, or its value is no text.
    """
    errors: list[str] = []
    for endpoint in url.endpoints:
        try:
            return await _read_from(endpoint, url)
        except BrokerUnavailable as error:
            errors.append(str(error))
    raise BrokerUnavailable(f"cannot read {url.name}: {'; '.join(errors)}")


async def _read_from(endpoint: str, url: EtcdUrl) -> str:
    async with _session(endpoint, url) as session:
        token = await _log_in(session, endpoint, url) if url.username else None
        headers = {"Authorization": token} if token else {}
        question = {"key": b64encode(url.key.encode()).decode()}
        answer = await _ask(session, endpoint, "/v3/kv/range", question, headers)
    return _value(answer, endpoint, url)


@asynccontextmanager
async def _session(endpoint: str, url: EtcdUrl) -> AsyncIterator[ClientSession]:
    import aiohttp

    tls = client_context(url.options, "the URL of etcd") if url.tls else None
    scheme = "https" if url.tls else "http"
    try:
        async with aiohttp.ClientSession(
            f"{scheme}://{endpoint}",
            connector=aiohttp.TCPConnector(ssl=tls or True),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        ) as session:
            yield session
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _no_answer(endpoint, error) from error


def _no_answer(endpoint: str, error: Exception) -> AmqptoolError:
    if tls_error := tls_error_of(error):
        return ConfigError(f"etcd at {endpoint}: {tls_failure(tls_error, 'etcd')}")
    return BrokerUnavailable(f"no etcd at {endpoint}: {reason_of(error)}")


async def _log_in(session: ClientSession, endpoint: str, url: EtcdUrl) -> str | None:
    """Return what proves who we are, or None where nobody is asked to."""
    login = {"name": url.username, "password": url.password}
    try:
        answer = await _ask(session, endpoint, "/v3/auth/authenticate", login, {})
    except _NotAsked:
        return None
    token = answer.get("token")
    if not isinstance(token, str) or not token.isprintable():
        raise BrokerUnavailable(f"no etcd at {endpoint}: what answers there is something else")
    return token


async def _ask(
    session: ClientSession, endpoint: str, path: str, question: dict[str, str], headers: dict[str, str]
) -> dict[str, Any]:
    # A redirect could take a password elsewhere.
    async with session.post(path, json=question, headers=headers, allow_redirects=False) as response:
        body = await response.content.read(LONGEST_ANSWER)
        while len(body) < LONGEST_ANSWER and (more := await response.content.read(LONGEST_ANSWER - len(body))):
            body += more
    answer = _parsed(body, endpoint)
    if response.status >= 400:
        raise _refusal(endpoint, response.status, answer)
    return answer


def _parsed(body: bytes, endpoint: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise BrokerUnavailable(f"no etcd at {endpoint}: what answers there is something else")
    return answer


class _NotAsked(Exception):
    """Nobody logs in here."""


def _refusal(endpoint: str, status: int, answer: dict[str, Any]) -> Exception:
    words = str(answer.get("error") or answer.get("message") or status)[:_SHOWN]
    if _NOT_ENABLED in words:
        return _NotAsked()
    refused = answer.get("code") in (_UNAUTHENTICATED, _PERMISSION_DENIED) or any(each in words for each in _REFUSALS)
    kind = AccessRefused if refused else BrokerUnavailable
    return kind(f"etcd at {endpoint} answered {status}: {words}")


def _value(answer: dict[str, Any], endpoint: str, url: EtcdUrl) -> str:
    try:
        found = answer.get("kvs") or []
        value = b64decode(found[0]["value"], validate=True) if found else None
    except (LookupError, TypeError, ValueError):
        raise BrokerUnavailable(f"no etcd at {endpoint}: what answers there is something else") from None
    if value is None:
        raise ConfigError(f"there is no {url.name}: etcdctl put {url.key} amqp://user:password@host")
    # A decoder's error would hold the value.
    text = value.decode("utf-8", "surrogateescape")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ConfigError(f"the value of {url.name} is no text")
    return text.strip()
