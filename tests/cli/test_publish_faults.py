"""What can be wrong with `amqptool publish`'s input, its process and its broker; C and G are rows of the catalogue."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pika import spec

from amqptool import AmqpUrl
from amqptool.broker.amqp import Channel, connect
from tests.support.broker import declare_queue, drain, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.fake_broker import OnPublish, Peer, fake_broker_in_thread
from tests.support.processes import ordinary_user


def publish(
    url: AmqpUrl, *words: str, stdin: str | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `amqptool publish` with the key of `q`."""
    return run_cli("publish", "-k", "q", *words, env={"AMQPTOOL_URL": url.reveal(), **(env or {})}, input=stdin)


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


def bodies(url: AmqpUrl) -> list[bytes]:
    """Take everything out of `q` and return the bodies."""
    return [delivery.body for delivery in asyncio.run(drain(url, "q"))]


async def on_a_channel(url: AmqpUrl, act: Callable[..., Awaitable[object]], *arguments: object) -> None:
    """Do something on a channel of its own."""
    async with connect(url) as connection:
        await act(await connection.channel(), *arguments)


@contextmanager
def process(url: AmqpUrl, *words: str, **settings: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `amqptool publish` beside the test."""
    environment = cli_environment({"AMQPTOOL_URL": url.reveal()})
    with subprocess.Popen(cli_arguments("publish", "-k", "q", *words), env=environment, **settings) as running:
        yield running


def wait_for_the_first(running: subprocess.Popen[bytes], lines: bytes) -> None:
    """Give a run its first lines, and wait until its receipts on stdout confirm one of them."""
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(lines)
    running.stdin.flush()
    assert b'"run"' in running.stdout.readline()
    assert b'"confirmed"' in running.stdout.readline()


# -- messages that cannot be --


def test_headers_larger_than_a_frame(queue: AmqpUrl) -> None:
    """C8: refused here, since the broker would close the connection for it; the other lines arrive."""
    big, small = ({"routing_key": "q", "body": "x", "headers": {"a": "x" * size}} for size in (200_000, 100_000))
    lines = "".join(json.dumps(record) + "\n" for record in (small, big, small))
    one = publish(queue, "--jsonl", "-", stdin=json.dumps(big))
    many = publish(queue, "--jsonl", "-", "--on-error", "skip", stdin=lines)
    assert one.returncode == 65, one.stderr
    assert "frame" in one.stderr
    assert many.returncode == 3, many.stderr
    assert len(bodies(queue)) == 2


def test_a_body_larger_than_the_broker_takes(queue: AmqpUrl, tmp_path: Path) -> None:
    """C9: the broker's own words are told, and nothing hangs."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(128 * 1024**2)
    done = publish(queue, "--file", f"{tmp_path}/big")
    assert done.returncode in (0, 65), done.stderr  # RabbitMQ 3.10 takes 128 MiB, 4 takes 16
    assert "Traceback" not in done.stderr


def test_a_body_that_the_broker_says_is_too_large() -> None:
    """C9: 65, with both sizes in the broker's own words."""
    words = "PRECONDITION_FAILED - message size 20 is larger than configured max size 16"
    with fake_broker_in_thread(lambda peer, _number: peer.close_channel(406, words)) as url:
        done = publish(url, "x" * 20)
    assert (done.returncode, words in done.stderr) == (65, True), done.stderr


def test_an_empty_body_is_a_message(queue: AmqpUrl) -> None:
    """C18: no bytes are a body, too."""
    assert publish(queue, "").returncode == 0
    assert bodies(queue) == [b""]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--priority", "256"), 2, "256"),
        (("--priority", "x"), 2, "x"),
        (("--timestamp", "1.5"), 2, "1.5"),
        (("--timestamp", "-1"), 2, "-1"),
        (("--timestamp", str(2**64)), 65, "timestamp must be a whole number"),
        (("--message-id", "é" * 128), 65, "message_id is longer"),
        (("--correlation-id", "x" * 256), 65, "correlation_id is longer"),
        (("-H", f"n:={2**63}"), 65, "does not fit AMQP's 64-bit integers"),
        (("-H", "k" * 256 + "=v"), 65, "is longer than AMQP's 255 bytes"),
        (("-H", 'n:={"$decimal": "1e99"}'), 65, "does not fit AMQP's decimals"),
        (("--expiration", "abc"), 65, "--expiration 'abc'"),
        (("--expiration", "-5"), 65, "--expiration '-5'"),
        (("--expiration", "9" * 19), 65, "expiration must be"),
    ],
)
def test_properties_that_cannot_be(queue: AmqpUrl, words: tuple[str, ...], code: int, said: str) -> None:
    """C10, C12: the option at fault is named, and nothing is sent; 2 for what is no number, 65 for AMQP's limits."""
    done = publish(queue, "x", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert asyncio.run(queue_length(queue, "q")) == 0


def test_somebody_elses_user_id(queue: AmqpUrl) -> None:
    """C11: the broker's refusal names both users: the value is at fault."""
    done = publish(queue, "x", "--user-id", "ann")
    assert done.returncode == 65, done.stderr
    assert "'ann'" in done.stderr
    assert "Traceback" not in done.stderr


# -- brokers that do not take them --


def test_a_full_queue(queue: AmqpUrl) -> None:
    """C3: a message that is nacked every time is a failure, and says how often it was."""
    asyncio.run(declare_queue(queue, "full", **{"x-max-length": 0, "x-overflow": "reject-publish"}))
    done = publish(queue, "-k", "full", "x", "--nack-retries", "1")
    assert (done.returncode, "(basic.nack), 2 times" in done.stderr) == (1, True), done.stderr


def unheard(_peer: Peer, _number: int) -> None:
    """Confirm nothing."""


def unbelievable(peer: Peer, _number: int) -> None:
    """Confirm what was never sent."""
    peer.send(spec.Basic.Ack(4711, False))


def blocking(peer: Peer, _number: int) -> None:
    """Tell of an alarm, and confirm nothing."""
    peer.send(spec.Connection.Blocked("low on memory"), channel=0)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (unheard, "no confirm within"),
        (unbelievable, "confirmed a message that was not sent"),
        (blocking, "blocked by the broker: low on memory"),
    ],
)
def test_a_message_in_doubt(tmp_path: Path, script: OnPublish, said: str) -> None:
    """A10, C4, C6: 75, with the ids in doubt, the reason, and how to go on."""
    (tmp_path / "lines").write_text("a\nb\n")
    words = ("--lines", f"{tmp_path}/lines", "--receipts", f"{tmp_path}/receipts")
    with fake_broker_in_thread(script) as url:
        terms = ("--confirm-timeout", "500ms", "--reconnect-timeout", "500ms", "--blocked-timeout", "300ms")
        done = publish(url, *words, *terms)
    receipts = [json.loads(line) for line in (tmp_path / "receipts").read_text().splitlines()[1:]]
    assert done.returncode == 75, done.stderr
    assert [receipt["outcome"] for receipt in receipts] == ["in_doubt"] * 2
    assert all(f"{receipt['id']}: in doubt: " in done.stderr for receipt in receipts)
    assert said in done.stderr
    assert "--resume" in done.stderr


def test_what_was_read_of_a_pipe_and_not_sent_is_kept(queue: AmqpUrl, tmp_path: Path) -> None:
    """Nobody can read it again, so --failed has the lines behind the one that was sent, also after Ctrl-C."""
    words = ("--lines", "-", "--failed", f"{tmp_path}/failed", "--rate", "1/m", "--receipts", "-")
    with process(queue, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        wait_for_the_first(running, b"a\nb\nc\nunfinished")
        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=60)
    assert running.returncode == 130, complaint
    assert b"1 confirmed" in complaint
    assert b"2 not sent" in complaint
    assert [json.loads(line)["body"] for line in (tmp_path / "failed").read_text().splitlines()] == ["b", "c"]


def test_an_exchange_that_vanishes(queue: AmqpUrl) -> None:
    """C7: what was confirmed before stays so, and the rest is not found: a partial success."""
    asyncio.run(on_a_channel(queue, Channel.declare_exchange, "x", "fanout"))
    words = ("-e", "x", "--allow-unroutable", "--lines", "-", "--receipts", "-")
    with process(queue, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        wait_for_the_first(running, b"a\n")
        asyncio.run(on_a_channel(queue, Channel.delete_exchange, "x"))
        _, complaint = running.communicate(b"b\n", timeout=60)
    assert running.returncode == 3, complaint
    assert b"no exchange 'x'" in complaint
    assert b"1 confirmed" in complaint
    assert b"1 not found" in complaint


# -- input that ends early, never, or with nothing (C15, G12) --


@pytest.mark.parametrize(
    ("given", "arrived"),
    [(b"", []), (b"\n", [b""]), (b"a", [b"a"]), (b"a\nb\xe2\x82", [b"a", b"b\xe2\x82"]), (b"\x00\n", [b"\x00"])],
)
def test_lines_end_as_they_like(queue: AmqpUrl, tmp_path: Path, given: bytes, arrived: list[bytes]) -> None:
    """C15: without a line end, in the middle of a character, or with nothing at all."""
    (tmp_path / "lines").write_bytes(given)
    done = publish(queue, "--lines", f"{tmp_path}/lines")
    assert (done.returncode, done.stderr.split()[0]) == (0, str(len(arrived)))
    assert bodies(queue) == arrived


def test_a_record_that_ends_in_the_middle_of_a_character(queue: AmqpUrl, tmp_path: Path) -> None:
    """C15: it is a bad line like any other."""
    (tmp_path / "records").write_bytes(b'{"routing_key": "q", "body": "\xe2\x82')
    done = publish(queue, "--jsonl", f"{tmp_path}/records")
    assert done.returncode == 65
    assert f"{tmp_path}/records:1: not valid JSON" in done.stderr


@pytest.mark.parametrize("words", [("-",), ("--lines", "-"), ("--jsonl", "-"), ("--file", "-")])
def test_a_closed_stdin(queue: AmqpUrl, words: tuple[str, ...]) -> None:
    """G12: said, and exit 65; nothing hangs."""
    command = ["sh", "-c", 'exec "$@" <&-', "sh"]
    keys = () if words[0] == "--jsonl" else ("-k", "q")
    done = run_cli("publish", *keys, *words, env={"AMQPTOOL_URL": queue.reveal()}, prefix=command)
    assert (done.returncode, "stdin" in done.stderr) == (65, True)
    assert "Traceback" not in done.stderr


def test_a_terminal_without_a_body(queue: AmqpUrl) -> None:
    """G12: at a terminal nothing is waited for; the ways to give a message are named."""
    terminal, ours = pty.openpty()
    with process(queue, stdin=ours, stderr=subprocess.PIPE) as running:
        _, complaint = running.communicate(timeout=60)
    os.close(ours)
    os.close(terminal)
    assert running.returncode == 2
    assert b"Nothing to publish: give BODY, --file, --lines or --jsonl, or pipe a body in." in complaint


# -- files that are none (G9) --


@pytest.mark.parametrize("option", ["--lines", "--jsonl", "--file"])
def test_files_that_cannot_be_read(queue: AmqpUrl, tmp_path: Path, option: str) -> None:
    """G9: a directory, a loop of links, a missing file: 74, with the name."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    keys = () if option == "--jsonl" else ("-k", "q")
    for name in ("loop", "missing") if option == "--file" else (".", "loop", "missing"):
        done = run_cli("publish", *keys, option, f"{tmp_path}/{name}", env={"AMQPTOOL_URL": queue.reveal()})
        assert (done.returncode, f"{tmp_path}" in done.stderr) == (74, True), done.stderr


def test_an_unreadable_file(queue: AmqpUrl) -> None:
    """G9: 74 and the name, also of receipts that may not be written."""
    with ordinary_user() as (prefix, directory):
        for name in ("secret", "receipts"):
            (directory / name).write_text("x\n")
            (directory / name).chmod(0)
        environment = {"AMQPTOOL_URL": queue.reveal()}
        words = ("publish", "-k", "q")
        done = run_cli(*words, "--lines", f"{directory}/secret", env=environment, prefix=prefix)
        if prefix and "dac_read_search" in " ".join(prefix):
            assert done.returncode == 0  # this user may read everything, or could not read our code
        else:
            assert (done.returncode, "secret: Permission denied" in done.stderr) == (74, True)
        done = run_cli(*words, "x", "--receipts", f"{directory}/receipts", env=environment, prefix=prefix)
        assert (done.returncode, "receipts: Permission denied" in done.stderr) == (74, True)


def test_a_named_pipe_is_read_to_its_end(queue: AmqpUrl, tmp_path: Path) -> None:
    """G9: a FIFO is a stream, with receipts too; but not to be resumed."""
    fifo, receipts = tmp_path / "fifo", f"{tmp_path}/receipts"
    os.mkfifo(fifo)
    refused = publish(queue, "--lines", str(fifo), "--receipts", receipts, "--resume")
    with process(queue, "--lines", str(fifo), "--receipts", receipts) as running:
        fifo.write_text("a\nb\n")
    assert (running.returncode, bodies(queue)) == (0, [b"a", b"b"])
    assert refused.returncode == 2
    assert "--resume needs a file" in refused.stderr


# -- where the output goes (G11) --


def test_a_full_stdout(queue: AmqpUrl) -> None:
    """G11: 74, since a script would miss the id; the message is out all the same."""
    with Path("/dev/full").open("w") as full, process(queue, "x", stdout=full.fileno(), stderr=-1) as running:
        _, complaint = running.communicate()
    assert running.returncode == 74
    assert b"stdout: No space left" in complaint
    assert bodies(queue) == [b"x"]


def test_receipts_to_a_reader_that_goes_away(queue: AmqpUrl) -> None:
    """G11: 141 as for any closed pipe, without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    with process(queue, "x", "--count", "50", "--receipts", "-", stdout=writing, stderr=-1) as running:
        os.close(writing)
        _, complaint = running.communicate()
    assert running.returncode == 141
    assert b"Traceback" not in complaint


def test_any_locale_will_do(queue: AmqpUrl, tmp_path: Path) -> None:
    """G11: names that the locale cannot write are escaped in talk and whole in receipts."""
    path = tmp_path / "größe"
    path.write_text('{"routing_key": "q", "body": "é"}\n{\n')
    done = run_cli(
        "publish", "--jsonl", str(path), "--on-error", "skip", "--receipts", f"{tmp_path}/r",
        env={"AMQPTOOL_URL": queue.reveal(), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "r").read_text().splitlines()[1])["line"] in (1, 2)


# -- the process (G13) --


@pytest.mark.parametrize("option", [(), ("--receipts", "R")])
def test_little_to_live_on(queue: AmqpUrl, tmp_path: Path, option: tuple[str, ...]) -> None:
    """G13: sixteen files, no home, a directory that cannot be written, and no asserts are enough."""
    words = [word if word != "R" else f"{tmp_path}/r" for word in option]
    environment = {name: value for name, value in cli_environment().items() if name != "HOME"}
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 16; cd /; exec "$@"', "sh", sys.executable, "-O", "-m", "amqptool",
         "publish", "-k", "q", "--count", "10", "x", *words],
        env={**environment, "AMQPTOOL_URL": queue.reveal(), "COVERAGE_PROCESS_CONFIG": ""},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(bodies(queue)) == 10


def test_sigterm_ends_as_ctrl_c_does(queue: AmqpUrl) -> None:
    """A run that a supervisor ends says what was confirmed; exit 143."""
    with process(queue, "--lines", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write(b"one\n")
        running.stdin.flush()
        while asyncio.run(queue_length(queue, "q")) < 1:
            pass
        running.send_signal(signal.SIGTERM)
        _, complaint = running.communicate()
    assert running.returncode == 143
    assert complaint.startswith(b"1 confirmed")


def test_a_second_ctrl_c_ends_at_once(queue: AmqpUrl) -> None:
    """Whoever does not want to wait for confirms is not made to."""
    with process(queue, "--lines", "-", stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write(b"one\n")
        running.stdin.flush()
        while asyncio.run(queue_length(queue, "q")) < 1:
            pass
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert running.returncode == 130


# -- a terminal --


def seen_on_a_terminal(url: AmqpUrl, *words: str) -> str:
    """Run `amqptool publish` with stderr on a terminal, and return what came there."""
    terminal, ours = pty.openpty()
    with process(url, *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=ours) as running:
        os.close(ours)
        seen = b""
        while True:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # Linux: the last writer has closed it
                break
            seen += chunk
    os.close(terminal)
    assert running.returncode == 0
    return seen.decode()


def test_a_terminal_shows_progress(queue: AmqpUrl) -> None:
    """A bar with counts, rate and the time left while it runs; the summary stays."""
    seen = seen_on_a_terminal(queue, "x", "--count", "60", "--rate", "60/s")
    assert "in flight" in seen
    assert "━" in seen
    assert "60 confirmed in " in seen


def test_progress_leaves_the_cursor_to_be_seen(queue: AmqpUrl) -> None:
    """A second Ctrl-C, which ends the process at once, leaves the terminal as it was."""
    seen = seen_on_a_terminal(queue, "x", "--count", "30", "--rate", "60/s")
    before, shown, _after = seen.partition("in flight")
    assert shown
    assert before.rfind("\x1b[?25h") > before.rfind("\x1b[?25l")


@pytest.mark.parametrize("words", [("-q",), ("--json",), ("x",)])
def test_nobody_asked_for_progress(queue: AmqpUrl, words: tuple[str, ...]) -> None:
    """Not with -q, not with --json, and not for a single message."""
    many = ("x", "--count", "30", "--rate", "60/s", *words)
    seen = seen_on_a_terminal(queue, *(words if words == ("x",) else many))
    assert "in flight" not in seen
    assert "\x1b" not in seen
