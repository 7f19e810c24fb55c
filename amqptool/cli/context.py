"""What every command is given: the global options, resolved when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from amqptool.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.broker.amqp import Hosts
    from amqptool.broker.discovery import Where
    from amqptool.broker.management import Management
    from amqptool.settings.config_file import Profile
    from amqptool.settings.profiles import Profiles
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
    #: The name of a profile.
    profile: str | None = None
    management_url: str | None = None
    json: bool = False
    verbose: int = 0
    quiet: bool = False
    no_color: bool = False
    #: Whether the broker is connected to, and not only named.
    needs_password: bool = True
    #: Whether a password may be asked for that somebody may have to unlock.
    may_ask: bool = True
    debug: bool = False
    #: One of `LOG_FORMATS`; None: what the environment says.
    log_format: str | None = None
    #: Which setting gave the URL, once one was asked for.
    url_origin: str | None = None
    #: Which setting gave the management API's URL, once that was asked for.
    management_origin: str | None = None
    #: Whether tasks or threads are left that nothing ends but the end of the process.
    leaves_something: bool = False
    _where: Resolved[Where] | None = None
    _chosen_url: AmqpUrl | None = None
    _hosts: Hosts | None = None
    _profiles: Profiles | None = None

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
        from amqptool.broker.discovery import urls_at
        from amqptool.settings.resolve import Resolved

        resolved = self.resolve_urls()
        return Resolved(self._chosen_url or urls_at(resolved.value)[0], resolved.origin)

    def resolve_urls(self) -> Resolved[Where]:
        """Return where the brokers are, for what can turn to another one, and the setting that said so.

        The first time this may take a while: a password may have to be asked for, or etcd.

        Raises:
            ConfigError: a URL is malformed, or there is no password to be had.
            BrokerUnavailable: etcd cannot be reached.
            AccessRefused: etcd refused us.
        """
        if self._where is None:
            from amqptool.cli.connecting import resolve

            self._where = resolve(self)
        return self._where

    @property
    def profiles(self) -> Profiles:
        """All profiles.

        Raises:
            ConfigError: a file with profiles is wrong.
        """
        if self._profiles is None:
            from amqptool.settings.profiles import read_profiles

            self._profiles = read_profiles(self.environ)
        return self._profiles

    def chosen_profile(self) -> Profile | None:
        """Return the profile that is named, or else the default one, if there is one.

        Raises:
            ConfigError: none has that name, or a file with profiles is wrong.
        """
        chosen = self.profiles.chosen(self.profile, self.environ)
        return chosen and chosen[0]

    def resolve_dedup(self, flag: str | None) -> Resolved[str]:
        """Return the URL of the dedup store and the setting that it came from; `flag` is what --dedup says.

        Raises:
            ConfigError: the profile is wrong.
        """
        from amqptool.settings.resolve import resolve_dedup

        return resolve_dedup(flag, self.environ, self.chosen_profile)

    async def choose_url(self) -> AmqpUrl:
        """Of several broker URLs, use the first that answers from now on, and its management API; return it.

        Raises:
            BrokerUnavailable: none answers.
        """
        from amqptool.broker.answering import first_to_answer

        if self._chosen_url is None:
            self._chosen_url = await first_to_answer(self.resolve_urls().value)
        return self._chosen_url

    @property
    def may_choose(self) -> bool:
        """Whether the broker may be found elsewhere too: there are several URLs, or etcd knows them."""
        from amqptool.broker.discovery import Discovery

        where = self.resolve_urls().value
        return isinstance(where, Discovery) or len(where) > 1

    async def choose_another_url(self) -> None:
        """Use another broker URL that answers, or the one in use if no other does; etcd is asked again.

        Raises:
            BrokerUnavailable: none answers.
        """
        from amqptool.broker.amqp import Hosts, any_of

        if self._hosts is None:
            self._hosts = Hosts(self.resolve_urls().value)
        if self._hosts.current == self.resolve_url().value:
            self._hosts.rotate()
        async with any_of(self._hosts) as connection:
            self._chosen_url = connection.url

    def resolve_management_url(self) -> Resolved[str]:
        """Return where the management API is and the setting that said so.

        Raises:
            ConfigError: one of the two URLs is malformed.
        """
        from amqptool.settings.resolve import BROKER_SETTINGS, resolve_management_url

        url = self.resolve_url()
        profile = None if url.origin in BROKER_SETTINGS else self.chosen_profile()
        resolved = resolve_management_url(self.management_url, self.environ, url.value, profile)
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
