"""`amqptool publish --receipts`: what is written down, and how a run goes on from there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from pika import spec

from amqptool import AmqpUrl, Delivery
from tests.support.broker import declare_queue, drain, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.fake_broker import Peer, fake_broker

HINT = "the same command with --resume goes on"


def publish(url: AmqpUrl, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `amqptool publish`."""
    return run_cli("publish", *words, env={"AMQPTOOL_URL": url.reveal()}, input=stdin)


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


@pytest.fixture
def receipts(tmp_path: Path) -> str:
    """Give a path for receipts."""
    return str(tmp_path / "receipts")


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., str]:
    """Give a function that makes a file of lines."""

    def make(*texts: str, name: str = "lines") -> str:
        (tmp_path / name).write_text("".join(f"{text}\n" for text in texts))
        return str(tmp_path / name)

    return make


def taken(url: AmqpUrl) -> list[Delivery]:
    """Take everything out of `q`."""
    return asyncio.run(drain(url, "q"))


def written(receipts: str) -> tuple[UUID, list[dict[str, Any]]]:
    """Return the run of a file of receipts, and its receipts."""
    first, *rest = [json.loads(line) for line in Path(receipts).read_text().splitlines()]
    return UUID(first["run"]), rest


def to(*keys: str) -> list[str]:
    """Return a record for each key."""
    return [json.dumps({"routing_key": key, "body": key}) for key in keys]


def test_each_message_has_a_receipt(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """The file is private and names a run of its own; ids are made of it and the line."""
    path = lines("a", "b", "c")
    done = publish(queue, "-k", "q", "--lines", path, "--receipts", receipts)
    run, found = written(receipts)
    assert (done.returncode, done.stdout) == (0, "")
    assert HINT not in done.stderr
    assert Path(receipts).stat().st_mode & 0o777 == 0o600
    assert found == [
        {"id": str(uuid5(run, str(number))), "source": path, "line": number, "outcome": "confirmed"}
        for number in (1, 2, 3)
    ]
    assert [each.message_id for each in taken(queue)] == [each["id"] for each in found]


def test_a_run_is_on_disk_before_anything_is_sent(receipts: str, lines: Callable[..., str]) -> None:
    """When the broker gets the first message, the file names the run."""
    seen: list[bytes] = []

    def confirm(peer: Peer, number: int) -> None:
        seen.append(Path(receipts).read_bytes())
        peer.send(spec.Basic.Ack(number, False))

    async def scenario() -> int | None:
        async with fake_broker(confirm) as url:
            words = ("publish", "-k", "q", "--lines", lines("a"), "--receipts", receipts, "--url", url.reveal())
            process = await asyncio.create_subprocess_exec(*cli_arguments(*words), env=cli_environment())
            return await process.wait()

    assert asyncio.run(scenario()) == 0
    assert len(seen) == 1
    assert seen[0].startswith(b'{"run": "')
    assert seen[0].count(b"\n") == 1


def test_a_run_goes_on_with_what_did_not_arrive(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """Confirmed lines are not sent again; all others are, with the same ids, until nothing is left."""
    words = ("--jsonl", lines(*to("q", "later", "q", "later")), "--receipts", receipts, "--resume")
    first = publish(queue, *words)
    assert first.returncode == 3
    assert HINT in first.stderr
    asyncio.run(declare_queue(queue, "later"))
    second = publish(queue, *words, "--json")
    third = publish(queue, *words)
    document = json.loads(second.stdout)
    run, found = written(receipts)
    assert (second.returncode, document["confirmed"], document["confirmed_before"]) == (0, 2, 2)
    assert document["run"] == str(run)
    assert (third.returncode, third.stderr.split(" in ")[0]) == (0, "0 confirmed")
    assert "4 confirmed before" in third.stderr
    assert sorted((each["line"], each["outcome"]) for each in found[:4]) == [
        (1, "confirmed"), (2, "unroutable"), (3, "confirmed"), (4, "unroutable"),
    ]  # fmt: skip
    assert [(each["line"], each["outcome"]) for each in found[4:]] == [(2, "confirmed"), (4, "confirmed")]
    assert "no queue took it" in str(found)
    assert [each.message_id for each in asyncio.run(drain(queue, "later"))] == [
        str(uuid5(run, "2")),
        str(uuid5(run, "4")),
    ]
    assert len(taken(queue)) == 2


def test_tomorrows_run_of_the_same_file_is_a_new_one(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """Another file of receipts has another run and other ids."""
    path = lines("a")
    for name in (receipts, f"{receipts}2"):
        assert publish(queue, "-k", "q", "--lines", path, "--receipts", name).returncode == 0
    assert len({each.message_id for each in taken(queue)}) == 2


def test_files_and_counts_go_on_too(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """What is done is known by the file, or by the number of the repetition."""
    paths = [lines("a", name="a"), lines("b", name="b")]
    for words in (
        ("-k", "q", "--file", paths[0], "--file", paths[1], "--receipts", receipts, "--resume"),
        ("-k", "q", "x", "--count", "2", "--receipts", f"{receipts}2", "--resume"),
    ):
        assert publish(queue, *words).returncode == 0
        again = publish(queue, *words)
        assert (again.returncode, again.stderr.count("2 confirmed before")) == (0, 1)
    run, found = written(receipts)
    assert [(each["source"], each["number"]) for each in found] == [(paths[0], 1), (paths[1], 2)]
    of_count, counted = written(f"{receipts}2")
    assert [each["number"] for each in counted] == [1, 2]
    assert [each.message_id for each in taken(queue)] == [
        *(str(uuid5(run, path)) for path in paths),
        *(str(uuid5(of_count, number)) for number in "12"),
    ]


def test_bad_lines_have_receipts_too(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """An invalid line is told with its reason, without an id."""
    done = publish(
        queue, "--jsonl", lines(*to("q"), "{", *to("q")), "--receipts", receipts, "--on-error", "skip"
    )  # fmt: skip
    _, found = written(receipts)
    assert done.returncode == 3
    assert [(each["line"], each["outcome"]) for each in sorted(found, key=lambda each: each["line"])] == [
        (1, "confirmed"),
        (2, "invalid"),
        (3, "confirmed"),
    ]
    (invalid,) = [each for each in found if each["outcome"] == "invalid"]
    assert invalid["id"] is None
    assert "not valid JSON" in invalid["reason"]


def test_records_keep_their_own_ids(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """A record without one gets the run's, and one that wants none has none."""
    records = [json.dumps({"routing_key": "q", "body": "", "properties": each}) for each in
               ({"message_id": "mine"}, {}, {"message_id": None})]  # fmt: skip
    assert publish(queue, "--jsonl", lines(*records), "--receipts", receipts).returncode == 0
    run, found = written(receipts)
    assert [each.message_id for each in taken(queue)] == ["mine", str(uuid5(run, "2")), None]
    assert [each["id"] for each in found] == ["mine", str(uuid5(run, "2")), None]


# -- refusals --


def test_receipts_are_not_begun_twice(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """Without --resume a file that is there is refused, and the way out is said."""
    words = ("-k", "q", "--lines", lines("a"), "--receipts", receipts)
    publish(queue, *words)
    done = publish(queue, *words)
    assert done.returncode == 65
    assert "--resume goes on with its run, another file begins a new one" in done.stderr
    assert len(taken(queue)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-k", "q", "--lines", "CHANGED"), "sha256 was"),
        (("-k", "q", "--lines", "LONGER"), "bytes was 2 and is 4"),
        (("-k", "q2", "--lines", "LINES"), "routing_key was 'q' and is 'q2'"),
        (("-k", "q", "-e", "amq.topic", "--lines", "LINES"), "exchange was '' and is 'amq.topic'"),
        (("-k", "q", "-H", "a=1", "--lines", "LINES"), "headers.a was None and is '1'"),
        (("-k", "q", "--file", "LINES"), "lines was True and is None"),
        (("-k", "q", "--id-from", "body:/id", "--lines", "LINES"), "id_from was None and is 'body:/id'"),
    ],
)
def test_another_run_is_refused(
    queue: AmqpUrl, receipts: str, lines: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    """A source or an option that changed is named, exit 65, and nothing is sent."""
    paths = {"LINES": lines("a"), "CHANGED": lines("b", name="b"), "LONGER": lines("a", "b", name="c")}
    publish(queue, "-k", "q", "--lines", paths["LINES"], "--receipts", receipts)
    done = publish(queue, *(paths.get(word, word) for word in words), "--receipts", receipts, "--resume")
    assert done.returncode == 65
    assert said in done.stderr
    assert asyncio.run(queue_length(queue, "q")) == 1


@pytest.mark.parametrize("option", ["--receipts", "--failed"])
def test_what_is_written_is_not_published(queue: AmqpUrl, tmp_path: Path, option: str) -> None:
    """A file in a directory that is published would change it, and no run of it could go on."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_text("a")
    words = ("-k", "q", "--file", str(tmp_path), option)
    for refused in ((f"{tmp_path}/r",), (f"{tmp_path}/sub/r", "--recursive")):
        done = publish(queue, *words, *refused)
        assert (done.returncode, "among those that are published" in done.stderr) == (2, True)
    assert publish(queue, *words, f"{tmp_path}/sub/r").returncode == 0


def test_a_moved_file_goes_on(queue: AmqpUrl, receipts: str, lines: Callable[..., str]) -> None:
    """The content counts, not the path."""
    words = ("-k", "q", "--receipts", receipts, "--resume")
    publish(queue, *words, "--lines", lines("a"))
    done = publish(queue, *words, "--lines", lines("a", name="moved"))
    assert (done.returncode, len(taken(queue))) == (0, 1)


def test_no_broker_leaves_nothing_to_clean_up(receipts: str, lines: Callable[..., str], queue: AmqpUrl) -> None:
    """A run that never began does not stand in the way of the next try."""
    words = ("publish", "-k", "q", "--lines", lines("a"), "--receipts", receipts)
    assert run_cli(*words, "--url", "amqp://guest:guest@127.0.0.1:1").returncode == 69
    assert publish(queue, *words[1:]).returncode == 0


@pytest.mark.parametrize("option", ["--receipts", "--failed"])
def test_a_full_disk_is_said(queue: AmqpUrl, lines: Callable[..., str], option: str) -> None:
    """Exit 74 names the file; the sending stops, and what was sent is counted."""
    records = to(*["nowhere"] * 3) if option == "--failed" else to(*["q"] * 3)
    done = publish(queue, "--jsonl", lines(*records), option, "/dev/full")
    assert done.returncode == 74
    assert "/dev/full: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_receipts_may_go_to_stdout(queue: AmqpUrl) -> None:
    """`-` makes stdout the receipts, line by line, and nothing else."""
    done = publish(queue, "-k", "q", "--lines", "-", "--receipts", "-", stdin="a\nb\n")
    run, *found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["line"] for each in found] == [1, 2]
    assert [each.message_id for each in taken(queue)] == [str(uuid5(UUID(run["run"]), number)) for number in "12"]
    one = publish(queue, "-k", "q", "x", "--receipts", "-")
    assert [len(json.loads(line)) for line in one.stdout.splitlines()] == [3, 3]


def test_receipts_may_go_to_a_stdout_that_is_a_file(queue: AmqpUrl, tmp_path: Path) -> None:
    """`- > FILE` writes them, although a shell's stdout cannot be read."""
    with (tmp_path / "receipts").open("w") as file:
        arguments = cli_arguments("publish", "-k", "q", "x", "--receipts", "-")
        subprocess.run(arguments, env=cli_environment({"AMQPTOOL_URL": queue.reveal()}), stdout=file, check=True)
    assert len((tmp_path / "receipts").read_text().splitlines()) == 2


# -- what did not go --


def test_what_failed_can_be_published_again(queue: AmqpUrl, lines: Callable[..., str], tmp_path: Path) -> None:
    """--failed keeps each message with its id, whatever it holds; bad lines are none."""
    records = [
        *to("q"), "{",
        json.dumps({"routing_key": "later", "body_base64": "/w==", "headers": {"t": {"$timestamp": 1}},
                    "properties": {"priority": 3, "delivery_mode": 1}}),
    ]  # fmt: skip
    failed = str(tmp_path / "failed")
    done = publish(queue, "--jsonl", lines(*records), "--failed", failed, "--on-error", "skip")
    assert done.returncode == 3
    (record,) = map(json.loads, Path(failed).read_text().splitlines())
    assert Path(failed).stat().st_mode & 0o777 == 0o600
    asyncio.run(declare_queue(queue, "later"))
    assert publish(queue, "--jsonl", failed).returncode == 0
    (delivery,) = asyncio.run(drain(queue, "later"))
    assert (delivery.body, delivery.message_id) == (b"\xff", record["properties"]["message_id"])
    assert (delivery.message.priority, delivery.message.persistent) == (3, False)


def test_what_stopped_the_input_is_among_what_failed(
    queue: AmqpUrl, lines: Callable[..., str], receipts: str, tmp_path: Path
) -> None:
    """A message to an exchange that does not exist ends the input, told once; it is kept, and has a receipt."""
    records = [*to("q"), json.dumps({"exchange": "nope", "body": "2"}), *to("q")]
    words = ("--jsonl", lines(*records), "--failed", str(tmp_path / "failed"), "--receipts", receipts)
    done = publish(queue, *words)
    assert (done.returncode, done.stderr.count("no exchange 'nope'")) == (1, 1)
    assert "1 not found" in done.stderr
    assert [json.loads(line)["body"] for line in (tmp_path / "failed").read_text().splitlines()] == ["2"]
    outcomes = {each["line"]: each["outcome"] for each in map(json.loads, Path(receipts).read_text().splitlines()[1:])}
    assert outcomes == {1: "confirmed", 2: "not_found"}


def test_what_failed_is_not_lost_to_another_run(queue: AmqpUrl, lines: Callable[..., str], tmp_path: Path) -> None:
    """A file with something in it is refused; an empty one, or one of the run that goes on, is not."""
    failed, receipts = str(tmp_path / "failed"), str(tmp_path / "r")
    words = ("--jsonl", lines(*to("later")), "--failed", failed)
    assert publish(queue, *words, "--receipts", receipts).returncode == 5
    again = publish(queue, *words)
    assert again.returncode == 65
    assert "publish it with --jsonl, or remove it" in again.stderr
    asyncio.run(declare_queue(queue, "later"))
    assert publish(queue, *words, "--receipts", receipts, "--resume").returncode == 0
    assert Path(failed).read_text() == ""
    assert publish(queue, *words).returncode == 0


# -- interruptions --


def test_ctrl_c_leaves_the_rest_to_resume(receipts: str, lines: Callable[..., str]) -> None:
    """C5: waits a little for confirms, says what is confirmed and what in doubt, and exits 130."""
    all_sent = asyncio.Event()

    def confirm_three(peer: Peer, number: int) -> None:
        if number <= 3:
            peer.send(spec.Basic.Ack(number, False))
        if number == 10:
            all_sent.set()

    async def scenario() -> tuple[int | None, str]:
        async with fake_broker(confirm_three) as url:
            words = ("publish", "-k", "q", "--lines", lines(*["x"] * 10), "--receipts", receipts)
            process = await asyncio.create_subprocess_exec(
                *cli_arguments(*words, "--url", url.reveal()), env=cli_environment(), stderr=subprocess.PIPE
            )
            await all_sent.wait()
            process.send_signal(signal.SIGINT)
            _, complaint = await process.communicate()
            return process.returncode, complaint.decode()

    code, complaint = asyncio.run(scenario())
    _, found = written(receipts)
    assert code == 130
    assert "3 confirmed" in complaint
    assert "7 in doubt" in complaint
    assert HINT in complaint
    assert Counter(each["outcome"] for each in found) == {"confirmed": 3, "in_doubt": 7}


def kill_when(process: subprocess.Popen[bytes], url: AmqpUrl, count: int) -> None:
    """Kill a process once the queue holds so many messages."""
    while asyncio.run(queue_length(url, "q")) < count:
        assert process.poll() is None, "it ended too soon"
    process.kill()


def test_a_run_that_is_killed_again_and_again_loses_nothing(
    queue: AmqpUrl, receipts: str, lines: Callable[..., str]
) -> None:
    """C16: after SIGKILLs at many places every line is in the queue, under its id; receipts never claim too much."""
    count, kills = 3_000, 6
    words = ("-k", "q", "--lines", lines(*map(str, range(1, count + 1))), "--receipts", receipts, "--resume")
    environment = cli_environment({"AMQPTOOL_URL": queue.reveal()})
    for kill in range(kills):
        with subprocess.Popen(cli_arguments("publish", *words, "--rate", "2000/s"), env=environment) as process:
            kill_when(process, queue, (kill + 1) * count // (kills + 1))
        with Path(receipts).open("ab") as file:  # a write that the kill cut off
            file.write(b'{"id": "half' if kill % 2 else b"")
    last = publish(queue, *words)
    assert last.returncode == 0, last.stderr

    deliveries = taken(queue)
    run, found = written(receipts)
    expected = {str(uuid5(run, str(number))): str(number).encode() for number in range(1, count + 1)}
    assert {each.message_id: each.body for each in deliveries} == expected
    assert {each["id"] for each in found if each["outcome"] == "confirmed"} == set(expected)
    assert Counter(each["line"] for each in found).most_common(1)[0][1] == 1
    assert len(deliveries) < 2 * count, "most lines went once"


def test_two_runs_at_once_are_refused(queue: AmqpUrl, receipts: str) -> None:
    """While one writes to a file of receipts, another does not begin."""
    words = ("-k", "q", "--lines", "-", "--receipts", receipts)
    environment = cli_environment({"AMQPTOOL_URL": queue.reveal()})
    with subprocess.Popen(
        cli_arguments("publish", *words), env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        os.write(process.stdin.fileno(), b"one\n")
        while asyncio.run(queue_length(queue, "q")) < 1:
            pass
        other = publish(queue, "-k", "q", "x", "--receipts", receipts)
        process.communicate()
    assert process.returncode == 0
    assert other.returncode == 65
    assert "another run is writing to it" in other.stderr
