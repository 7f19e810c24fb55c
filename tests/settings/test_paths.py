"""Where files go that nobody gave a place for."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from amqptool.errors import ConfigError
from amqptool.settings.paths import config_file, dedup_url, state_directory


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/ann"}, "/state/amqptool"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/amqptool"),
        ({"XDG_STATE_HOME": "", "HOME": "/home/ann"}, "/home/ann/.local/state/amqptool"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/ann"}, "/home/ann/.local/state/amqptool"),
    ],
)
def test_the_state_directory_follows_xdg(environ: dict[str, str], expected: str) -> None:
    """XDG_STATE_HOME wins when it is absolute, as its specification demands; else it is ~/.local/state."""
    assert state_directory(environ) == Path(expected)


def test_the_configuration_follows_xdg() -> None:
    """XDG_CONFIG_HOME wins when it is absolute; else it is ~/.config."""
    assert config_file({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/amqptool/config.toml")
    assert config_file({"XDG_CONFIG_HOME": "c", "HOME": "/h"}) == Path("/h/.config/amqptool/config.toml")


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}])
def test_without_home_the_directory_is_still_absolute(environ: dict[str, str]) -> None:
    """An environment without HOME, as a service may have, still gives an absolute directory."""
    directory = state_directory(environ)

    assert directory.is_absolute()
    assert directory.parts[-3:] == (".local", "state", "amqptool")


def test_the_dedup_url_is_an_absolute_sqlite_path() -> None:
    """The default store is one file in the state directory, with the four slashes of an absolute path."""
    assert dedup_url({"XDG_STATE_HOME": "/state"}) == "sqlite:////state/amqptool/dedup.db"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as users that the system does not know."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(ConfigError, match="set HOME or XDG_STATE_HOME"):
        state_directory({})
