"""A private node lives in one directory, comes back as it was, and leaves nothing running."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from amqptool.broker import local
from amqptool.broker.amqp import connect
from amqptool.broker.local.node import LOCALHOST, Record, save
from amqptool.broker.local.process import Process, wait_until
from amqptool.broker.management import Management
from amqptool.errors import BrokerUnavailable, ConfigError
from tests.support.processes import processes_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a directory with a name that is hard on shell scripts: long, with spaces and no ASCII."""
    directory = tmp_path_factory.mktemp("local") / f"two  words/é{'x' * 100}"
    yield directory
    local.remove(directory)


@pytest.fixture
def fake_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `rabbitmq-server` first in PATH: a script that each test writes."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "rabbitmq-server"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return script


async def _create_vhost(node: local.RunningNode, name: str) -> None:
    async with Management.at(node.management_url, node.url) as management:
        await management.create_vhost(name)


async def _connects(node: local.RunningNode, vhost: str) -> bool:
    async with connect(replace(node.url, vhost=vhost)):
        return True


def test_a_node_lives_and_comes_back(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Racing starts give one node; killed and started again it has its URL and data; stop ends all of it."""
    monkeypatch.setenv("RABBITMQ_NODENAME", "somebody-elses@nowhere")
    monkeypatch.setenv("RABBITMQ_MNESIA_BASE", "/nonexistent")

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(local.start, [directory, directory])
    assert first == second == local.status(directory) == local.start(directory)
    assert first.version
    assert first.url.host == LOCALHOST
    assert directory.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ConfigError, match="already runs on port"):
        local.start(directory, port=first.url.port + 1)
    with pytest.raises(BrokerUnavailable, match="in use"):
        local.start(directory.parent / "other", port=first.url.port)

    local.kill(directory)
    assert local.status(directory) is None
    assert processes_of(directory) == []

    again = local.start(directory)
    assert (again.url, again.management_url) == (first.url, first.management_url)
    assert again.pid != first.pid
    asyncio.run(_create_vhost(again, "kept"))

    assert local.stop(directory) is True
    assert processes_of(directory) == []
    assert local.status(directory) is None
    assert local.stop(directory) is False

    back = local.start(directory)
    assert asyncio.run(_connects(back, "kept"))


def test_listeners_are_local(amqptool_node: local.Endpoint) -> None:
    """The node of the suite cannot be reached through another address of this machine."""
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", amqptool_node.url.port)) != 0


def test_a_failed_boot_says_why_and_leaves_nothing(tmp_path: Path, fake_server: Path) -> None:
    """The error carries the end of the log and the log's path."""
    fake_server.write_text("#!/bin/sh\necho 'BOOT FAILED: no cookies left'\necho\nexit 1\n")
    with pytest.raises(BrokerUnavailable, match="it stopped while booting") as caught:
        local.start(tmp_path / "node")
    message = str(caught.value)
    assert "BOOT FAILED: no cookies left" in message
    assert "no cookies left" in Path(message.rpartition("log: ")[2]).read_text()
    assert processes_of(tmp_path / "node") == []


def test_a_boot_that_takes_too_long_is_given_up(tmp_path: Path, fake_server: Path) -> None:
    """What does not answer in time is killed, even if it ignores SIGTERM."""
    fake_server.write_text("#!/bin/sh\ntrap '' TERM\necho waiting\nwhile :; do sleep 60; done\n")
    with pytest.raises(BrokerUnavailable, match=r"no answer within 0\.2 s"):
        local.start(tmp_path / "node", timeout=0.2)
    assert processes_of(tmp_path / "node") == []


def test_the_log_of_the_boot_before_is_kept(tmp_path: Path, fake_server: Path) -> None:
    """A new boot starts a new log beside the previous one."""
    for words in ("first", "second"):
        fake_server.write_text(f"#!/bin/sh\necho {words}\n")
        with pytest.raises(BrokerUnavailable):
            local.start(tmp_path / "node")
    assert (tmp_path / "node/log/previous.log").read_text() == "first\n"
    assert (tmp_path / "node/log/node.log").read_text() == "second\n"


def test_a_temporary_node_that_does_not_boot_leaves_its_log(fake_server: Path) -> None:
    """The log that the error names is there to be read."""
    fake_server.write_text("#!/bin/sh\necho no\nexit 1\n")
    with pytest.raises(BrokerUnavailable) as caught, local.temporary():
        pass
    log = Path(str(caught.value).rpartition("log: ")[2])
    assert log.read_text() == "no\n"
    local.remove(log.parents[1])


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    """A node does not move in among somebody's files."""
    (tmp_path / "thesis.tex").touch(mode=0o644)
    mode = tmp_path.stat().st_mode
    with pytest.raises(ConfigError, match="is not empty and holds no node"):
        local.start(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]
    assert tmp_path.stat().st_mode == mode


def test_a_path_that_rabbitmq_cannot_bear_is_refused(tmp_path: Path) -> None:
    """A quote would make its boot hang."""
    with pytest.raises(ConfigError, match="because of the '\"'"):
        local.start(tmp_path / 'a "quoted" name')


def test_a_damaged_record_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """Somebody's edit does not become a traceback."""
    (tmp_path / "node.json").write_text("{")
    with pytest.raises(ConfigError, match="to start anew"):
        local.status(tmp_path)


def test_a_reused_pid_is_not_touched(tmp_path: Path) -> None:
    """After a reboot the recorded pid may be anybody's, even ours."""
    past = Process(os.getpid(), "a boot long ago/1")
    save(tmp_path, Record(name="n@localhost", port=1, management_port=2, node=past, epmd=past))
    assert local.status(tmp_path) is None
    assert local.stop(tmp_path) is False
    local.kill(tmp_path)


def test_stopping_what_never_was(tmp_path: Path) -> None:
    """Stop, kill and status of a directory that does not exist make nothing."""
    absent = tmp_path / "absent"
    assert local.stop(absent) is False
    local.kill(absent)
    assert local.status(absent) is None
    assert not absent.exists()


def _take_all_signals() -> None:
    """Undo what `nohup` or a shell's background job did to the run: a signal that is ignored stays ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def command_of(process: int) -> str:
    """Return the name of a process's program, and of one that has ended nothing."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/comm").read_text().removesuffix("\n")
    return ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_boot_that_is_interrupted_leaves_nothing(tmp_path: Path, fake_server: Path, number: signal.Signals) -> None:
    """A signal that ends the start ends what it started, and only then the start itself."""
    fake_server.write_text("#!/bin/sh\nexec sleep 60\n")
    directory = tmp_path / "node"
    command = [sys.executable, "-m", "amqptool", "broker", "start", "--dir", directory]
    with subprocess.Popen(command, preexec_fn=_take_all_signals) as start:
        assert wait_until(lambda: any(command_of(process) == "sleep" for process in processes_of(directory)), 30)
        start.send_signal(number)
        code, left = start.wait(30), processes_of(directory)
        local.kill(directory)
    assert code in {-number, 128 + number}
    assert left == []
