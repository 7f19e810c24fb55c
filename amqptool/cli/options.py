"""The global options, and the command class that takes them in any position."""

from __future__ import annotations

from typing import Any

import click

from amqptool.cli.context import Context


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    given = context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    if given and not context.resilient_parsing:
        setattr(context.ensure_object(Context), str(parameter.name), value)


def _option(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, **settings)


def global_options() -> list[click.Option]:
    """Make the options that the group and every command take."""
    return [
        _option("--url", "-u", metavar="URL", help="The broker: amqp[s]://user:password@host:port/vhost."),
        _option("--json", is_flag=True, help="Write JSON to stdout."),
        _option("--verbose", "-v", count=True, help="Say more on stderr; -vv says everything."),
        _option("--quiet", "-q", is_flag=True, help="Say nothing but warnings and errors."),
        _option("--no-color", is_flag=True, help="No colours, not even on a terminal."),
        _option("--debug", is_flag=True, help="Show tracebacks and the AMQP library's log."),
    ]


class Command(click.Command):
    """A command that also takes the global options, after its name."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(global_options())


class Group(click.Group):
    """A group whose commands take the global options."""

    command_class = Command
