"""Where the password of a profile comes from."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from amqptool.errors import ConfigError
from amqptool.settings.passwords import LONGEST, MOST_OUTPUT, PasswordCommand, PasswordFile, PasswordKeyring


def command(code: str, timeout: float = 60) -> PasswordCommand:
    """Make a command that runs Python."""
    return PasswordCommand((sys.executable, "-c", code), timeout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file with a password that its owner alone can read."""
    path = tmp_path / "password"
    path.write_text("s3cret\nnotes\n")
    path.chmod(0o600)
    return path


def test_the_first_line_is_the_password(file: Path) -> None:
    """Of what a command prints, and of a file, wherever the line ends."""
    assert command("print('s3cret'); print('notes')").read() == "s3cret"
    assert command("print('s3cret', end='')").read() == "s3cret"
    assert PasswordFile(file).read() == "s3cret"
    file.write_bytes("pässwörd \r\n".encode())
    assert PasswordFile(file).read() == "pässwörd "


def test_a_command_meets_no_shell() -> None:
    """Its words are its own."""
    assert PasswordCommand(("echo", "$HOME; x")).read() == "$HOME; x"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit('s3cret')", "it failed with exit code 1; run it by hand to see why"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed by signal 9"),
        ("pass", "there is no password"),
        ("print()", "there is no password"),
        (f"print('s3cret' * {LONGEST})", "the first line is too long"),
        (f"print('s3cret\\n' * {MOST_OUTPUT})", "it prints too much"),
        ("import os; os.write(1, b's3cret\\xff')", "no text in UTF-8"),
        ("print('s3cret\\0')", "no text in UTF-8"),
    ],
)
def test_a_command_that_gives_no_password(code: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is told why, and never what it printed, nor its arguments."""
    with pytest.raises(ConfigError, match=reason) as caught:
        command(code).read()
    assert "s3cret" not in f"{caught.value} {caught.value!r} {command('s3cret')!r}" + "".join(capfd.readouterr())


@pytest.mark.parametrize("words", [("/nowhere/pass",), ("/etc",), ("a\0b",)])
def test_a_command_that_is_none(words: tuple[str, ...]) -> None:
    """It is named, without its arguments."""
    with pytest.raises(ConfigError, match="password_command"):
        PasswordCommand((*words, "s3cret")).read()


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "import os; os.close(1); os.read(os.pipe()[0], 1)"])
def test_a_command_that_does_not_end_is_ended(code: str, tmp_path: Path) -> None:
    """With what it has started, whether it holds its output open or not."""
    begun = time.monotonic()
    with pytest.raises(ConfigError, match=r"did not end within 0\.5 seconds"):
        command(
            f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); os.fork(); {code}", 0.5
        ).read()
    assert time.monotonic() - begun < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o622])
def test_a_file_that_others_can_use_is_refused(file: Path, mode: int) -> None:
    """As ssh and psql do it."""
    file.chmod(mode)
    with pytest.raises(ConfigError, match="others can read it; make it yours alone: chmod 600"):
        PasswordFile(file).read()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, and nothing at all."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, reason in (("", "it is no file"), ("pipe", "it is no file"), ("x", "No such file"), ("\0", "NUL")):
        with pytest.raises(ConfigError, match=reason):
            PasswordFile(tmp_path / name).read()


def test_a_file_of_a_folder_stays_in_it(file: Path, tmp_path: Path) -> None:
    """Whatever its name or a link says."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(file)
    for name in ("link", "../password", str(file)):
        with pytest.raises(ConfigError, match="must be in that folder"):
            PasswordFile(folder / name, within=folder).read()
    assert PasswordFile(file, within=tmp_path).read() == "s3cret"


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of the library `keyring`, of which a stand-in is written there."""
    package = tmp_path / "keyring"
    package.mkdir()
    (package / "errors.py").write_text("class KeyringError(Exception): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("keyring", "keyring.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return package / "__init__.py"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("return {('broker', 'ann'): 's3cret'}[service, user]", None),
        ("return None", "has no such entry"),
        ("from keyring.errors import KeyringError; raise KeyringError('s3cret')", r"cannot be used \(KeyringError\)"),
    ],
)
def test_a_keyring_is_asked_by_service_and_user(keyring: Path, code: str, reason: str | None) -> None:
    """It may have no such entry, or be locked."""
    keyring.write_text(f"def get_password(service, user):\n    {code}\n")
    source = PasswordKeyring("broker", "ann")
    if reason is None:
        assert source.read() == "s3cret"
        return
    with pytest.raises(ConfigError, match=reason) as caught:
        source.read()
    assert "s3cret" not in str(caught.value)


def test_without_the_library_it_is_said_how_to_install_it(keyring: Path) -> None:
    """It comes with an extra."""
    keyring.write_text("raise ImportError")
    with pytest.raises(ConfigError, match=r"password_keyring needs a library: pip install 'amqptool\[keyring\]'"):
        PasswordKeyring("broker", "ann").read()
