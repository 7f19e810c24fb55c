"""What files with profiles say, and which profile is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amqptool.errors import ConfigError
from amqptool.settings.config_file import LARGEST, ConfigFile, Profile, read_config
from amqptool.settings.passwords import PasswordCommand, PasswordFile, PasswordKeyring, PasswordRefused
from amqptool.settings.profiles import read_profiles

README = Path(__file__).parents[2] / "README.md"
TWO = """
default = "one"
[profiles.one]
url = "amqp://one"
[profiles.two]
url = "amqp://ann@two"
management_url = "https://two"
dedup = "redis://two/1"
"""


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders that it takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def own(path: Path, text: str) -> ConfigFile:
    """Read a text as the user's own file."""
    return read_config(write(path / "config.toml", text), is_own=True)


def test_a_profile_is_what_it_says(tmp_path: Path) -> None:
    """Its broker, and what goes with it."""
    found = own(tmp_path, TWO)
    file = tmp_path / "config.toml"
    assert found.default == "one"
    assert found.profiles["two"] == Profile(
        name="two", file=file, url="amqp://ann@two", management_url="https://two", dedup="redis://two/1"
    )


def test_where_a_password_comes_from(tmp_path: Path) -> None:
    """A file is relative to the file that names it, and ~ is the user's home."""
    found = own(
        tmp_path,
        """
        profiles.a = {url = "amqp://ann@h", password_command = ["pass", "show", "x"]}
        profiles.b = {url = "amqp://ann@h", password_file = "x/y"}
        profiles.c = {url = "amqp://ann@h", password_file = "~/y"}
        profiles.d = {url = "amqp://ann@h", password_keyring = {service = "s", user = "u"}}
        """,
    ).profiles
    assert found["a"].password == PasswordCommand(("pass", "show", "x"))
    assert found["b"].password == PasswordFile(tmp_path / "x/y")
    assert found["c"].password == PasswordFile(Path.home() / "y")
    assert found["d"].password == PasswordKeyring("s", "u")


def test_the_example_of_the_readme_is_one(tmp_path: Path) -> None:
    """It can be copied."""
    text = README.read_text().partition("```toml\n")[2].partition("```")[0]
    found = own(tmp_path, text)
    assert found.profiles[found.default or ""].password == PasswordCommand(("pass", "show", "mq"))


def test_a_profile_shows_no_url(tmp_path: Path) -> None:
    """Which may hold passwords."""
    text = 'profiles.a = {url = "amqp://ann:s3cret@h", dedup = "redis://:s3cret@h"}'
    assert "s3cret" not in repr(own(tmp_path, text))


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    """Nor does one in a folder that is none."""
    write(tmp_path / "file", "")
    for path in (tmp_path / "config.toml", tmp_path / "file/config.toml"):
        assert read_config(path, is_own=True) == ConfigFile()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("defualt = 'a'", "config.toml: unknown key 'defualt'; did you mean 'default'?"),
        ("[profiles.a]\nulr = 'x'", "config.toml: unknown key 'profiles.a.ulr'; did you mean 'url'?"),
        ("[profiles.a]\nurl = \n", "config.toml:2:7: Invalid value"),
        ("[profiles.a]\nurl = 'x'\nurl = 's3cret'\n", "config.toml:3:15: Cannot overwrite a value"),
        ("default = 'b'\n[profiles.ab]", "config.toml: default names profile 'b', which is not in this file"),
        ("default = 1", "config.toml: default is a text"),
        ("profiles = 1", "config.toml: profiles is a table"),
        ("profiles.a = 1", "config.toml: profiles.a is a table: [profiles.a]"),
        ("profiles.a = {url = 1}", "config.toml: profiles.a.url is a text"),
        ("profiles.a = {url = 'x', password_command = 'pass s3cret'}", "password_command is a list of words"),
        ("profiles.a = {url = 'x', password_command = []}", "password_command is a list of words"),
        ("profiles.a = {url = 'x', password_file = 1}", "password_file is the name of a file"),
        ("profiles.a = {url = 'x', password_file = '~nobody-at-all/x'}", "there is no such home directory"),
        ("profiles.a = {url = 'x', password_keyring = 's3cret'}", 'password_keyring is {service = "…", user = "…"}'),
        (
            "profiles.a = {url = 'x', password_keyring = {service = 's', user = 'u', usr = ''}}",
            "unknown key 'profiles.a.password_keyring.usr'; did you mean 'user'?",
        ),
        (
            "profiles.a = {url = 'x', password_file = 'x', password_command = ['x']}",
            "password_command and password_file exclude each other",
        ),
        ("profiles.a = {password_file = 'x'}", "password_file is for the user of url, which is not there"),
        ("\udcff", "it is no TOML in UTF-8"),
        ("#" * (LARGEST + 1), "it is larger than 1,000,000 bytes"),
    ],
)
def test_what_a_file_must_not_say(tmp_path: Path, text: str, error: str) -> None:
    """It is told where, and what was probably meant, and no value."""
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        read_config(path, is_own=True)
    assert error in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder, and a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="it is no file"):
            read_config(path, is_own=True)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("password_command = ['touch', 'x']", "runs nothing; put the profile into your own configuration"),
        ("password_keyring = {service = 's', user = 'u'}", "opens no keyring"),
    ],
)
def test_the_file_of_a_folder_does_nothing_behind_the_users_back(tmp_path: Path, source: str, error: str) -> None:
    """It may have come with the folder, from anybody."""
    path = write(tmp_path / "amqptool.toml", f"[profiles.a]\nurl = 'amqp://ann@h'\n{source}")
    with pytest.raises(ConfigError, match=error):
        read_config(path, is_own=False).profiles["a"].read_password()
    assert not isinstance(read_config(path, is_own=True).profiles["a"].password, PasswordRefused)


def test_the_file_of_a_folder_names_a_password_file_of_that_folder(tmp_path: Path) -> None:
    """Else it could have any file of the user's sent to any host."""
    path = write(tmp_path / "amqptool.toml", "[profiles.a]\nurl = 'amqp://ann@h'\npassword_file = 'x'")
    assert read_config(path, is_own=False).profiles["a"].password == PasswordFile(tmp_path / "x", within=tmp_path)


def test_a_file_that_anybody_can_write_is_refused(tmp_path: Path) -> None:
    """In a folder that is shared, such as /tmp."""
    path = write(tmp_path / "amqptool.toml", TWO)
    path.chmod(0o646)
    with pytest.raises(ConfigError, match="anybody can write it"):
        read_config(path, is_own=False)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a user with profiles of her own and in a folder, `one` in both."""
    write(tmp_path / "config/amqptool/config.toml", TWO)
    write(tmp_path / "folder/amqptool.toml", 'default = "three"\nprofiles.three.url="x"\nprofiles.one.url="y"')
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.mark.parametrize(
    ("flag", "variable", "name", "origin"),
    [
        ("two", "three", "two", "--profile"),
        (None, "three", "three", "AMQPTOOL_PROFILE"),
        (None, "", "one", "default = in that file"),
    ],
)
def test_the_nearest_setting_chooses(
    environ: dict[str, str], tmp_path: Path, flag: str | None, variable: str, name: str, origin: str
) -> None:
    """The option, then the variable, then the default."""
    environ["AMQPTOOL_PROFILE"] = variable
    chosen = read_profiles(environ, tmp_path / "folder").chosen(flag, environ)
    assert chosen is not None
    assert (chosen[0].name, chosen[1]) == (name, origin)


def test_the_users_own_file_has_the_last_word(environ: dict[str, str], tmp_path: Path) -> None:
    """On what a name stands for, and on the default; what it does not say, the folder's may."""
    profiles = read_profiles(environ, tmp_path / "folder")
    assert sorted(profiles.found) == ["one", "three", "two"]
    assert profiles.found["one"].url == "amqp://one"
    assert profiles.default == "one"
    assert read_profiles({"XDG_CONFIG_HOME": "/nowhere"}, tmp_path / "folder").default == "three"


def test_no_profile_is_chosen_where_there_is_none(tmp_path: Path) -> None:
    """Without files, and without a home."""
    for environ in ({"HOME": str(tmp_path)}, {"XDG_CONFIG_HOME": str(tmp_path)}):
        assert read_profiles(environ, tmp_path).chosen(None, environ) is None


def test_an_unknown_profile_is_told_with_what_was_meant(environ: dict[str, str], tmp_path: Path) -> None:
    """And where it was looked for."""
    with pytest.raises(ConfigError, match=r"no profile 'tow' \(from --profile\) in .*; did you mean 'two'\?"):
        read_profiles(environ, tmp_path).chosen("tow", environ)
