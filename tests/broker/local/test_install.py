"""RabbitMQ is found where it is, and its absence says how to install it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from amqptool.broker.local.install import Installation, find_installation, not_installed

if TYPE_CHECKING:
    from pathlib import Path


def program(folder: Path, name: str) -> Path:
    """Make an executable file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_the_one_in_path_wins(tmp_path: Path) -> None:
    """Who puts a RabbitMQ into PATH means it."""
    server, epmd = program(tmp_path / "bin", "rabbitmq-server"), program(tmp_path / "bin", "epmd")
    program(tmp_path / "usual", "rabbitmq-server")
    found = find_installation(str(tmp_path / "bin"), server_places=[str(tmp_path / "usual")])
    assert found == Installation(server, epmd)


def test_the_usual_places_are_searched_newest_version_first(tmp_path: Path) -> None:
    """A place may be a pattern, and PATH may lack both programs."""
    program(tmp_path / "rabbitmq-3.9/sbin", "rabbitmq-server")
    server = program(tmp_path / "rabbitmq-3.10/sbin", "rabbitmq-server")
    epmd = program(tmp_path / "erl", "epmd")
    places = {"server_places": [f"{tmp_path}/rabbitmq-*/sbin"], "epmd_places": [str(tmp_path / "erl")]}
    assert find_installation("", **places) == Installation(server, epmd)


def test_a_wrapper_of_the_distribution_is_not_used() -> None:
    """The wrapper in /usr/sbin would switch to the user rabbitmq."""
    assert find_installation("/usr/sbin:/usr/bin", server_places=[]) is None


def test_nothing_is_found_without_erlang(tmp_path: Path) -> None:
    """A rabbitmq-server without a port mapper cannot run."""
    program(tmp_path, "rabbitmq-server")
    assert find_installation(os.fspath(tmp_path), epmd_places=[]) is None


@pytest.mark.parametrize(
    ("platform", "os_release", "lines"),
    [
        ("linux", "ID=debian\n", ["sudo apt install rabbitmq-server"]),
        ("linux", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', ["sudo apt install rabbitmq-server"]),
        ("linux", "ID=fedora\n", ["sudo dnf install rabbitmq-server"]),
        ("darwin", "", ["brew install rabbitmq"]),
        (
            "linux",
            "ID=plan9\n",
            ["sudo apt install rabbitmq-server", "sudo dnf install rabbitmq-server", "brew install rabbitmq"],
        ),
    ],
)
def test_the_error_carries_the_install_line_of_this_system(
    tmp_path: Path, platform: str, os_release: str, lines: list[str]
) -> None:
    """Known systems get their line, unknown ones all of them."""
    (tmp_path / "os-release").write_text(os_release)
    told = str(not_installed(platform, tmp_path / "os-release")).splitlines()[1:]
    assert [line.strip() for line in told] == lines


def test_a_system_without_os_release_gets_all_lines(tmp_path: Path) -> None:
    """The file is optional."""
    assert len(str(not_installed("freebsd", tmp_path / "none")).splitlines()) == 4
