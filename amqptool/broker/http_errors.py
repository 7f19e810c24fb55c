"""Why a request over HTTP came to nothing."""

from __future__ import annotations

import socket
import ssl


def tls_error_of(error: Exception) -> ssl.SSLError | None:
    """Return what TLS itself says, which aiohttp wraps in errors of its own, or None if it says nothing."""
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    root = chain[-1]
    return root if isinstance(root, ssl.SSLError) and not isinstance(root, ssl.SSLZeroReturnError) else None


def reason_of(error: Exception) -> str:
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
