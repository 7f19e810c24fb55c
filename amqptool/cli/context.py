"""What every command is given: the global options, resolved when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from amqptool.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.broker.management import Management
    from amqptool.settings.resolve import Resolved
    from amqptool.settings.url import AmqpUrl

#: How stderr can be written.
LOG_FORMATS = ("text", "json")
LOG_FORMAT_VARIABLE = "AMQPTOOL_LOG_FORMAT"


@dataclass(slots=True, kw_only=True)
class Context:
    """The global options of one invocation; filled by click while it parses."""

    environ: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    management_url: str | None = None
    json: bool = False
    verbose: int = 0
    quiet: bool = False
    no_color: bool = False
    debug: bool = False
    #: One of `LOG_FORMATS`; None: what the environment says.
    log_format: str | None = None
    #: Which setting gave the URL, once one was asked for.
    url_origin: str | None = None
    #: Which setting gave the management API's URL, once that was asked for.
    management_origin: str | None = None
    #: Whether tasks or threads are left that nothing ends but the end of the process.
    leaves_something: bool = False
    _chosen_url: AmqpUrl | None = None

    @property
    def output(self) -> Output:
        """Where this invocation writes."""
        plain = self.no_color or bool(self.environ.get("NO_COLOR")) or self.environ.get("TERM") == "dumb"
        return Output(
            as_json=self.json,
            logs_json=self.logs_json,
            quiet=self.quiet,
            verbose=self.verbose,
            color=False if plain else None,
        )

    @property
    def logs_json(self) -> bool:
        """Whether everything on stderr is a JSON object a line."""
        return (self.log_format or self.environ.get(LOG_FORMAT_VARIABLE)) == "json"

    def check_environment(self) -> None:
        """Check what no command asks for.

        Raises:
            ConfigError: the format of the log is unknown.
        """
        from amqptool.errors import ConfigError

        wanted = self.environ.get(LOG_FORMAT_VARIABLE)
        if wanted and wanted not in LOG_FORMATS:
            raise ConfigError(f"{LOG_FORMAT_VARIABLE} is {' or '.join(LOG_FORMATS)}, not {wanted!r}")

    def resolve_url(self) -> Resolved[AmqpUrl]:
        """Return the broker's URL, of several the chosen or the first one, and the setting it came from.

        Raises:
            ConfigError: the URL is malformed.
        """
        from amqptool.settings.resolve import Resolved

        resolved = self.resolve_urls()
        return Resolved(self._chosen_url or resolved.value[0], resolved.origin)

    def resolve_urls(self) -> Resolved[tuple[AmqpUrl, ...]]:
        """Return the broker's URLs, for what can turn to another one, and the setting they came from.

        Raises:
            ConfigError: a URL is malformed.
        """
        from amqptool.settings.resolve import resolve_urls

        resolved = resolve_urls(self.url, self.environ)
        self.url_origin = resolved.origin
        return resolved

    async def choose_url(self) -> None:
        """Of several broker URLs, use the first that answers from now on, and its management API.

        Raises:
            BrokerUnavailable: none answers.
        """
        urls = self.resolve_urls().value
        if len(urls) > 1 and self._chosen_url is None:
            from amqptool.broker.amqp import Hosts, any_of

            async with any_of(Hosts(urls)) as connection:
                self._chosen_url = connection.url

    def resolve_management_url(self) -> Resolved[str]:
        """Return where the management API is and the setting that said so.

        Raises:
            ConfigError: one of the two URLs is malformed.
        """
        from amqptool.settings.resolve import resolve_management_url

        resolved = resolve_management_url(self.management_url, self.environ, self.resolve_url().value)
        self.management_origin = resolved.origin
        return resolved

    def management(self) -> Management:
        """Make a session with the management API, for `async with`.

        Raises:
            ConfigError: one of the two URLs is malformed.
        """
        from amqptool.broker.management import Management

        return Management.at(self.resolve_management_url().value, self.resolve_url().value)


pass_context = click.make_pass_decorator(Context)
