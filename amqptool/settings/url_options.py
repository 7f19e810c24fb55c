"""What may stand after the '?' of a broker URL, by the names of RabbitMQ's URI query parameters.

None weakens anything: certificates and host names are always verified, whatever RabbitMQ's `verify` may say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import quote

from amqptool.errors import ConfigError
from amqptool.settings.escapes import unescape

#: How a client says who it is: by the user and password of its URL, or by its certificate (RabbitMQ's plugin
#: rabbitmq_auth_mechanism_ssl).
AuthMechanism: TypeAlias = Literal["plain", "external"]

_FILES = ("cacertfile", "certfile", "keyfile")
_NAMES = (*_FILES, "auth_mechanism")
_UNKNOWN = (
    "a '?' in the broker URL's user, password or vhost must be written %3F; the options after one are "
    "cacertfile=, certfile= and keyfile=, each with a file, and auth_mechanism=external, with '&' between"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOptions:
    """The options of a broker URL that were given.

    Raises:
        ConfigError: a name can be that of no file.
    """

    cacertfile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    auth_mechanism: AuthMechanism = "plain"

    def __post_init__(self) -> None:
        if any("\0" in (getattr(self, name) or "") for name in _FILES):
            raise ConfigError("a file's name in the broker URL holds no NUL")


def parse_options(query: str, *, tls: bool) -> UrlOptions:
    """Read the options after a '?'.

    Raises:
        ConfigError: one is unknown, or means nothing without another; no part of the text is repeated.
    """
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if name not in _NAMES or not equals or not value or name in found:
            raise ConfigError(_UNKNOWN)
        found[name] = unescape(value)
    if found.setdefault("auth_mechanism", "plain") not in {"plain", "external"}:
        raise ConfigError("auth_mechanism in the broker URL is plain or external")
    if not tls and set(found) & set(_FILES):
        raise ConfigError("certificates are for amqps://, and the broker URL begins with amqp://")
    _refuse_halves(found)
    return UrlOptions(**found)  # type: ignore[arg-type]  # of these names and values


def _refuse_halves(found: dict[str, str]) -> None:
    if "certfile" in found:
        return
    if "keyfile" in found:
        raise ConfigError("the broker URL has a keyfile and no certfile")
    if found["auth_mechanism"] == "external":
        raise ConfigError("auth_mechanism=external in the broker URL needs amqps:// and a certfile")


def format_options(options: UrlOptions) -> str:
    """Write options as they are read, '?' included."""
    given = {name: getattr(options, name) for name in _FILES if getattr(options, name)}
    if options.auth_mechanism != "plain":
        given["auth_mechanism"] = options.auth_mechanism
    return "?" + "&".join(f"{name}={quote(value)}" for name, value in given.items()) if given else ""
