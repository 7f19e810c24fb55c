"""Options in sections, the global ones among them, and the command classes that take these in any position."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from amqptool.cli.context import LOG_FORMATS, Context
from amqptool.cli.names import profile_names

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = TypeVar("Function", bound=Callable[..., Any])

CONNECTION, COMMON = "Connection", "Common options"
#: The widest column of names; what is wider has its help in the next line.
_NAMES = 30


class Option(click.Option):
    """An option that --help shows in a section."""

    def __init__(self, *args: Any, section: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section = section


def options_in(section: str) -> Callable[..., Callable[[Function], Function]]:
    """Return what makes options of a section, as `click.option` does."""
    return partial(click.option, cls=Option, section=section)


def together(*options: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Make a decorator of several, which add options in their order."""

    def add(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    given = context.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
    if given:
        setattr(context.ensure_object(Context), str(parameter.name), value)


def _option(section: str, *names: str, **settings: Any) -> Option:
    return Option(names, section=section, expose_value=False, callback=_remember, **settings)


def output_options() -> list[click.Option]:
    """Make the options that every command takes."""
    option = partial(_option, COMMON)
    return [
        option("--json", is_flag=True, help="Write JSON to stdout."),
        option("--verbose", "-v", count=True, help="Say more on stderr; -vv says everything."),
        option("--quiet", "-q", is_flag=True, help="Say nothing but warnings and errors."),
        option("--no-color", is_flag=True, help="No colours, not even on a terminal."),
        option(
            "--log-format",
            type=click.Choice(LOG_FORMATS),
            help="How to write to stderr: as lines for people, or as JSON objects.  [default: text]",
        ),
        option("--debug", is_flag=True, help="Show tracebacks and the AMQP library's log."),
    ]


def _profile_option() -> click.Option:
    return _option(
        CONNECTION,
        "--profile",
        metavar="NAME",
        shell_complete=profile_names,
        help="Where to connect, by a name from a configuration file.",
    )


def global_options() -> list[click.Option]:
    """Make the options that every command which connects takes."""
    url = _option(
        CONNECTION,
        "--url",
        "-u",
        metavar="URL",
        help="The broker: amqp[s]://user:password@host:port/vhost; several with commas between; or etcd://host/key.",
    )
    management_url = _option(
        CONNECTION,
        "--management-url",
        metavar="URL",
        help="The management API, if not on the broker's host at port 15672.",
    )
    return [url, _profile_option(), management_url, *output_options()]


class Sectioned(click.Command):
    """A command whose --help shows its options by their sections, the global ones last, in columns that are aligned."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, and the commands of a group."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            if isinstance(option, click.Option) and (record := option.get_help_record(ctx)):
                section = COMMON if option is self.get_help_option(ctx) else _section_of(option)
                sections.setdefault(section, []).append(record)
        width = min(_NAMES, max(len(name) for records in sections.values() for name, _ in records))
        for section in sorted(sections, key=lambda name: (name == COMMON, name == CONNECTION)):
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width) if text else name, text) for name, text in sections[section]])
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


def _section_of(option: click.Option) -> str:
    return option.section if isinstance(option, Option) else "Options"


class Verbatim(Sectioned):
    """A command whose epilog is shown as it is: lines to be copied are not to be broken."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog."""
        del ctx
        if self.epilog:
            formatter.write(f"\n{self.epilog}\n")


class Command(Verbatim):
    """A command that connects, and also takes the global options after its name."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(global_options())


class CommandGroup(Sectioned, click.Group):
    """A group of commands that connect, in the order of their definition; it takes the same options."""

    command_class = Command

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(global_options())

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands."""
        del ctx
        return list(self.commands)


class OfflineCommand(Verbatim):
    """A command that connects to no broker of the user's choice, so it takes no URL."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(output_options())


class OfflineGroup(Sectioned, click.Group):
    """A group of offline commands; it takes the same options."""

    command_class = OfflineCommand

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(output_options())


class ProfiledCommand(OfflineCommand):
    """A command that takes no URL of a broker, but a profile."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(_profile_option())


class ProfiledGroup(OfflineGroup):
    """A group of such commands; it takes the same options."""

    command_class = ProfiledCommand

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(_profile_option())
