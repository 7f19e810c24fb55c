"""Which setting wins, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from amqptool.errors import ConfigError
from amqptool.settings import DEFAULT_ORIGIN
from amqptool.settings.url import AmqpUrl, management_url, parse_urls

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

#: What is used when nothing is set.
DEFAULT_URL = AmqpUrl()

MANAGEMENT_VARIABLE = "AMQPTOOL_MANAGEMENT_URL"
_URL_VARIABLES = ("AMQPTOOL_URL", "AMQP_URL")


@dataclass(frozen=True, slots=True)
class Resolved(Generic[T]):
    """A setting's value and the place that set it, in words for people."""

    value: T
    origin: str


def resolve_urls(flag: str | None, environ: Mapping[str, str]) -> Resolved[tuple[AmqpUrl, ...]]:
    """Return the broker URLs, one or several: `--url`, then AMQPTOOL_URL, then AMQP_URL, then the default.

    Raises:
        ConfigError: the winning value is no AMQP URL; the message names the setting.
    """
    if flag is not None:
        return _parsed(flag, "--url")
    for variable in _URL_VARIABLES:
        if variable in environ:
            return _parsed(environ[variable], variable)
    return Resolved((DEFAULT_URL,), DEFAULT_ORIGIN)


def resolve_management_url(flag: str | None, environ: Mapping[str, str], url: AmqpUrl) -> Resolved[str]:
    """Return where the management API is: `--management-url`, AMQPTOOL_MANAGEMENT_URL, or the broker's host.

    Raises:
        ConfigError: the winning value is no URL of http or https.
    """
    if flag is not None:
        return _checked(flag, "--management-url")
    if MANAGEMENT_VARIABLE in environ:
        return _checked(environ[MANAGEMENT_VARIABLE], MANAGEMENT_VARIABLE)
    return Resolved(management_url(url), DEFAULT_ORIGIN)


def _checked(text: str, origin: str) -> Resolved[str]:
    scheme, separator, rest = text.partition("://")
    if scheme.lower() not in {"http", "https"} or not separator or not rest:
        raise ConfigError(f"{origin}: a management URL begins with http:// or https:// and names a host")
    if "@" in rest:  # also behind a slash, which a password may hold that nobody has escaped
        raise ConfigError(f"{origin}: a management URL holds no credentials: they are those of the broker's URL")
    return Resolved(text, origin)


def _parsed(text: str, origin: str) -> Resolved[tuple[AmqpUrl, ...]]:
    try:
        return Resolved(parse_urls(text), origin)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
