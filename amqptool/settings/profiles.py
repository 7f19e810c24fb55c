"""Which profile is meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.errors import ConfigError
from amqptool.settings.config_file import ConfigFile, read_config
from amqptool.settings.paths import config_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.settings.config_file import Profile

PROFILE_VARIABLE = "AMQPTOOL_PROFILE"
#: The name of a file of the current folder.
LOCAL_FILE = "amqptool.toml"


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles, by name, and which of them is used when none is named."""

    found: Mapping[str, Profile]
    default: str | None
    #: Where they were looked for.
    files: tuple[Path, ...]

    def named(self, name: str, origin: str) -> Profile:
        """Return the profile that a setting names.

        Raises:
            ConfigError: there is none of that name.
        """
        if name in self.found:
            return self.found[name]
        from amqptool.topology.problems import SHORT_WORDS, did_you_mean, quoted

        looked_at = " and ".join(map(str, self.files))
        meant = did_you_mean(name, self.found, cutoff=SHORT_WORDS)
        raise ConfigError(f"no profile {quoted(name)} (from {origin}) in {looked_at}{meant}")

    def chosen(self, flag: str | None, environ: Mapping[str, str]) -> tuple[Profile, str] | None:
        """Return the profile that `--profile` names, else AMQPTOOL_PROFILE, else the default one, and what chose it.

        Raises:
            ConfigError: there is none of that name.
        """
        asked = asked_profile(flag, environ)
        if asked is not None:
            return self.named(*asked), asked[1]
        if self.default is None:
            return None
        profile = self.found[self.default]
        return profile, "default = in that file"


def asked_profile(flag: str | None, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name of the profile that somebody asks for, and the setting that does; None: nobody does."""
    if flag is not None:
        return flag, "--profile"
    return (environ[PROFILE_VARIABLE], PROFILE_VARIABLE) if environ.get(PROFILE_VARIABLE) else None


def read_profiles(environ: Mapping[str, str], folder: Path | None = None) -> Profiles:
    """Read the user's own file and that of a folder, by default the current one; the user's own has the last word.

    Raises:
        ConfigError: one of them is wrong.
    """
    own, local = _own_file(environ), _local_file(folder)
    mine = read_config(own, is_own=True) if own else ConfigFile()
    theirs = read_config(local, is_own=False)
    files = (own, local) if own else (local,)
    return Profiles({**theirs.profiles, **mine.profiles}, mine.default or theirs.default, files)


def _own_file(environ: Mapping[str, str]) -> Path | None:
    """Return the user's own file; None for a user without a home, as in a container."""
    try:
        return config_file(environ)
    except ConfigError:
        return None


def _local_file(folder: Path | None) -> Path:
    try:
        return (folder or Path()).absolute() / LOCAL_FILE
    except FileNotFoundError:  # the current folder was removed
        return Path(LOCAL_FILE)
