"""AMQP URLs, parsed strictly and shown without their password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from amqptool.errors import ConfigError
from amqptool.settings.escapes import unescape
from amqptool.settings.url_options import UrlOptions, format_options, parse_options

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Default ports of the two schemes (RabbitMQ URI specification).
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}

#: Default ports of the management API (RabbitMQ management guide).
MANAGEMENT_PORTS = {"http": 15672, "https": 15671}

_ESCAPES = {"/": "%2F", "#": "%23", "?": "%3F", "@": "%40", ":": "%3A", "%": "%25"}
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(r"(?:(?P<userinfo>.*)@)?(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[^:]*))?", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_PORT = re.compile(r"[0-9]{1,5}")
_MANAGEMENT_URL = re.compile(
    r"https?://(?:\[[0-9a-f:.%]+\]|[^\s/?#:@\[\]%]+)(?::(?P<port>[^/?#]*))?(?:/[^?#\s]*)?", re.IGNORECASE
)
# A password may hold commas, but no "://": its slashes are escaped.
_BETWEEN_URLS = re.compile(r",\s*(?=amqps?://)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmqpUrl:
    """Where a broker is and who connects to it; `str` and `repr` never show the password.

    Without a `username`, it is the certificate of the `options` that says who connects.
    """

    host: str = "localhost"
    port: int = 5672
    username: str = "guest"
    password: str = field(default="guest", repr=False)
    vhost: str = "/"
    tls: bool = False
    options: UrlOptions = field(default_factory=UrlOptions)

    def __str__(self) -> str:
        return self._format("***")

    def reveal(self) -> str:
        """Return the whole URL, password included, for handing it to another program."""
        return self._format(quote(self.password, safe=""))

    @property
    def address(self) -> str:
        """`host:port/vhost`, for messages to people."""
        return f"{self.netloc_host}:{self.port}/{self.vhost.removeprefix('/')}"

    @property
    def is_by_certificate(self) -> bool:
        """Whether a certificate says who connects over AMQP, and a user only who asks the management API."""
        return self.options.auth_mechanism == "external"

    @property
    def who(self) -> str:
        """Who connects, for messages to people."""
        return f"the user of certificate {self.options.certfile!r}" if self.is_by_certificate else self.username

    @property
    def netloc_host(self) -> str:
        """The host as a URL has it: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def _format(self, password: str) -> str:
        scheme = "amqps" if self.tls else "amqp"
        vhost, options = quote(self.vhost, safe=""), format_options(self.options)
        login = f"{quote(self.username, safe='')}:{password}@" if self.username else ""
        return f"{scheme}://{login}{self.netloc_host}:{self.port}/{vhost}{options}"


def parse_url(text: str, *, has_password: bool = False) -> AmqpUrl:
    """Parse `amqp[s]://user:password@host:port/vhost`, and the options of `amqps` after a '?'.

    With `has_password` the password comes from elsewhere, and the text holds none. Errors name what is wrong and
    never repeat any part of the text after the scheme, since a misplaced character can make a password look like a
    host or a port.

    Raises:
        ConfigError: the text is not such a URL.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in DEFAULT_PORTS:
        raise ConfigError("a broker URL begins with amqp:// or amqps://")
    scheme = scheme.lower()
    _refuse_raw_characters(rest)
    rest, question, query = rest.partition("?")
    options = parse_options(query, tls=scheme == "amqps") if question else UrlOptions()
    authority, slash, path = rest.partition("/")
    by_certificate = options.auth_mechanism == "external"
    username, password, host, port = _parse_authority(authority, by_certificate, has_password)
    return AmqpUrl(
        host=host,
        port=DEFAULT_PORTS[scheme] if port is None else port,
        username=username,
        password=password,
        vhost=_parse_vhost(path) if slash else "/",
        tls=scheme == "amqps",
        options=options,
    )


def parse_urls(text: str, *, has_password: bool = False) -> tuple[AmqpUrl, ...]:
    """Parse one URL, or several with commas between, as for the nodes of a cluster.

    Raises:
        ConfigError: one of them is no broker URL; see `parse_url`.
    """
    parts = _BETWEEN_URLS.split(text)
    if len(parts) == 1:
        return (parse_url(text, has_password=has_password),)
    return tuple(_parse_one(part, number, len(parts), has_password) for number, part in enumerate(parts, 1))


def _parse_one(text: str, number: int, count: int, has_password: bool) -> AmqpUrl:
    try:
        return parse_url(text, has_password=has_password)
    except ConfigError as error:
        raise ConfigError(f"URL {number} of {count}: {error}") from None


def parse_management_url(text: str) -> str:
    """Return the URL of a management API as it is, if it is one.

    Raises:
        ConfigError: it is none, or holds credentials; no part of it is repeated.
    """
    match = _MANAGEMENT_URL.fullmatch(text)
    if "@" in text:
        raise ConfigError("a management URL holds no credentials: they are those of the broker's URL")
    if match is None:
        raise ConfigError("a management URL begins with http:// or https:// and names a host: http://host:port")
    _parse_port(match["port"])
    return text


def management_url(url: AmqpUrl) -> str:
    """Return where a broker's management API is unless somebody moved it."""
    scheme = "https" if url.tls else "http"
    return f"{scheme}://{url.netloc_host}:{MANAGEMENT_PORTS[scheme]}"


def as_urls(urls: AmqpUrl | str | Sequence[AmqpUrl | str]) -> tuple[AmqpUrl, ...]:
    """Return URLs as they are, or parse them; a text may hold several, see `parse_urls` for the errors."""
    if isinstance(urls, AmqpUrl):
        return (urls,)
    if isinstance(urls, str):
        return parse_urls(urls)
    found = tuple(url for each in urls for url in as_urls(each))
    if not found:
        raise ConfigError("there is no broker URL")
    return found


def _refuse_raw_characters(rest: str) -> None:
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise ConfigError("a broker URL holds no spaces or control characters")
    if "#" in rest:
        raise ConfigError(_must_be_escaped("#"))
    if _BAD_ESCAPE.search(rest):
        raise ConfigError(_must_be_escaped("%"))
    if "@" in rest.partition("?")[2]:
        raise ConfigError(f"{_must_be_escaped('?')}, and an '@' in an option %40")
    if "@" in rest.partition("/")[2]:
        raise ConfigError(_must_be_escaped("/"))


def _parse_authority(authority: str, by_certificate: bool, has_password: bool) -> tuple[str, str, str, int | None]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ConfigError("the broker URL's host and port cannot be read: it is amqp://user:password@host:port/vhost")
    username, password = ("", "") if by_certificate else ("guest", "guest")
    if match["userinfo"] is not None:
        username, password = _parse_userinfo(match["userinfo"], has_password)
    host = match["host"].strip("[]")
    if not _HOST.fullmatch(host) or ("%" in host and match["host"] == host):  # a zone, and for IPv6 alone
        raise ConfigError("the broker URL names no valid host")
    return username, password, host, _parse_port(match["port"])


def _parse_userinfo(userinfo: str, has_password: bool) -> tuple[str, str]:
    if "@" in userinfo:
        raise ConfigError(_must_be_escaped("@"))
    username, colon, password = userinfo.partition(":")
    if ":" in password:
        raise ConfigError(_must_be_escaped(":"))
    if has_password and colon:
        raise ConfigError("the broker URL holds a password, and another one comes from elsewhere")
    if not username or not (colon or has_password):
        raise ConfigError("the broker URL needs both a user and a password before the '@': user:password@host")
    return unescape(username), unescape(password)


def _parse_port(port: str | None) -> int | None:
    if port is None:
        return None
    if not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        raise ConfigError("the URL's port is not a number from 1 to 65535")
    return int(port)


def _parse_vhost(path: str) -> str:
    if "/" in path:
        raise ConfigError("a '/' in the broker URL's vhost must be written %2F (the default vhost is %2F)")
    return unescape(path) or "/"


def _must_be_escaped(character: str) -> str:
    return f"a {character!r} in the broker URL's user, password or vhost must be written {_ESCAPES[character]}"
