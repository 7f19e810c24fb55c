"""A client of the Redis server that a dedup store's URL names."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from amqptool.errors import ConfigError

#: Seconds to wait for a connection, and for an answer.
TIMEOUT = 5.0
#: The options of TLS that name files; all others could only weaken it.
_TLS_FILES = {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
_UNUSABLE = "a dedup store's URL cannot be used: redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER], escaped as %40 for @"


def client(url: str) -> tuple[Any, str]:
    """Return a client that has not connected yet, and what to call the store: the URL without secrets.

    Raises:
        ConfigError: the URL cannot be used; no part of it is repeated.
    """
    made = None
    with suppress(ValueError, TypeError):  # which would hold a part of the password, also as a mere context
        _refuse_weak_tls(url)
        made = _made(url), _shown(url)
    if made is None:
        raise ConfigError(_UNUSABLE)
    return made


def _refuse_weak_tls(url: str) -> None:
    names = parse_qs(urlsplit(url).query, keep_blank_values=True)
    if any(name.startswith("ssl_") and name not in _TLS_FILES for name in names):
        allowed = ", ".join(sorted(_TLS_FILES))
        raise ConfigError(f"a dedup store's URL has an option of TLS that is none of {allowed}: all is always verified")


def _shown(url: str) -> str:
    parts = urlsplit(url)
    if not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError("what follows the host is not the number of a database")
    (parts.hostname or "").encode("idna")  # as connecting does
    return f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}/{parts.path[1:] or 0}"


def _made(url: str) -> Any:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    tls = {"ssl_check_hostname": True} if urlsplit(url).scheme == "rediss" else {}  # which redis-py 5 leaves out
    # A call is repeated by whoever made it: only there it is known what may be repeated.
    made = Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, **tls
    )
    made.connection_pool.make_connection()  # tells of unknown options
    return made
