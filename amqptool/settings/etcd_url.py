"""The URLs of keys in etcd, whose values are broker URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

from amqptool.errors import ConfigError
from amqptool.settings.escapes import unescape
from amqptool.settings.url import AmqpUrl, as_urls, parse_urls
from amqptool.settings.url_options import UrlOptions, format_options, parse_options

#: Where etcd listens for clients, with TLS or without.
DEFAULT_PORT = 2379

_SCHEMES = ("etcd", "etcds")
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?"
_ESCAPED = r"(?:[^\s/?#@:%]|%[0-9A-Fa-f]{2})"
_URL = re.compile(
    rf"(?P<scheme>etcds?)://(?:(?P<username>{_ESCAPED}+)(?::(?P<password>{_ESCAPED}*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<key>/(?:[^\s?#@%]|%[0-9A-Fa-f]{{2}})+)(?:\?(?P<query>[^\s#@]*))?",
    re.IGNORECASE,
)
_UNUSABLE = (
    "a URL of etcd is etcd://[USER:PASSWORD@]HOST[:PORT][,HOST…]/KEY, etcds:// with TLS; "
    "special characters in user, password and key are escaped, as %40 for @"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdUrl:
    """A key in etcd, and who reads it; `str` and `repr` never show the password."""

    #: Of the members of one cluster: `host:port` each.
    endpoints: tuple[str, ...]
    key: str
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    options: UrlOptions = field(default_factory=UrlOptions)

    def __str__(self) -> str:
        login = f"{quote(self.username, safe='')}:***@" if self.username else ""
        scheme = "etcds" if self.tls else "etcd"
        return f"{scheme}://{login}{','.join(self.endpoints)}{quote(self.key)}{format_options(self.options)}"

    @property
    def name(self) -> str:
        """What to call the key in messages to people."""
        return f"key {self.key!r} of etcd"


#: Where brokers are: their URLs, or the key in etcd that holds them.
Brokers: TypeAlias = tuple[AmqpUrl, ...] | EtcdUrl


def is_etcd_url(text: str) -> bool:
    """Whether a text is meant as a URL of etcd."""
    return text.partition("://")[0].lower() in _SCHEMES


def parse_etcd_url(text: str, *, has_password: bool = False) -> EtcdUrl:
    """Parse a URL of etcd; with `has_password`, its user's password comes from elsewhere.

    Raises:
        ConfigError: it is none; no part of it is repeated.
    """
    match = _URL.fullmatch(text)
    if match is None or not text.isprintable():
        raise ConfigError(_UNUSABLE)
    _check_login(match["username"], match["password"], has_password=has_password)
    tls = match["scheme"].lower() == "etcds"
    return EtcdUrl(
        endpoints=tuple(map(_endpoint, match["hosts"].split(","))),
        key=unescape(match["key"]),
        username=unescape(match["username"] or ""),
        password=unescape(match["password"] or ""),
        tls=tls,
        options=_options(match["query"], tls=tls),
    )


def parse_brokers(text: str, *, has_password: bool = False) -> Brokers:
    """Parse what a setting may say of brokers; with `has_password`, the password comes from elsewhere.

    Raises:
        ConfigError: it is neither broker URLs nor a URL of etcd; no part of it is repeated.
    """
    if is_etcd_url(text):
        return parse_etcd_url(text, has_password=has_password)
    return parse_urls(text, has_password=has_password)


def brokers_of(urls: AmqpUrl | EtcdUrl | str | Sequence[AmqpUrl | str]) -> Brokers:
    """Return URLs as they are, or parse them; see `parse_brokers` for the errors."""
    if isinstance(urls, EtcdUrl):
        return urls
    if isinstance(urls, str):
        return parse_brokers(urls)
    if isinstance(urls, Sequence) and len(urls) == 1 and isinstance(urls[0], str):
        return parse_brokers(urls[0])
    return as_urls(urls)


def _check_login(username: str | None, password: str | None, *, has_password: bool) -> None:
    if has_password and username is None:
        raise ConfigError("the URL of etcd names no user whose password comes from elsewhere")
    if has_password and password is not None:
        raise ConfigError("the URL of etcd holds a password, and another one comes from elsewhere")
    if username is not None and password is None and not has_password:
        raise ConfigError(_UNUSABLE)


def _endpoint(host: str) -> str:
    bare = host.rpartition("]")[2]
    _, colon, port = bare.partition(":")
    if not colon:
        return f"{host}:{DEFAULT_PORT}"
    if not 0 < int(port) < 65536:
        raise ConfigError("a port in the URL of etcd is not a number from 1 to 65535")
    return host


def _options(query: str | None, *, tls: bool) -> UrlOptions:
    if not query:
        return UrlOptions()
    if not tls:
        raise ConfigError("certificates are for etcds://, and the URL begins with etcd://")
    options = parse_options(query, tls=True)
    if options.auth_mechanism != "plain":
        raise ConfigError(
            "auth_mechanism=external is for brokers; who reads a key in etcd is said by user and password"
        )
    return options
