"""Where files go that nobody gave a place for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return the user's directory for amqptool's state (XDG Base Directory Specification).

    Raises:
        ConfigError: the user has no home directory.
    """
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "amqptool"


def config_file(environ: Mapping[str, str]) -> Path:
    """Return the user's own configuration file, which need not be there.

    Raises:
        ConfigError: the user has no home directory.
    """
    return _base(environ, "XDG_CONFIG_HOME", ".config") / "amqptool/config.toml"


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    base = environ.get(variable, "")
    return Path(base) if base.startswith("/") else _home(environ, variable) / below_home


def _home(environ: Mapping[str, str], variable: str) -> Path:
    home = environ.get("HOME")
    try:
        return Path(home) if home else Path.home()
    except RuntimeError as error:
        raise ConfigError(f"no home directory: set HOME or {variable}") from error


def dedup_url(environ: Mapping[str, str]) -> str:
    """Return the URL of the dedup store that handlers use by default."""
    return f"sqlite:///{state_directory(environ) / 'dedup.db'}"
