"""Which setting wins, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from amqptool.errors import ConfigError
from amqptool.settings import DEFAULT_ORIGIN
from amqptool.settings.etcd_url import EtcdUrl, parse_brokers
from amqptool.settings.paths import dedup_url
from amqptool.settings.url import AmqpUrl, management_url, parse_management_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amqptool.settings.config_file import Profile
    from amqptool.settings.etcd_url import Brokers

    FindProfile: TypeAlias = Callable[[], Profile | None]

T = TypeVar("T")

#: What is used when nothing is set.
DEFAULT_URL = AmqpUrl()

MANAGEMENT_VARIABLE = "AMQPTOOL_MANAGEMENT_URL"
DEDUP_VARIABLE = "AMQPTOOL_DEDUP"
_URL_VARIABLES = ("AMQPTOOL_URL", "AMQP_URL")
#: The origins of a broker's URL that go before a profile's.
BROKER_SETTINGS = ("--url", *_URL_VARIABLES)


@dataclass(frozen=True, slots=True)
class Resolved(Generic[T]):
    """A setting's value and the place that set it, in words for people."""

    value: T
    origin: str


def resolve_urls(
    flag: str | None, environ: Mapping[str, str], find_profile: FindProfile = lambda: None
) -> Resolved[Brokers]:
    """Return where the brokers are: `--url`, then AMQPTOOL_URL, then AMQP_URL, then the profile, then the default.

    A profile is only looked for when it is its turn. What it says of a password is not asked: see `with_password`.

    Raises:
        ConfigError: the winning value is no URL of brokers or etcd; the message names the setting.
    """
    if flag is not None:
        return _parsed(flag, "--url")
    for variable in _URL_VARIABLES:
        if variable in environ:
            return _parsed(environ[variable], variable)
    profile = find_profile()
    if profile is not None and profile.url is not None:
        place = f"{profile.file}: {profile.origin}"
        return replace(_parsed(profile.url, place, has_password=profile.password is not None), origin=profile.origin)
    return Resolved((DEFAULT_URL,), DEFAULT_ORIGIN)


def with_password(brokers: Brokers, password: str) -> Brokers:
    """Return where the brokers are, with the password of the user who is named there."""
    if isinstance(brokers, EtcdUrl):
        return replace(brokers, password=password)
    return tuple(replace(url, password=password) for url in brokers)


def resolve_dedup(
    flag: str | None, environ: Mapping[str, str], find_profile: FindProfile = lambda: None
) -> Resolved[str]:
    """Return the URL of the dedup store: `--dedup`, then AMQPTOOL_DEDUP, then the profile, then a file of the user's.

    Raises:
        ConfigError: the user has no home directory for that file.
    """
    if flag is not None:
        return Resolved(flag, "--dedup")
    if environ.get(DEDUP_VARIABLE):
        return Resolved(environ[DEDUP_VARIABLE], DEDUP_VARIABLE)
    profile = find_profile()
    if profile is not None and profile.dedup is not None:
        return Resolved(profile.dedup, profile.origin)
    return Resolved(dedup_url(environ), DEFAULT_ORIGIN)


def resolve_management_url(
    flag: str | None, environ: Mapping[str, str], url: AmqpUrl, profile: Profile | None = None
) -> Resolved[str]:
    """Return where the management API is: `--management-url`, AMQPTOOL_MANAGEMENT_URL, profile, or the broker's host.

    The profile is the one that gave the broker's URL: of another broker's management API nothing is wanted.

    Raises:
        ConfigError: the winning value is no URL of http or https.
    """
    if flag is not None:
        return _checked(flag, "--management-url")
    if MANAGEMENT_VARIABLE in environ:
        return _checked(environ[MANAGEMENT_VARIABLE], MANAGEMENT_VARIABLE)
    if profile is not None and profile.management_url is not None:
        return replace(_checked(profile.management_url, f"{profile.file}: {profile.origin}"), origin=profile.origin)
    return Resolved(management_url(url), DEFAULT_ORIGIN)


def _checked(text: str, origin: str) -> Resolved[str]:
    try:
        return Resolved(parse_management_url(text), origin)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _parsed(text: str, origin: str, *, has_password: bool = False) -> Resolved[Brokers]:
    try:
        return Resolved(parse_brokers(text, has_password=has_password), origin)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
