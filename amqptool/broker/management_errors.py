"""What went wrong with the management API, in fewer words than HTTP needs."""

from __future__ import annotations

import socket
import ssl

from amqptool.broker.tls import tls_failure
from amqptool.errors import (
    AccessRefused,
    AmqptoolError,
    BrokerError,
    ConfigError,
    ManagementError,
    ManagementUnavailable,
)


def no_answer(failure: str, base_url: str, error: Exception) -> AmqptoolError:
    """Return the error for a request that nothing, or no HTTP, came back to."""
    if tls_error := _tls_error(error):
        return ConfigError(f"{failure}: {base_url}: {tls_failure(tls_error)}")
    return ManagementUnavailable(f"{failure}: no management API at {base_url}: {_reason(error)}")


def refusal(failure: str, tag: str | None, status: int, words: str) -> BrokerError:
    """Return the error for an answer that refuses; `tag` is what users need for the request."""
    refused = status in {401, 403}
    needed = "management" if "Not management user" in words else tag
    hint = f"; the user needs the tag {needed} for that" if refused and needed else ""
    kind = AccessRefused if refused else ManagementError
    return kind(f"{failure}: the management API answered {status}: {words.strip()[:500]}{hint}", reply_code=status)


def _tls_error(error: Exception) -> ssl.SSLError | None:
    """Return what TLS itself says, which aiohttp wraps in errors of its own, or None if it says nothing."""
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    root = chain[-1]
    return root if isinstance(root, ssl.SSLError) and not isinstance(root, ssl.SSLZeroReturnError) else None


def _reason(error: Exception) -> str:
    """Say why there is no answer, in fewer words than aiohttp."""
    from aiohttp import ClientResponseError, TooManyRedirects

    cause = getattr(error, "os_error", error)
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, socket.gaierror):
        return "the host name cannot be resolved"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, ClientResponseError) and not isinstance(cause, TooManyRedirects):
        return "what answers there does not speak HTTP"
    return str(error) or type(error).__name__
