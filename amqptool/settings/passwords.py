"""Where the password of a profile comes from: a command, a file, or the system's keyring."""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from amqptool.errors import ConfigError
from amqptool.extras import importing_for
from amqptool.settings.files import open_file
from amqptool.signals import interruptible, postponed

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds that a command may take, in which a person may have to unlock something.
COMMAND_TIMEOUT = 30.0
#: Bytes of the longest password, and of all that a command may print with it.
LONGEST = 4096
MOST_OUTPUT = 65_536


class PasswordSource(Protocol):
    """Something that knows a password; its `str` is for people, and shows nothing secret."""

    def read(self) -> str:
        """Return the password.

        Raises:
            ConfigError: there is none to be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class PasswordCommand:
    """A program whose first line of output is the password. No shell is involved."""

    # Its arguments may hold what opens a safe.
    words: Sequence[str] = field(repr=False)
    timeout: float = COMMAND_TIMEOUT

    def __str__(self) -> str:
        return f"password_command {self.words[0]!r}"

    def read(self) -> str:
        """Run the program; what it says on stderr is not shown, since it may be anything.

        Raises:
            ConfigError: it cannot be run, fails, takes too long, or prints no password.
        """
        with interruptible(), ExitStack() as at_last:
            with postponed():
                process = at_last.enter_context(self._start())
                at_last.push(partial(_kill_unless_well, process))
            return _password(self._output(process), str(self))

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - the words are the user's own
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        except (OSError, ValueError) as error:  # the latter of a NUL
            reason = error.strerror if isinstance(error, OSError) else "its words hold a NUL"
            raise ConfigError(f"{self}: {reason}") from None

    def _output(self, process: subprocess.Popen[bytes]) -> bytes:
        """Return what the program prints until its end."""
        deadline = time.monotonic() + self.timeout
        stdout = process.stdout.fileno() if process.stdout else -1
        printed = b""
        while select.select([stdout], [], [], max(deadline - time.monotonic(), 0))[0]:
            more = os.read(stdout, MOST_OUTPUT)
            printed += more
            if len(printed) > MOST_OUTPUT:
                raise ConfigError(f"{self}: it prints too much for a password")
            if not more:
                break
        try:
            code = process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise ConfigError(f"{self}: it did not end within {self.timeout:g} seconds") from None
        if code:
            raise ConfigError(f"{self}: {_ending(code)}; run it by hand to see why")
        return printed


def _kill_unless_well(process: subprocess.Popen[bytes], kind: type[BaseException] | None, *_: object) -> None:
    """End a program after an error, or an interrupt."""
    if kind is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """A file whose first line is the password, and that nobody else may read.

    `within` is a folder that it must be in.
    """

    path: Path
    within: Path | None = None

    def __str__(self) -> str:
        return f"password_file {str(self.path)!r}"

    def read(self) -> str:
        """Read the file.

        Raises:
            ConfigError: it cannot be read, others can read it, or it is not where it must be.
        """
        try:
            path = Path(os.path.realpath(self.path))
            if self.within is not None and not path.is_relative_to(os.path.realpath(self.within)):
                raise ConfigError(f"{self}: a file named in the current folder's amqptool.toml must be in that folder")
            with open_file(path) as (opened, status):
                self._check(status)
                return _password(opened.read(MOST_OUTPUT), str(self))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its name holds a NUL"
            raise ConfigError(f"{self}: {reason}") from None

    def _check(self, status: os.stat_result) -> None:
        if status.st_uid not in (os.geteuid(), 0):
            raise ConfigError(f"{self}: it belongs to another user")
        # As psql has it with keys: root's may be for a group, as containers mount secrets.
        others = stat.S_IRWXO | (stat.S_IRWXG if status.st_uid == os.geteuid() else 0)
        if status.st_mode & others:
            raise ConfigError(f"{self}: others can read it; make it yours alone: chmod 600")


@dataclass(frozen=True, slots=True)
class PasswordKeyring:
    """An entry of the system's keyring, by the library `keyring`."""

    service: str
    user: str

    def __str__(self) -> str:
        return f"password_keyring {self.service!r}, user {self.user!r}"

    def read(self) -> str:
        """Ask the keyring.

        Raises:
            ConfigError: the library is not installed, or the keyring has no such entry, or is locked.
        """
        with importing_for("keyring", "password_keyring needs"):
            import keyring
            import keyring.errors
        try:
            found = keyring.get_password(self.service, self.user)
        except keyring.errors.KeyringError as error:
            raise ConfigError(f"{self}: the keyring cannot be used ({type(error).__name__})") from None
        if found is None:
            raise ConfigError(f"{self}: the keyring has no such entry")
        return _checked(found, str(self))


@dataclass(frozen=True, slots=True)
class PasswordRefused:
    """A source that is not asked, since whoever wrote the file may be anybody."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}, which is refused: a file of the current folder {self.reason}"

    def read(self) -> str:
        """Refuse.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"{self}; put the profile into your own configuration")


def _ending(code: int) -> str:
    return f"it failed with exit code {code}" if code > 0 else f"it was killed by signal {-code}"


def _password(content: bytes, source: str) -> str:
    line = content.partition(b"\n")[0].removesuffix(b"\r")
    if len(line) > LONGEST:
        raise ConfigError(f"{source}: the first line is too long for a password")
    # A decoder's error would hold the password.
    return _checked(line.decode("utf-8", "surrogateescape"), source)


def _checked(password: str, source: str) -> str:
    if not password:
        raise ConfigError(f"{source}: there is no password")
    if "\0" in password or any("\ud800" <= character <= "\udfff" for character in password):
        raise ConfigError(f"{source}: what is there is no text in UTF-8")
    return password
