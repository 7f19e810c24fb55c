"""`amqptool consume`, as a user or a script runs it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.raw_client import nested, raw_client, table

HANDLERS = """
import asyncio, sys

def show(delivery):
    print("handled", delivery.body.decode(), delivery.attempt, flush=True)

async def show_async(delivery):
    print("handled", delivery.body.decode(), flush=True)

def fail(delivery):
    raise ValueError("broken")

def leave(delivery):
    sys.exit(3)

class Keeper:
    def __call__(self, delivery):
        print("kept", delivery.body.decode(), flush=True)

keeper = Keeper()
number = 7

def wrong(one, two):
    pass
"""


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q` of three messages."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"m%d" % n, routing_key="q") for n in range(3)])

    asyncio.run(prepare())
    return amqptool_vhost


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a directory with handlers."""
    (tmp_path / "app.py").write_text(HANDLERS)
    (tmp_path / "broken.py").write_text("import nonexistent_module_of_mine\n")
    (tmp_path / "raising.py").write_text("1 / 0\n")
    return tmp_path


def environment(url: AmqpUrl) -> dict[str, str]:
    """Point commands at a vhost."""
    return {"AMQPTOOL_URL": url.reveal()}


def consume(url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume`."""
    return run_cli("consume", *words, env=environment(url))


def left(url: AmqpUrl) -> int:
    """Count what is left in `q`."""
    return asyncio.run(queue_length(url, "q"))


def test_bodies_are_printed_a_line_each(queue: AmqpUrl) -> None:
    """stdout holds the bodies and nothing else, and -n leaves the rest in the queue."""
    done = consume(queue, "q", "-n", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "m0\nm1\n", "")
    assert left(queue) == 1


def test_json_lines_are_records(queue: AmqpUrl) -> None:
    """--output jsonl and --json write one record a line, with where it came from."""
    for words in (("--output", "jsonl"), ("--json",)):
        record = json.loads(consume(queue, "q", "-n", "1", *words).stdout)
        assert (record["routing_key"], record["queue"], record["redelivered"]) == ("q", "q", False)
        assert record["properties"]["delivery_mode"] == 2


def test_pretty_shows_properties_and_indented_json(amqptool_vhost: AmqpUrl) -> None:
    """--output pretty is for people: where from, properties, headers, and JSON laid out."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b'{"a":[1]}', routing_key="q", headers={"h": 1})])

    asyncio.run(prepare())
    shown = consume(amqptool_vhost, "q", "-n", "1", "--output", "pretty").stdout
    assert "(default exchange) → q" in shown
    assert "  h: 1" in shown
    assert '{\n  "a": [\n    1\n  ]\n}' in shown
    assert "\x1b" not in shown


def gzipped(body: bytes, **fields: Any) -> Message:
    """Make a message whose body is compressed."""
    return Message(body=gzip.compress(body), content_encoding="gzip", routing_key="q", **fields)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (Message.encode({"a": ["ž"]}, routing_key="q"), '{\n  "a": [\n    "ž"\n  ]\n}'),
        (Message.encode({"a": b"\xff"}, content_type="application/msgpack", routing_key="q"), '"$bytes": "/w=="'),
        (Message.encode("ž", content_type="text/plain; charset=latin2", routing_key="q"), "\nž\n"),
        (Message(body=b'{"a":1}', content_type="text/plain", routing_key="q"), '\n{"a":1}\n'),
        (gzipped(b'{"a":1}'), '{\n  "a": 1\n}'),
        (gzipped(b"\x1b]0;owned\x07", content_type="text/plain"), r"\x1b]0;owned\x07"),
        (gzipped(b'"\\u001b]0;owned"', content_type="application/json"), "\n\\x1b]0;owned\n"),
        (gzipped(bytes(2**22)), "(gzip of 4,098 bytes holds more than the 1,048,576 that are allowed)"),
        (Message(body=b'{"a"', content_type="application/json", routing_key="q"), '{"a"\n(not valid JSON: '),
        (Message(body=b"x", content_encoding="br", routing_key="q"), "x\n(unknown content encoding 'br')"),
        (Message(body=b"\xff", content_type="application/x-protobuf", routing_key="q"), "\\xff"),
    ],
)
def test_pretty_decodes_bodies(amqptool_vhost: AmqpUrl, message: Message, shown: str) -> None:
    """By content type and encoding, and never more than a terminal can bear; what is broken is shown as it is."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [message])

    asyncio.run(prepare())
    done = consume(amqptool_vhost, "q", "-n", "1", "--output", "pretty")
    assert done.returncode == 0
    assert shown in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("output", ["jsonl", "pretty"])
def test_a_header_too_deep_to_print_is_a_failed_message(amqptool_vhost: AmqpUrl, output: str) -> None:
    """It does not look like a lost connection, and the messages behind it are printed."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with raw_client(amqptool_vhost) as client:
            await client.publish("q", table((b"h", nested(1_500))))
        await publish(amqptool_vhost, [Message(body=b"behind", routing_key="q")])

    asyncio.run(prepare())
    done = consume(amqptool_vhost, "q", "-n", "2", "--output", output)
    assert done.returncode == 1
    assert "attempt 1 failed: InputError: a header is nested too deeply" in done.stderr
    assert "lost" not in done.stderr
    assert "behind" in done.stdout
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 1


def test_a_body_cannot_act_on_a_terminal(amqptool_vhost: AmqpUrl) -> None:
    """On a terminal, control bytes of a body are shown, not sent."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"\x1b]0;owned\x07 \xe2\x80\xae", routing_key="q")])

    asyncio.run(prepare())
    reader, writer = pty.openpty()
    command = cli_arguments("consume", "q", "-n", "1")
    done = subprocess.run(command, env=cli_environment(environment(amqptool_vhost)), stdout=writer, check=True)
    os.close(writer)
    shown = os.read(reader, 1000)
    os.close(reader)
    assert done.returncode == 0
    assert shown == b"\\x1b]0;owned\\x07 \\u202e\r\n"


def test_an_idle_queue_ends_the_command(queue: AmqpUrl) -> None:
    """--idle-timeout stops when nothing more comes, with success."""
    done = consume(queue, "q", "--idle-timeout", "0.3")
    assert (done.returncode, done.stdout) == (0, "m0\nm1\nm2\n")


def test_too_few_messages_are_a_failure(queue: AmqpUrl) -> None:
    """Fewer than --min-messages in time is exit 75; what came is printed and acknowledged."""
    done = consume(queue, "q", "--idle-timeout", "0.3", "--min-messages", "4")
    assert (done.returncode, done.stdout) == (75, "m0\nm1\nm2\n")
    assert re.fullmatch(r"3 printed in \d\.\d s \(\d+/s\), stopped by --idle-timeout\n", done.stderr)
    assert left(queue) == 0


def test_a_closed_pipe_keeps_what_was_not_written(queue: AmqpUrl) -> None:
    """When the reader of stdout goes away: exit 141, no noise, and only printed messages are gone."""
    command = cli_arguments("consume", "q")
    with subprocess.Popen(
        command,
        env=cli_environment(environment(queue)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.stdout.close()
        asyncio.run(publish(queue, [Message(body=b"late", routing_key="q")]))
        assert process.wait(30) == 141
        assert process.stderr is not None
        complaint = process.stderr.read()
    assert lines == ["m0\n", "m1\n", "m2\n"]
    assert (complaint, left(queue)) == ("", 1)


def test_a_full_disk_keeps_what_was_not_written(queue: AmqpUrl) -> None:
    """When stdout's disk is full: exit 74, and nothing was acknowledged."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            cli_arguments("consume", "q"),
            env=cli_environment(environment(queue)),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 74
    assert "stdout: No space left on device" in done.stderr
    assert left(queue) == 3


def test_a_closed_stdout_takes_nothing(queue: AmqpUrl) -> None:
    """Started without a stdout, there is nowhere to print to: exit 74."""
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *cli_arguments("consume", "q")],
        env=cli_environment(environment(queue)),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (74, "amqptool: error: stdout is closed\n")
    assert left(queue) == 3


@pytest.mark.parametrize(
    ("handler", "lines"),
    [
        ("app:show", ["handled m0 1", "handled m1 1", "handled m2 1"]),
        ("app:show_async", ["handled m0", "handled m1", "handled m2"]),
        ("app:keeper", ["kept m0", "kept m1", "kept m2"]),
    ],
)
def test_handlers_of_every_shape(queue: AmqpUrl, app: Path, handler: str, lines: list[str]) -> None:
    """Functions, coroutine functions and callable objects are handlers."""
    done = consume(queue, "q", "-n", "3", "--handler", handler, "--app-dir", str(app))
    assert (done.returncode, done.stdout.splitlines()) == (0, lines)
    assert re.fullmatch(r"3 handled in \d\.\d s \(\d+/s\), stopped by --max-messages\n", done.stderr)


def test_done_is_remembered_between_runs(queue: AmqpUrl, app: Path, tmp_path: Path) -> None:
    """A message published again is not handled again by a later process, by default."""
    message = Message(body=b"again", routing_key="q")
    words = ("q", "--handler", "app:show", "--app-dir", str(app))
    env = {**environment(queue), "XDG_STATE_HOME": str(tmp_path / "state")}
    run_cli("consume", *words, "-n", "3", env=env)
    outputs = []
    for _ in range(2):
        asyncio.run(publish(queue, [message]))
        outputs.append(run_cli("consume", *words, "-n", "1", env=env).stdout)
    assert outputs == ["handled again 1\n", ""]
    assert (tmp_path / "state/amqptool/dedup.db").stat().st_mode & 0o777 == 0o600


def test_a_handler_that_fails_with_a_limit_is_a_failure(queue: AmqpUrl, app: Path) -> None:
    """With -n each message is tried once; a failed one goes back and the exit code is 1."""
    done = consume(queue, "q", "-n", "1", "--handler", "app:fail", "--app-dir", str(app), "--dedup", "memory:")
    assert done.returncode == 1
    assert "attempt 1 failed: ValueError: broken" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(queue) == 3


def test_a_handler_cannot_end_the_worker(queue: AmqpUrl, app: Path) -> None:
    """sys.exit() in a handler is a failed attempt, not the end."""
    done = consume(queue, "q", "-n", "1", "--handler", "app:leave", "--app-dir", str(app), "--dedup", "memory:")
    assert done.returncode == 1
    assert "SystemExit" in done.stderr


def test_a_report_for_scripts(queue: AmqpUrl, app: Path) -> None:
    """With --json, a worker's report is one document."""
    done = consume(queue, "q", "-n", "3", "--handler", "app:fail", "--app-dir", str(app), "--json", "--dedup", "none")
    document = json.loads(done.stdout)
    assert (document["kind"], document["code"], document["failed"]) == ("consume", 1, 3)
    assert document["stopped_by"] == "max-messages"


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        ("nope:handle", "no module 'nope'"),
        ("app:nope", "has no 'nope'"),
        ("app:number", "not callable"),
        ("app:wrong", "one argument"),
        ("app", "package.module:callable"),
        ("broken:handle", "nonexistent_module_of_mine"),
        ("raising:handle", "ZeroDivisionError"),
    ],
)
def test_a_handler_that_cannot_be_loaded_takes_no_message(
    queue: AmqpUrl, app: Path, handler: str, complaint: str
) -> None:
    """Exit 78 before anything is consumed."""
    done = consume(queue, "q", "-n", "1", "--handler", handler, "--app-dir", str(app))
    assert done.returncode == 78
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert left(queue) == 3


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("nope",), 1, "no queue 'nope'"),
        (("q", "--handler", "app:show", "--output", "body"), 2, "give one of them"),
        (("q", "--json", "--output", "body"), 2, "give one of them"),
        (("q", "--dedup", "memory:"), 2, "--dedup is for a handler"),
        (("q", "--dedup-scope", "s"), 2, "--dedup-scope is for a handler"),
        (("q", "--app-dir", "APP"), 2, "--app-dir is for a handler"),
        (("q", "--idle-timeout", "0"), 2, "--idle-timeout"),
        (("q", "--handler", "app:show", "--app-dir", "APP", "--dedup", "mysql:"), 78, "a dedup store is"),
        (
            ("q", "--handler", "app:show", "--app-dir", "APP", "--dedup", "sqlite:////dev/null/x"),
            69,
            "dedup store",
        ),
    ],
)
def test_bad_input_takes_nothing(queue: AmqpUrl, app: Path, words: tuple[str, ...], code: int, complaint: str) -> None:
    """Each mistake has its exit code and one clear line, and the queue keeps its messages."""
    done = consume(queue, *(str(app) if word == "APP" else word for word in words))
    assert done.returncode == code
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert left(queue) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_stop_a_worker_cleanly(queue: AmqpUrl, app: Path, number: signal.Signals, code: int) -> None:
    """SIGTERM drains and succeeds; Ctrl-C drains too and says 130."""
    words = ("consume", "q", "--handler", "app:show", "--app-dir", str(app), "--dedup", "memory:")
    with subprocess.Popen(
        cli_arguments(*words), env=cli_environment(environment(queue)), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == code
    assert left(queue) == 0


def test_a_second_signal_ends_at_once(queue: AmqpUrl, app: Path) -> None:
    """A worker that waits for a stuck handler is ended by a second signal."""
    (app / "stuck.py").write_text("import time\ndef handle(d):\n    print('in', flush=True)\n    time.sleep(600)\n")
    words = ("consume", "q", "--handler", "stuck:handle", "--app-dir", str(app), "--dedup", "memory:", "-v")
    with subprocess.Popen(
        cli_arguments(*words),
        env=cli_environment(environment(queue)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "stopping" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
    assert left(queue) == 3


def test_a_worker_survives_a_killed_worker(queue: AmqpUrl, app: Path, tmp_path: Path) -> None:
    """A worker killed in a handler leaves its messages to the next one, at once."""
    code = "import os, signal\ndef handle(d):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    (app / "deadly.py").write_text(code)
    words = ("--app-dir", str(app), "--dedup", f"sqlite:///{tmp_path}/dedup.db")
    assert consume(queue, "q", "--handler", "deadly:handle", *words).returncode == -signal.SIGKILL
    done = consume(queue, "q", "--handler", "app:show", *words, "-n", "3", "--timeout", "30")
    assert sorted(done.stdout.splitlines()) == ["handled m0 1", "handled m1 1", "handled m2 1"]
