"""The TOML files in which profiles stand."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amqptool.errors import ConfigError
from amqptool.settings.files import open_file
from amqptool.settings.passwords import PasswordCommand, PasswordFile, PasswordKeyring, PasswordRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from amqptool.settings.passwords import PasswordSource

#: Bytes of the largest file that is read.
LARGEST = 1_000_000

_TOP = ("default", "profiles")
_TEXTS = ("url", "management_url", "dedup")
_PASSWORDS = ("password_command", "password_file", "password_keyring")
_SYNTAX = re.compile(r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one name stands for: a broker, and what goes with it."""

    name: str
    file: Path
    url: str | None = field(default=None, repr=False)
    management_url: str | None = field(default=None, repr=False)
    dedup: str | None = field(default=None, repr=False)
    password: PasswordSource | None = None

    @property
    def origin(self) -> str:
        """What to call it as the place that a setting came from."""
        return f"profile {self.name!r}"

    def read_password(self) -> str | None:
        """Return the password from where it is, or None where the profile does not say where.

        Raises:
            ConfigError: there is none to be had.
        """
        if self.password is None:
            return None
        try:
            return self.password.read()
        except ConfigError as error:
            raise ConfigError(f"{self.file}: {self.origin}: {error}") from error.__cause__


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What one file says: which profile is used when none is named, and the profiles."""

    default: str | None = None
    profiles: Mapping[str, Profile] = field(default_factory=dict)


def read_config(path: Path, *, is_own: bool) -> ConfigFile:
    """Read a file, which may be missing; one that is not the user's `own` runs nothing and opens nothing elsewhere.

    Raises:
        ConfigError: it cannot be read, or says something that is unknown or of the wrong type.
    """
    try:
        with open_file(path) as (opened, status):
            if not is_own:
                _check_owner(path, status)
            content = opened.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return ConfigFile()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return _Reader(path, is_own=is_own).read(_parsed(path, content))


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"{path}: it belongs to another user, who would say where you connect; remove it, or give --url"
        )
    if status.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{path}: anybody can write it, and would say where you connect: chmod o-w")


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    import tomllib

    if len(content) > LARGEST:
        raise ConfigError(f"{path}: it is larger than {LARGEST:,} bytes")
    try:
        return tomllib.loads(content.decode())
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX.fullmatch(str(error))
        if found is None:
            raise ConfigError(f"{path}: it is no TOML") from None
        place = f":{found['line']}:{found['column']}" if found["line"] else ""
        raise ConfigError(f"{path}{place}: {found['reason']}") from None
    except (UnicodeDecodeError, RecursionError):  # the former holds the whole text
        raise ConfigError(f"{path}: it is no TOML in UTF-8") from None


class _Reader:
    """Turns the tables of one file into profiles."""

    def __init__(self, path: Path, *, is_own: bool) -> None:
        self._path = path
        self._is_own = is_own

    def read(self, document: dict[str, Any]) -> ConfigFile:
        self._check_keys(document, _TOP, "")
        profiles = {name: self._profile(name, table) for name, table in self._table(document, "profiles", "").items()}
        default = self._text(document, "default", "")
        if default is not None and default not in profiles:
            raise self._error(
                f"default names profile {default!r}, which is not in this file{_meant(default, profiles)}"
            )
        return ConfigFile(default, profiles)

    def _profile(self, name: str, table: Any) -> Profile:
        where = f"profiles.{name}"
        if not isinstance(table, dict):
            raise self._error(f"{where} is a table: [{where}]")
        self._check_keys(table, (*_TEXTS, *_PASSWORDS), f"{where}.")
        texts = {key: self._text(table, key, f"{where}.") for key in _TEXTS}
        return Profile(name=name, file=self._path, password=self._password(table, f"{where}."), **texts)

    def _password(self, table: dict[str, Any], where: str) -> PasswordSource | None:
        given = [key for key in _PASSWORDS if key in table]
        if not given:
            return None
        if len(given) > 1:
            raise self._error(f"{where}{given[0]} and {given[1]} exclude each other")
        if "url" not in table:
            raise self._error(f"{where}{given[0]} is for the user of url, which is not there")
        key, value = given[0], table[given[0]]
        if key == "password_command":
            return self._command(value, where + key)
        if key == "password_file":
            return self._file(value, where + key)
        return self._keyring(value, where + key)

    def _command(self, words: Any, key: str) -> PasswordSource:
        if not (isinstance(words, list) and words and all(isinstance(word, str) for word in words) and words[0]):
            raise self._error(f'{key} is a list of words: ["pass", "show", "broker"]')
        return PasswordCommand(tuple(words)) if self._is_own else PasswordRefused("password_command", "runs nothing")

    def _file(self, name: Any, key: str) -> PasswordSource:
        if not isinstance(name, str) or not name:
            raise self._error(f"{key} is the name of a file")
        folder = self._path.parent
        try:
            path = folder / Path(name).expanduser()
        except RuntimeError:
            raise self._error(f"{key}: there is no such home directory") from None
        return PasswordFile(path, None if self._is_own else folder)

    def _keyring(self, entry: Any, key: str) -> PasswordSource:
        fields = ("service", "user")
        if not isinstance(entry, dict) or not all(isinstance(entry.get(each), str) for each in fields):
            raise self._error(f'{key} is {{service = "…", user = "…"}}')
        self._check_keys(entry, fields, f"{key}.")
        if not self._is_own:
            return PasswordRefused("password_keyring", "opens no keyring")
        return PasswordKeyring(entry["service"], entry["user"])

    def _table(self, table: dict[str, Any], key: str, where: str) -> dict[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            raise self._error(f"{where}{key} is a table")
        return value

    def _text(self, table: dict[str, Any], key: str, where: str) -> str | None:
        value = table.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self._error(f"{where}{key} is a text")
        return value

    def _check_keys(self, table: dict[str, Any], known: Collection[str], where: str) -> None:
        for key in table:
            if key not in known:
                raise self._error(f"unknown key {where + key!r}{_meant(key, known)}")

    def _error(self, text: str) -> ConfigError:
        return ConfigError(f"{self._path}: {text}")


def _meant(word: str, candidates: Collection[str]) -> str:
    from amqptool.topology.problems import SHORT_WORDS, did_you_mean

    return did_you_mean(word, candidates, cutoff=SHORT_WORDS)
