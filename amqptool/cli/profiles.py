"""Profiles as people and programs see them, without a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.columns import in_columns
from amqptool.cli.output import error_fields
from amqptool.errors import ConfigError
from amqptool.settings import DEFAULT_ORIGIN
from amqptool.settings.etcd_url import EtcdUrl, parse_brokers
from amqptool.settings.resolve import BROKER_SETTINGS, resolve_management_url, resolve_urls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.cli.context import Context
    from amqptool.errors import AmqptoolError
    from amqptool.settings.config_file import Profile
    from amqptool.settings.etcd_url import Brokers

# Of the URL of a dedup store only what cannot be a piece of a password, had one been written without escapes.
_STORE = re.compile(
    r"(?P<scheme>[a-z]+)://(?:[^/@?#]*@)?(?P<host>[A-Za-z0-9._,:\[\]-]*)(?P<path>/[^@?#]*)?(?:\?[^@#]*)?"
)
_WITHOUT_SECRETS = ("memory:", "sqlite:", "none")


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for one setting, and what said so."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one thing that a profile needs."""

    name: str
    told: str
    #: What makes it a failure.
    error: AmqptoolError | None = None


def broker_of(profile: Profile) -> tuple[str | None, ConfigError | None]:
    """Return a profile's broker without its password, if there is one, and what is wrong with its URL, if anything."""
    if profile.url is None:
        return None, None
    try:
        return shown_brokers(parse_brokers(profile.url, has_password=profile.password is not None)), None
    except ConfigError as error:
        return None, error


def shown_brokers(brokers: Brokers) -> str:
    """Return where brokers are, without passwords."""
    return str(brokers) if isinstance(brokers, EtcdUrl) else ", ".join(map(str, brokers))


def shown_store(url: str) -> str:
    """Return the URL of a dedup store, without user, password and options."""
    if url.startswith(_WITHOUT_SECRETS):
        return url
    match = _STORE.fullmatch(url)
    return f"{match['scheme']}://{match['host']}{match['path'] or ''}" if match else "a URL that cannot be shown"


def shown_path(path: str, environ: Mapping[str, str]) -> str:
    """Return a path as people write it, with ~ for their home."""
    home = environ.get("HOME", "").rstrip("/")
    return f"~{path.removeprefix(home)}" if home and path.startswith(f"{home}/") else path


def list_table(profiles: Sequence[Profile], default: str | None, environ: Mapping[str, str]) -> str:
    """Return a line for each profile, the default one marked."""
    rows = [
        ("*" if each.name == default else "", each.name, _broker(each), shown_path(str(each.file), environ))
        for each in profiles
    ]
    return in_columns([("", "NAME", "BROKER", "FILE"), *rows]) if rows else ""


def list_document(profiles: Sequence[Profile], default: str | None) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [_list_entry(each, is_default=each.name == default) for each in profiles]


def _list_entry(profile: Profile, *, is_default: bool) -> dict[str, Any]:
    broker, error = broker_of(profile)
    entry = {"name": profile.name, "default": is_default, "file": str(profile.file)}
    return {**entry, "broker": broker, **error_fields(error)}


def _broker(profile: Profile) -> str:
    broker, error = broker_of(profile)
    return broker or ("(unusable: `profile check` says why)" if error else "-")


def settings_of(context: Context) -> list[Setting]:
    """Return what holds for a command with these settings; nothing is asked for that takes asking.

    Raises:
        ConfigError: one of them is wrong.
    """
    chosen = context.profiles.chosen(context.profile, context.environ)
    profile = chosen and chosen[0]
    brokers = resolve_urls(context.url, context.environ, lambda: profile)
    dedup = context.resolve_dedup(None)
    # What overrules a profile's broker also overrules its password, and its management API.
    of_broker = None if brokers.origin in BROKER_SETTINGS else profile
    found = [
        *_profile(chosen),
        Setting("url", shown_brokers(brokers.value), brokers.origin),
        _management(context, brokers.value, of_broker),
        Setting("dedup", shown_store(dedup.value), dedup.origin),
    ]
    if of_broker and of_broker.password:
        found.append(Setting("password", str(of_broker.password), of_broker.origin))
    return found


def _profile(chosen: tuple[Profile, str] | None) -> list[Setting]:
    if chosen is None:
        return [Setting("profile", "none", DEFAULT_ORIGIN)]
    profile, origin = chosen
    return [Setting("profile", profile.name, origin), Setting("file", str(profile.file), profile.origin)]


def _management(context: Context, brokers: Brokers, profile: Profile | None) -> Setting:
    from amqptool.settings.url import AmqpUrl

    first = AmqpUrl() if isinstance(brokers, EtcdUrl) else brokers[0]
    found = resolve_management_url(context.management_url, context.environ, first, profile)
    if isinstance(brokers, EtcdUrl) and found.origin == DEFAULT_ORIGIN:
        return Setting("management_url", "on the host that etcd names", DEFAULT_ORIGIN)
    return Setting("management_url", found.value, found.origin)


def settings_table(settings: Sequence[Setting], environ: Mapping[str, str]) -> str:
    """Return a line for each setting."""
    rows = [(each.name, shown_path(each.value, environ), each.origin) for each in settings]
    return in_columns([("SETTING", "VALUE", "FROM"), *rows], cut=False)


def checks_table(checks: Sequence[Check]) -> str:
    """Return a line for each check."""
    return in_columns([(_word(each), each.name, each.told) for each in checks], cut=False)


def check_document(check: Check) -> dict[str, Any]:
    """Return a check as JSON has it."""
    reason = {"message": check.told} if check.error is None else error_fields(check.error, check.told)
    return {"name": check.name, "ok": check.error is None, **reason}


def paint_check(line: str) -> str:
    """Give a line of `checks_table` its colour."""
    return click.style(line, fg="green" if line.startswith("ok") else "red")


def _word(check: Check) -> str:
    return "ok" if check.error is None else "failed"
