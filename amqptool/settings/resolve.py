"""Which setting wins, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from amqptool.errors import ConfigError
from amqptool.settings import DEFAULT_ORIGIN
from amqptool.settings.url import AmqpUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

#: What is used when nothing is set.
DEFAULT_URL = AmqpUrl()

_URL_VARIABLES = ("AMQPTOOL_URL", "AMQP_URL")


@dataclass(frozen=True, slots=True)
class Resolved(Generic[T]):
    """A setting's value and the place that set it, in words for people."""

    value: T
    origin: str


def resolve_url(flag: str | None, environ: Mapping[str, str]) -> Resolved[AmqpUrl]:
    """Return the broker URL: `--url`, then AMQPTOOL_URL, then AMQP_URL, then the default.

    Raises:
        ConfigError: the winning value is no AMQP URL; the message names the setting.
    """
    if flag is not None:
        return _parsed(flag, "--url")
    for variable in _URL_VARIABLES:
        if variable in environ:
            return _parsed(environ[variable], variable)
    return Resolved(DEFAULT_URL, DEFAULT_ORIGIN)


def _parsed(text: str, origin: str) -> Resolved[AmqpUrl]:
    try:
        return Resolved(parse_url(text), origin)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
