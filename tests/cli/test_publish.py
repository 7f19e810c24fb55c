"""`amqptool publish`, as a user or a script runs it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pika import spec

from amqptool import AmqpUrl, Delivery
from tests.support.broker import declare_queue, drain, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.fake_broker import Peer, fake_broker


def environment(url: AmqpUrl) -> dict[str, str]:
    """Point commands at a vhost."""
    return {"AMQPTOOL_URL": url.reveal()}


def publish(url: AmqpUrl, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `amqptool publish`."""
    return run_cli("publish", *words, env=environment(url), input=stdin)


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


def taken(url: AmqpUrl) -> list[Delivery]:
    """Take everything out of `q`."""
    return asyncio.run(drain(url, "q"))


def test_one_message_prints_its_id(queue: AmqpUrl) -> None:
    """stdout is the message's UUID and nothing else; the message is persistent."""
    done = publish(queue, "-k", "q", "hello")
    (delivery,) = taken(queue)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{UUID(delivery.message_id)}\n"
    assert (delivery.body, delivery.message.persistent) == (b"hello", True)


def test_json_is_one_document(queue: AmqpUrl) -> None:
    """With --json, in any position, stdout is one document."""
    for words in (("--json", "publish", "-k", "q", "x"), ("publish", "-k", "q", "x", "--json")):
        done = run_cli(*words, env=environment(queue))
        document = json.loads(done.stdout)
        assert (document["kind"], document["code"], document["routing_key"]) == ("publish", 0, "q")
        assert (document["confirmed"], document["failed"], document["failures_by_error"]) == (1, 0, {})
        assert document["confirm_seconds"] <= document["seconds"]


@pytest.mark.parametrize("words", [(), ("-",), ("--file", "-")])
def test_a_body_comes_from_stdin(queue: AmqpUrl, words: tuple[str, ...]) -> None:
    """A pipe is read as one body, line breaks included."""
    assert publish(queue, "-k", "q", *words, stdin="two\nlines\n").returncode == 0
    assert [delivery.body for delivery in taken(queue)] == [b"two\nlines\n"]


def test_a_file_is_published_byte_for_byte(queue: AmqpUrl, tmp_path: Path) -> None:
    """--file sends binary content unchanged."""
    content = bytes(range(256)) * 1000
    (tmp_path / "image").write_bytes(content)
    assert publish(queue, "-k", "q", "--file", str(tmp_path / "image")).returncode == 0
    assert [delivery.body for delivery in taken(queue)] == [content]


def test_properties_and_headers_arrive(queue: AmqpUrl) -> None:
    """Every property option and both kinds of header reach the consumer."""
    message_id = "6f1c3b2e-9f0a-4c3d-8e47-2b1a0c9d8e7f"
    done = publish(
        queue, "x", "-k", "q", "--message-id", message_id, "--content-type", "text/plain",
        "--content-encoding", "identity", "--correlation-id", "c", "--reply-to", "r", "--expiration", "1m",
        "--priority", "7", "--timestamp", "1700000000", "--type", "t", "--user-id", "guest", "--app-id", "a",
        "--transient", "-H", "plain=1", "-H", "number:=1", "-H", 'table:={"a":[true,null,"b"]}',
        "-H", 'when:={"$timestamp":1700000000}', "-H", "empty=",
    )  # fmt: skip
    assert done.stdout.strip() == message_id
    (delivery,) = taken(queue)
    message = delivery.message
    assert (message.message_id, message.persistent, message.priority) == (message_id, False, 7)
    assert (message.content_type, message.content_encoding, message.correlation_id) == (
        "text/plain",
        "identity",
        "c",
    )
    assert (message.reply_to, message.expiration, message.timestamp) == ("r", "60000", 1700000000)
    assert (message.type, message.user_id, message.app_id) == ("t", "guest", "a")
    assert {**delivery.headers, "when": None} == {
        "plain": "1", "number": 1, "table": {"a": [True, None, "b"]}, "when": None, "empty": "",
    }  # fmt: skip


def test_lines_are_messages(queue: AmqpUrl, tmp_path: Path) -> None:
    """Each line is a body without its line end, with an id of its own, in order; the last needs no end."""
    (tmp_path / "lines").write_bytes(b"one\r\ntwo\n\nfour \xff\nfive")
    done = publish(queue, "-k", "q", "--lines", str(tmp_path / "lines"))
    deliveries = taken(queue)
    assert [delivery.body for delivery in deliveries] == [b"one", b"two", b"", b"four \xff", b"five"]
    assert len({delivery.message_id for delivery in deliveries}) == 5
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("5 confirmed in ")


def test_lines_come_from_a_pipe(queue: AmqpUrl) -> None:
    """--lines - reads stdin."""
    assert publish(queue, "-k", "q", "--lines", "-", stdin="a\nb\n").returncode == 0
    assert [delivery.body for delivery in taken(queue)] == [b"a", b"b"]


def test_an_empty_input_is_nothing_to_do(queue: AmqpUrl) -> None:
    """No lines are no failure."""
    done = publish(queue, "-k", "q", "--lines", "-", stdin="")
    assert (done.returncode, done.stderr[:11]) == (0, "0 confirmed")


def test_records_come_back_as_consume_wrote_them(queue: AmqpUrl, tmp_path: Path) -> None:
    """What `consume --output jsonl` writes, `publish --jsonl` publishes again, binary body included."""
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe")
    publish(queue, "-k", "q", "--file", str(tmp_path / "binary"), "-H", "n:=1", "--priority", "3")
    first = run_cli("consume", "q", "-n", "1", "--output", "jsonl", env=environment(queue)).stdout
    assert json.loads(first)["body_base64"] == base64.b64encode(b"\x00\xff\xfe").decode()
    assert publish(queue, "--jsonl", "-", stdin=first).returncode == 0
    second = run_cli("consume", "q", "-n", "1", "--output", "jsonl", env=environment(queue)).stdout
    assert second == first


def test_options_retarget_records(queue: AmqpUrl) -> None:
    """--routing-key replaces the records' own."""
    record = json.dumps({"exchange": "", "routing_key": "elsewhere", "body": "x"})
    assert publish(queue, "--jsonl", "-", "-k", "q", stdin=record).returncode == 0
    assert len(taken(queue)) == 1


def test_a_broken_record_stops_after_all_before_it_are_confirmed(queue: AmqpUrl, tmp_path: Path) -> None:
    """Line and reason are named, exit 65, and the summary says what was confirmed."""
    good = json.dumps({"routing_key": "q", "body": "x"})
    (tmp_path / "records").write_text(f"{good}\n{good}\n{{broken\n{good}\n")
    done = publish(queue, "--jsonl", str(tmp_path / "records"))
    assert done.returncode == 65
    assert f"{tmp_path}/records:3: not valid JSON" in done.stderr
    assert "2 confirmed" in done.stderr
    assert len(taken(queue)) == 2


def test_an_unroutable_message_names_exchange_and_key(queue: AmqpUrl) -> None:
    """Exit 5, no id on stdout, and the message says what was looked for where."""
    done = publish(queue, "-e", "amq.topic", "-k", "nobody.listens", "x")
    assert (done.returncode, done.stdout) == (5, "")
    assert "'amq.topic'" in done.stderr
    assert "'nobody.listens'" in done.stderr


def test_a_failed_message_without_an_id_is_told_as_such(queue: AmqpUrl, tmp_path: Path) -> None:
    """A record may have none, and then there is none to name it by."""
    (tmp_path / "records").write_text('{"routing_key": "nowhere", "body": "", "properties": {"message_id": null}}')
    done = publish(queue, "--jsonl", f"{tmp_path}/records")
    assert (done.returncode, "a message without an id: unroutable" in done.stderr) == (5, True)


def test_an_unroutable_message_may_be_allowed(queue: AmqpUrl) -> None:
    """--allow-unroutable takes the broker's confirm for it."""
    assert publish(queue, "-e", "amq.topic", "-k", "nobody", "x", "--allow-unroutable").returncode == 0


def test_some_unroutable_messages_are_a_partial_success(queue: AmqpUrl) -> None:
    """Exit 3, and both counts are shown."""
    records = "".join(json.dumps({"routing_key": key, "body": ""}) + "\n" for key in ("q", "nope", "q"))
    done = publish(queue, "--json", "--jsonl", "-", stdin=records)
    document = json.loads(done.stdout)
    assert done.returncode == 3
    assert (document["code"], document["confirmed"], document["failed"]) == (3, 2, 1)
    assert (document["failures_by_error"], document["interrupted"], document["error"]) == (
        {"Unroutable": 1},
        False,
        None,
    )
    assert document["failures"][0]["routing_key"] == "nope"


def test_quiet_tells_ten_failures(queue: AmqpUrl) -> None:
    """With -q the first failures are told, the rest counted; the document lists more."""
    records = "".join(json.dumps({"routing_key": "nope", "body": ""}) + "\n" for _ in range(12))
    done = publish(queue, "-q", "--json", "--jsonl", "-", stdin=records)
    complaints = done.stderr.splitlines()
    assert done.returncode == 5
    assert complaints[10:] == ["amqptool: error: … and 2 more"]
    assert len(json.loads(done.stdout)["failures"]) == 12


def test_a_message_id_cannot_forge_a_line(queue: AmqpUrl) -> None:
    """What a record holds is escaped where it is told."""
    record = json.dumps({"routing_key": "nope", "body": "", "properties": {"message_id": "a\nb\x1b"}})
    done = publish(queue, "-q", "--jsonl", "-", stdin=record)
    assert done.stderr.startswith("amqptool: error: stdin:1: a\\x0ab\\x1b: unroutable")
    assert done.stderr.count("\n") == 1


def test_an_unknown_exchange_is_a_failure(queue: AmqpUrl) -> None:
    """Exit 1 and the broker's words."""
    done = publish(queue, "-e", "nope", "x")
    assert done.returncode == 1
    assert "no exchange 'nope'" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ((), 2, "Say where to"),
        (("-k", "q", "x", "--lines", "f"), 2, "Give the messages once"),
        (("-k", "q", "x", "--recursive"), 2, "--recursive goes with --file"),
        (("-k", "q", "--file", "-", "--file", "-"), 2, "stdin is read once"),
        (("-k", "q", "x", "--count", "2", "--message-id", "a"), 2, "--count gives each a UUID of its own"),
        (("-k", "q", "--lines", "-", "--message-id", "x"), 2, "--message-id is one message's"),
        (("--jsonl", "-", "-H", "a=1"), 2, "--header does not go with --jsonl"),
        (("--jsonl", "-", "--transient"), 2, "--transient does not go with --jsonl"),
        (("--jsonl", "-", "--content-type", "x"), 2, "--content-type does not go with --jsonl"),
        (("--jsonl", "-", "--priority", "0"), 2, "--priority does not go with --jsonl"),
        (("-k", "q", "x", "--priority", "300"), 2, "300"),
        (("-k", "q", "x", "-H", "novalue"), 2, "key=text"),
        (("-k", "q", "x", "-H", "n:={"), 2, "not JSON"),
        (("-k", "q", "x", "-H", "n:=NaN"), 65, "header 'n' is nan"),
        (("-k", "q", "x", "--expiration", "soon"), 65, "expiration"),
        (("-k", "k" * 256, "x"), 65, "routing_key is longer"),
        (("-k", "q", "--lines", "/nonexistent"), 74, "/nonexistent: No such file"),
        (("-k", "q", "--file", "/nonexistent"), 74, "/nonexistent: No such file"),
        (("-k", "q", "--lines", "/"), 74, "directory"),
        (("-k", "q", "x", "--expiration", "-5"), 65, "30s, or a number of milliseconds"),
        (("-k", "q", "x", "--delay", "5s"), 2, "RabbitMQ does not delay single messages"),
        (("-k", "q", "x", "--confirm-timeout", "0"), 2, "no duration"),
        (("-k", "q", "x", "--blocked-timeout", "soon"), 2, "no duration"),
        (("-k", "q", "x", "--rate", "fast"), 2, "no rate"),
        (("-k", "q", "x", "--count", "0"), 2, "0"),
        (("-k", "q", "--lines", "-", "--count", "2"), 2, "--count repeats one message"),
        (("-k", "q", "--file", "/etc", "--count", "2"), 2, "--count repeats one message"),
        (("-k", "q", "--file", "/etc", "--message-id", "x"), 2, "--message-id is one message's"),
        (("-k", "q", "x", "--id-from", "chance"), 2, "not from 'chance'"),
        (("-k", "q", "x", "--id-from", "body:id"), 2, "begins with '/'"),
        (("-k", "q", "x", "--id-from", "uuid4", "--message-id", "x"), 2, "not both"),
        (("-k", "q", "x", "--id-from", "body:/id"), 65, "message 1: the body is no JSON"),
        (("-k", "q", "x {{nope}}", "--template"), 65, "unknown placeholder '{{nope}}'"),
        (("-k", "q{{nope}}", "x", "--template"), 65, "unknown placeholder"),
        (("-k", "q", "x", "--template", "-H", "a={{"), 65, "no '}}' closes"),
        (("--jsonl", "-", "--template"), 2, "--template does not go with --jsonl"),
        (("-k", "q", "x", "--resume"), 2, "--resume needs the --receipts"),
        (("-k", "q", "--lines", "-", "--resume", "--receipts", "/tmp/r"), 2, "what was read of stdin"),
        (("-k", "q", "x", "--resume", "--receipts", "/tmp/r", "--id-from", "uuid7"), 2, "cannot repeat the ids"),
        (("-k", "q", "x", "--receipts", "-", "--failed", "-"), 2, "takes stdout for itself"),
        (("-k", "q", "x", "--receipts", "-", "--json"), 2, "takes stdout for itself"),
        (("-k", "q", "x", "--receipts", "/nonexistent/r"), 74, "/nonexistent/r: No such file"),
        (("-k", "q", "x", "--failed", "/nonexistent/f"), 74, "/nonexistent/f: No such file"),
        (("-k", "q", "--lines", "/etc/passwd", "--failed", "/etc/../etc/passwd"), 2, "is used already"),
        (("-k", "q", "x", "--receipts", "/tmp/r", "--failed", "/tmp/r"), 2, "is used already"),
    ],
)
def test_bad_input_sends_nothing(queue: AmqpUrl, words: tuple[str, ...], code: int, complaint: str) -> None:
    """Each mistake has its exit code and one clear line, and the queue stays empty."""
    done = publish(queue, *words)
    assert done.returncode == code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert "0 confirmed" not in done.stderr
    assert asyncio.run(queue_length(queue, "q")) == 0


def test_ctrl_c_reports_what_was_confirmed(queue: AmqpUrl) -> None:
    """Interrupted while waiting for input, the command says what was confirmed and exits 130."""
    command = cli_arguments("publish", "-k", "q", "--lines", "-")
    with subprocess.Popen(
        command,
        env=cli_environment(environment(queue)),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        process.stdin.write("one\n")
        wait_for_messages(queue, 1)
        os.kill(process.pid, signal.SIGINT)
        _, complaint = process.communicate()
    assert process.returncode == 130
    assert complaint.startswith("1 confirmed")


def wait_for_messages(url: AmqpUrl, count: int) -> None:
    """Wait until `q` holds so many messages."""
    while asyncio.run(queue_length(url, "q")) < count:
        pass


def test_help_explains_every_option() -> None:
    """--help names the input modes."""
    done: Any = run_cli("publish", "--help")
    assert done.returncode == 0
    for option in ("--lines", "--jsonl", "--file", "--header", "--allow-unroutable"):
        assert option in done.stdout


def test_what_a_lost_connection_leaves_in_doubt_is_sent_again() -> None:
    """The rest goes out over a new connection, and every message is confirmed in the end."""

    def confirm_ten_and_die(peer: Peer, number: int) -> None:
        if number <= 10:
            peer.send(spec.Basic.Ack(number, False))
        elif number == 20:
            peer.hang_up()

    async def scenario() -> tuple[int | None, dict[str, Any]]:
        async with fake_broker(confirm_ten_and_die) as url:
            process = await asyncio.create_subprocess_exec(
                *cli_arguments("publish", "--json", "-k", "q", "--lines", "-", "--url", url.reveal()),
                env=cli_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            output, _ = await process.communicate(b"x\n" * 20)
            return process.returncode, json.loads(output)

    code, document = asyncio.run(scenario())
    assert code == 0
    assert (document["confirmed"], document["failures_by_error"]) == (20, {})
