"""What is made that holds messages, ids or settings is its owner's alone, and no link leads it elsewhere."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish
from tests.support.cli import run_cli

#: The rights that a new file has unless it is asked for less.
USUAL = ["bash", "-c", 'umask 022; exec "$@"', "bash"]


@pytest.fixture
def url(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with three messages in queue `q`."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        messages = [Message(body=b"%d" % number, routing_key="q", message_id=f"id{number}") for number in range(3)]
        await publish(amqptool_vhost, messages)

    asyncio.run(prepare())
    return amqptool_vhost


def run(url: AmqpUrl, *words: str, text: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command as it is run at most terminals: what it makes, others could read."""
    return run_cli(*words, env={"AMQPTOOL_URL": url.reveal(), **env}, prefix=USUAL, input=text)


def open_to_others(directory: Path) -> list[str]:
    """Return what is in a directory that anybody but its owner can look into."""
    return [str(each) for each in directory.rglob("*") if each.lstat().st_mode & 0o077]


def test_a_worker_leaves_nothing_to_others(url: AmqpUrl, tmp_path: Path) -> None:
    """The directory of its store, the store, and what SQLite keeps beside it while it works."""
    look = f"exec:sh -c 'ls -l {tmp_path}/state/amqptool > {tmp_path}/seen'"
    tmp_path.joinpath("seen").touch(0o600)
    assert run(url, "consume", "q", "-n", "1", "--handler", look, XDG_STATE_HOME=f"{tmp_path}/state").returncode == 0
    files = [line.split() for line in (tmp_path / "seen").read_text().splitlines()[1:]]
    assert {words[-1] for words in files} >= {"dedup.db", "dedup.db-wal", "dedup.db-shm"}
    assert {words[0].rstrip(".+") for words in files} == {"-rw-------"}
    assert (tmp_path / "state/amqptool").stat().st_mode & 0o077 == 0


def test_nor_does_what_saves_or_records_messages(url: AmqpUrl, tmp_path: Path) -> None:
    """Messages that were saved, receipts, and what did not go."""
    assert run(url, "consume", "q", "-n", "3", "--save", str(tmp_path / "saved")).returncode == 0
    files = ["--receipts", str(tmp_path / "receipts"), "--failed", str(tmp_path / "failed")]
    assert run(url, "publish", "-k", "absent", "--lines", "-", *files, text="one\n").returncode == 5
    assert len(list(tmp_path.rglob("*"))) == 3 + 2 * 3
    assert open_to_others(tmp_path) == []


def test_a_link_where_a_message_is_to_be_saved_is_not_followed(url: AmqpUrl, tmp_path: Path) -> None:
    """What somebody else's link points to stays as it is."""
    (tmp_path / "theirs").write_text("untouched")
    (tmp_path / "saved").mkdir()
    for name in ("000001-id0.body", "000001-id0.json", ".000001-id0.body", ".000001-id0.json"):
        (tmp_path / "saved" / name).symlink_to(tmp_path / "theirs")
    run(url, "consume", "q", "-n", "1", "--save", str(tmp_path / "saved"))
    assert (tmp_path / "theirs").read_text() == "untouched"
