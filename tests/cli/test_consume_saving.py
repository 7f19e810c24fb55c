"""`amqptool consume --save DIR`: a pair of files for each message."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import UNMEASURED, run_cli


def fill(url: AmqpUrl, messages: Sequence[Message]) -> None:
    """Declare a queue `q` with these messages."""

    async def prepare() -> None:
        await declare_queue(url, "q")
        await publish(url, messages)

    asyncio.run(prepare())


def numbered(number: int, **fields: Any) -> Message:
    """Make a message for `q`."""
    return Message(body=b"m%d" % number, routing_key="q", message_id=f"id{number}", **fields)


def save(url: AmqpUrl, folder: Path, *words: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume q --save`."""
    env = {"AMQPTOOL_URL": url.reveal()}
    return run_cli("consume", "q", "--save", str(folder), *words, env=env, prefix=prefix)


def left(url: AmqpUrl) -> int:
    """Count what is left in the queue."""
    return asyncio.run(queue_length(url, "q"))


def names(folder: Path) -> list[str]:
    """List a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q` of three messages."""
    fill(amqptool_vhost, [numbered(number) for number in range(3)])
    return amqptool_vhost


def test_a_message_is_a_body_and_a_record(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """The body file holds the bytes, the other one everything else; nothing is printed."""
    fill(amqptool_vhost, [Message(body=b"\x00\xff\n", routing_key="q", headers={"n": 1}, type="t", message_id="a")])
    done = save(amqptool_vhost, tmp_path / "saved", "-n", "1")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(r"1 saved in .* s \(.*/s\), stopped by --max-messages\n", done.stderr)
    assert names(tmp_path / "saved") == ["000001-a.body", "000001-a.json"]
    assert (tmp_path / "saved/000001-a.body").read_bytes() == b"\x00\xff\n"
    record = json.loads((tmp_path / "saved/000001-a.json").read_text())
    assert record == {
        "exchange": "",
        "routing_key": "q",
        "properties": {"message_id": "a", "delivery_mode": 2, "type": "t"},
        "headers": {"n": 1},
        "queue": "q",
        "redelivered": False,
    }
    assert left(amqptool_vhost) == 0


def test_names_are_in_the_order_of_the_queue(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Although several are written at a time."""
    fill(amqptool_vhost, [numbered(number) for number in range(100)])
    assert save(amqptool_vhost, tmp_path, "-n", "100").returncode == 0
    assert sorted(tmp_path.glob("*.body")) == [tmp_path / f"{n + 1:06d}-id{n}.body" for n in range(100)]


@pytest.mark.parametrize(
    ("message_id", "name"),
    [
        ("../../etc/passwd", "000001-_etc_passwd"),
        ("/etc/passwd", "000001-_etc_passwd"),
        ("..", "000001-_"),
        ("a\x1b[2Jb\nc", "000001-a_2Jb_c"),
        ("ž" * 100, "000001-_"),
        ("i" * 255, "000001-" + "i" * 100),
        (None, "000001"),
        ("", "000001"),
    ],
)
def test_no_id_leads_out_of_the_folder(
    amqptool_vhost: AmqpUrl, tmp_path: Path, message_id: str | None, name: str
) -> None:
    """Whatever a message calls itself, its files are plain names in the folder."""
    fill(amqptool_vhost, [Message(body=b"", routing_key="q", message_id=message_id)])
    assert save(amqptool_vhost, tmp_path / "in", "-n", "1").returncode == 0
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == [f"{name}.body", f"{name}.json"]


def test_nothing_is_overwritten(queue: AmqpUrl, tmp_path: Path) -> None:
    """Numbers go on behind the highest in the folder, whatever left it there."""
    (tmp_path / "000041-id0.body").write_text("old")
    (tmp_path / ".000042-id0.json").write_text("left by a process that was killed")
    assert save(queue, tmp_path, "-n", "1").returncode == 0
    assert (tmp_path / "000041-id0.body").read_text() == "old"
    assert (tmp_path / "000043-id0.body").read_text() == "m0"


def test_a_disk_that_is_full_takes_nothing(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """What cannot be written is not acknowledged and leaves no file; what was written before, is."""
    fill(amqptool_vhost, [numbered(0), Message(body=bytes(100_000), routing_key="q", message_id="big")])
    # No file may be larger than that: the write fails half-way, as on a full disk.
    unmeasured = [f"{name}={value}" for name, value in UNMEASURED.items()]  # coverage would meet the limit too
    limit = ("env", *unmeasured, "bash", "-c", 'ulimit -f 40 && exec "$@"', "bash")
    done = save(amqptool_vhost, tmp_path, "--where", "message_id=*", prefix=limit)
    assert done.returncode == 74
    assert done.stderr == f"amqptool: error: {tmp_path}: File too large\n"
    assert names(tmp_path) == ["000001-id0.body", "000001-id0.json"]
    assert left(amqptool_vhost) == 1


@pytest.mark.parametrize("words", [(), ("--requeue",)])
@pytest.mark.parametrize("folder", ["/proc", "/dev/null", "/nonexistent/folder"])
def test_a_folder_that_cannot_be_written_takes_nothing(queue: AmqpUrl, folder: str, words: tuple[str, ...]) -> None:
    """Exit 74, one line with its name, and every message is in the queue."""
    done = save(queue, Path(folder), *words)
    assert done.returncode == 74
    assert done.stderr.startswith(f"amqptool: error: {folder}: ")
    assert done.stderr.count("\n") == 1
    assert left(queue) == 3


def test_saved_and_put_back(queue: AmqpUrl, tmp_path: Path) -> None:
    """--requeue makes a copy of a queue and takes nothing; --where chooses."""
    done = save(queue, tmp_path, "--requeue", "--where", "message_id!=id1")
    assert (done.returncode, done.stderr) == (0, "3 looked at, 2 saved, 3 given back\n")
    assert [path.read_text() for path in sorted(tmp_path.glob("*.body"))] == ["m0", "m2"]
    assert left(queue) == 3


def test_no_more_than_was_asked_for_is_saved(queue: AmqpUrl, tmp_path: Path) -> None:
    """-n holds although several are saved at a time."""
    assert save(queue, tmp_path, "--where", "message_id=*", "-n", "2").returncode == 0
    assert len(names(tmp_path)) == 4
    assert left(queue) == 1


def test_an_idle_queue_ends_the_saving(queue: AmqpUrl, tmp_path: Path) -> None:
    """Without a look, --save goes on until nothing comes; too few are a failure."""
    done = save(queue, tmp_path, "--idle-timeout", "0.3", "--min-messages", "4")
    assert done.returncode == 75
    assert re.fullmatch(r"3 saved in .* s \(.*/s\), stopped by --idle-timeout\n", done.stderr)


def test_a_report_of_the_look_for_scripts(queue: AmqpUrl, tmp_path: Path) -> None:
    """With --json, what --save did is one document."""
    document = json.loads(save(queue, tmp_path, "--json", "--requeue").stdout)
    assert (document["kind"], document["code"]) == ("consume", 0)
    assert (document["looked_at"], document["handled"], document["returned"]) == (3, 3, 3)
    assert document["per_second"] == 3 / document["seconds"]


def test_saved_bodies_can_be_published_again(queue: AmqpUrl, tmp_path: Path) -> None:
    """`publish --file` takes the body files, each as one message."""
    save(queue, tmp_path, "-n", "3")
    files = [word for path in sorted(tmp_path.glob("*.body")) for word in ("--file", str(path))]
    assert run_cli("publish", "-k", "q", *files, env={"AMQPTOOL_URL": queue.reveal()}).returncode == 0
    assert left(queue) == 3


@pytest.mark.parametrize("words", [("--output", "body"), ("--handler", "app:f")])
def test_messages_go_to_one_place(queue: AmqpUrl, tmp_path: Path, words: tuple[str, ...]) -> None:
    """--save with another one is wrong usage."""
    done = save(queue, tmp_path, *words)
    assert done.returncode == 2
    assert "--save saves" in done.stderr
