"""`amqptool profile`: the names that say where to connect."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, exit_code
from amqptool.cli.names import profile_names
from amqptool.cli.options import ProfiledGroup
from amqptool.cli.output import View, describe
from amqptool.cli.profiles import (
    Check,
    check_document,
    checks_table,
    list_document,
    list_table,
    paint_check,
    settings_of,
    settings_table,
    shown_brokers,
)
from amqptool.cli.running import run
from amqptool.errors import AmqptoolError, ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from amqptool.settings.config_file import Profile

name_argument = click.argument("name", required=False, shell_complete=profile_names)


@click.group(cls=ProfiledGroup)
def profile() -> None:
    """Look into the profiles that say where to connect.

    They stand in config.toml in the user's folder of configuration (~/.config/amqptool), and in amqptool.toml in the
    current folder.
    """


@profile.command(
    name="list",
    epilog=examples(
        ("List the profiles", "amqptool profile list"),
        ("List them for a script", "amqptool profile list --json"),
    ),
)
@pass_context
def list_(context: Context) -> ExitCode:
    """List the profiles, and mark the default one."""
    profiles = context.profiles
    found = [profiles.found[name] for name in sorted(profiles.found)]
    return context.output.show(
        View(
            kind="profile list",
            document={"profiles": list_document(found, profiles.default)},
            data=list_table(found, profiles.default, context.environ),
            talk="" if found else f"no profiles in {' and '.join(map(str, profiles.files))}",
        )
    )


@profile.command(
    epilog=examples(
        ("Show what holds with a profile", "amqptool profile show shop"),
        ("Show what holds here and now", "amqptool profile show"),
    ),
)
@name_argument
@pass_context
def show(context: Context, name: str | None) -> ExitCode:
    """Show what holds, and which setting said so.

    Without NAME, as things are. Nothing is asked for: no password, and not etcd.
    """
    context.profile = name or context.profile
    settings = settings_of(context)
    return context.output.show(
        View(
            kind="profile show",
            document={"settings": [asdict(each) for each in settings]},
            data=settings_table(settings, context.environ),
        )
    )


@profile.command(
    epilog=examples(
        ("Try a profile", "amqptool profile check shop"),
        ("Try the default one", "amqptool profile check"),
    ),
)
@name_argument
@pass_context
def check(context: Context, name: str | None) -> ExitCode:
    """Try a profile, up to its broker's answer.

    Its file, its URL, its password, its key in etcd, and the broker.
    """
    context.profile = name or context.profile
    chosen = context.chosen_profile()
    if chosen is None:
        raise ConfigError("no profile is named, and none is the default")
    checks = run(context, lambda _: _try(chosen), connects=False)
    error = checks[-1].error
    return context.output.show(
        View(
            kind="profile check",
            document={"profile": chosen.name, "checks": list(map(check_document, checks))},
            data=checks_table(checks),
            paint=paint_check,
            errors=() if error is None else (describe(error),),
            code=ExitCode.DONE if error is None else exit_code(error),
        )
    )


async def _try(chosen: Profile) -> list[Check]:
    """Return what was found, up to the first thing that fails."""
    found = [Check("file", str(chosen.file))]
    doing = "url"
    try:
        async for doing, detail in _steps(chosen):
            if detail is not None:
                found.append(Check(doing, detail))
    except AmqptoolError as error:
        found.append(Check(doing, describe(error), error))
    return found


async def _steps(chosen: Profile) -> AsyncIterator[tuple[str, str | None]]:
    """Give each step as it begins, without a detail, and as it has ended, with one."""
    from amqptool.broker.amqp import Hosts, any_of
    from amqptool.broker.discovery import Discovery, brokers_at
    from amqptool.settings.resolve import resolve_urls, with_password

    brokers = resolve_urls(None, {}, lambda: chosen).value
    yield "url", shown_brokers(brokers)
    if chosen.password is not None:
        yield "password", None
        brokers = with_password(brokers, chosen.read_password() or "")
        yield "password", str(chosen.password)
    where = brokers_at(brokers)
    if isinstance(where, Discovery):
        yield "etcd", None
        await where.refresh()
        yield "etcd", shown_brokers(where.urls)
    yield "broker", None
    async with any_of(Hosts(where)) as connection:
        yield "broker", f"{connection.cluster_name} answers at {connection.url.address}"
