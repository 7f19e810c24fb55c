"""From the settings of a command line to the brokers: what has to be asked for is asked here, once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amqptool.broker.discovery import Discovery, brokers_at
from amqptool.cli.sanitize import clean_line
from amqptool.errors import ConfigError
from amqptool.settings.etcd_url import EtcdUrl
from amqptool.settings.passwords import PasswordFile
from amqptool.settings.profiles import asked_profile
from amqptool.settings.resolve import BROKER_SETTINGS, Resolved, resolve_urls, with_password

if TYPE_CHECKING:
    from amqptool.broker.discovery import Where
    from amqptool.cli.context import Context
    from amqptool.settings.etcd_url import Brokers


def resolve(context: Context) -> Resolved[Where]:
    """Return where the brokers are; see `Context.resolve_urls` for the errors."""
    if asked_profile(context.profile, context.environ) is not None:
        context.chosen_profile()  # a misspelt name is told even where its URL is not wanted
    resolved = resolve_urls(context.url, context.environ, context.chosen_profile)
    context.url_origin = resolved.origin
    if context.profile is not None:
        _note_overruling(context, resolved.origin)
    where = brokers_at(_with_password(context, resolved))
    if isinstance(where, Discovery):
        asyncio.run(where.refresh())
    return Resolved(where, resolved.origin)


def _note_overruling(context: Context, origin: str) -> None:
    profile = context.chosen_profile()
    if profile is not None and profile.url is not None and origin in BROKER_SETTINGS and context.url is None:
        context.output.talk(clean_line(f"note: {origin} goes before the url of profile {profile.name!r}"))


def _with_password(context: Context, resolved: Resolved[Brokers]) -> Brokers:
    if resolved.origin in BROKER_SETTINGS:
        return resolved.value
    if not context.needs_password and not isinstance(resolved.value, EtcdUrl):
        return resolved.value
    profile = context.chosen_profile()
    if profile is not None and not context.may_ask and not isinstance(profile.password, PasswordFile | None):
        raise ConfigError(f"{profile.origin}: its password would have to be asked for")
    password = None if profile is None else profile.read_password()
    return resolved.value if password is None else with_password(resolved.value, password)
