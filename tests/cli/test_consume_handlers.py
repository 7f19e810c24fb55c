"""`amqptool consume --handler`: commands and URLs, as a user gives them."""

from __future__ import annotations

import asyncio
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.cli import cli_environment, run_cli

LINES = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "verdict": "ack"}), flush=True)
"""
IMPORTS = "import amqptool.handlers, amqptool.work.worker; amqptool.handlers.load_handler('exec:true')"


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q` of three messages."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"m%d" % n, routing_key="q") for n in range(3)])

    asyncio.run(prepare())
    return amqptool_vhost


def consume(url: AmqpUrl, handler: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Handle what is in `q`."""
    options = ["--handler", handler, "--dedup", "memory:", *(words or ("-n", "3"))]
    return run_cli("consume", "q", *options, env={"AMQPTOOL_URL": url.reveal()})


def test_a_command_handles_messages(queue: AmqpUrl, tmp_path: Path) -> None:
    """Each body is its stdin, and exit code 0 acknowledges."""
    script = tmp_path / "job"
    script.write_text(f"#!/bin/sh\ncat >> {tmp_path}/seen; echo >> {tmp_path}/seen\n")
    script.chmod(0o755)
    done = consume(queue, f"exec:{script}")
    assert (done.returncode, done.stderr[:10]) == (0, "3 handled ")
    assert (tmp_path / "seen").read_text() == "m0\nm1\nm2\n"


def test_its_exit_code_sends_a_message_to_the_dead_letters(queue: AmqpUrl) -> None:
    """With the reason in the headers, and in the log."""
    done = consume(queue, "exec:sh -c 'echo no such customer >&2; exit 65'", "-n", "3", "--dead-letter", "dead")
    assert done.returncode == 1
    assert "3 dead letters" in done.stderr
    assert (
        asyncio.run(drain(queue, "dead"))[0].headers["amqptool-error"] == "Reject: sh exited with 65: no such customer"
    )


def test_a_command_that_never_ends_is_a_failed_attempt(queue: AmqpUrl) -> None:
    """--handler-timeout ends it."""
    done = consume(queue, "exec:sleep 600", "-n", "1", "--handler-timeout", "200ms")
    assert done.returncode == 1
    assert "not finished after 0.2 seconds" in done.stderr


def test_lines_handle_messages(queue: AmqpUrl, tmp_path: Path) -> None:
    """A process that stays answers each."""
    (tmp_path / "worker.py").write_text(LINES)
    done = consume(queue, f"exec-lines:{shlex.join([sys.executable, str(tmp_path / 'worker.py')])}")
    assert (done.returncode, done.stderr[:10]) == (0, "3 handled ")


def test_a_command_that_never_answers_ends_the_worker(queue: AmqpUrl) -> None:
    """As a mistake in the configuration, with every message still in the queue."""
    done = consume(queue, "exec-lines:sh -c 'echo no settings >&2; exit 1'", "--retry", "100ms")
    assert done.returncode == 78
    assert "processes in a row gave no verdict; the last: sh " in done.stderr
    assert "no settings" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_url_that_nobody_answers_keeps_its_messages(queue: AmqpUrl) -> None:
    """Each is a failed attempt, and the password is in no output."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = consume(queue, f"http://user:S3cret@127.0.0.1:{port}/token", "-n", "1", "--debug")
    assert done.returncode == 1
    assert f"no answer from http://127.0.0.1:{port}" in done.stderr
    assert "S3cret" not in done.stderr
    assert asyncio.run(queue_length(queue, "q")) == 3


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--handler-timeout", "5s"), 2, "--handler-timeout is for a handler"),
        (("--handler-gzip",), 2, "--handler-gzip is for a handler"),
        (("--handler", "exec:true", "--handler-gzip"), 2, "give --handler https://"),
        (("--handler", "exec:true", "--handler-timeout", "0"), 2, "is no duration"),
        (("--handler", "exec:no-such-command"), 78, "there is no command 'no-such-command'"),
        (("--handler", "exec:"), 78, "names no command"),
        (("--handler", "http://u:S3cret@host:port"), 78, "the handler's URL cannot be read"),
        (("--handler", "nope"), 78, "no handler 'nope' is installed"),
        (("--handler", "builtins:print", "--handler-timeout", "5s"), 78, "make it async"),
    ],
)
def test_a_wrong_handler_is_refused_at_once(words: tuple[str, ...], code: int, text: str) -> None:
    """Before anything is connected to, and without a secret."""
    done = run_cli("consume", "q", *words, env={"AMQPTOOL_URL": "amqp://127.0.0.1:1"})
    assert done.returncode == code
    assert text in done.stderr
    assert "S3cret" not in done.stderr


def test_aiohttp_is_imported_for_urls_alone() -> None:
    """A worker that calls commands starts without it."""
    check = f"{IMPORTS}; import sys; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", check], check=True, capture_output=True, text=True, env=cli_environment()
    )
    assert done.stdout == "False\n"
