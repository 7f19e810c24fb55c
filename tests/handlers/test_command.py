"""`exec:` handlers: what a command is given, what its end means, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from amqptool import HandlerError, Reject, Retry, load_handler
from amqptool.handlers.command import LONGEST_HEADERS, check
from amqptool.handlers.interface import StopWork
from amqptool.handlers.process import KEPT_OUTPUT, SHOWN_OUTPUT
from amqptool.message import Delivery
from amqptool.testing import make_delivery

#: Far more than a pipe holds.
MUCH = 4_000_000


def handle(command: str, delivery: Delivery | None = None, *, timeout: float | None = None) -> None:
    """Run a command for one delivery."""
    asyncio.run(load_handler(f"exec:{command}", timeout=timeout).handle(delivery or make_delivery()))


def shell(script: str) -> str:
    """Return the command that runs a script of the shell."""
    return shlex.join(["sh", "-c", script])


def python(script: str) -> str:
    """Return the command that runs a script of Python."""
    return shlex.join([sys.executable, "-S", "-c", script])


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Give a file that a command may write to."""
    return tmp_path / "seen"


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Give a named pipe; whoever writes to it is alive."""
    path = tmp_path / "held"
    os.mkfifo(path)
    return path


def open_held(path: Path) -> int:
    """Open a named pipe that nobody writes to yet."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def assert_nobody_holds(reader: int) -> None:
    """Wait until the last writer is gone; a test that waits for ever has failed."""
    os.set_blocking(reader, True)
    while os.read(reader, 100):
        pass
    os.close(reader)


# -- what it is given --


@pytest.mark.parametrize("body", [b"", b"caf\xc3\xa9\0\xff\n", b"x" * MUCH])
def test_the_body_is_its_stdin(seen: Path, body: bytes) -> None:
    """To the byte, whatever its size."""
    handle(shell(f"cat > {seen}"), make_delivery(body))
    assert seen.read_bytes() == body


@pytest.mark.parametrize("script", ["exit 0", "exec 0<&-", "head -c 1"])
def test_a_body_that_is_not_read_is_no_failure(script: str) -> None:
    """Only the exit code counts."""
    handle(shell(script), make_delivery(b"x" * MUCH))


def test_no_shell_is_in_between(seen: Path) -> None:
    """The words of the command are its arguments, as they are."""
    script = f"import sys; open({str(seen)!r}, 'w').write(repr(sys.argv[1:]))"
    handle(f"{python(script)} '$HOME' \"a b\" ';' '*'")
    assert seen.read_text() == repr(["$HOME", "a b", ";", "*"])


def environment(seen: Path, delivery: Delivery, prefix: str = "AMQP") -> dict[str, str]:
    """Return the variables of a prefix, by default ours, in the environment of a command."""
    handle(shell(f"env -0 > {seen}"), delivery)
    pairs = (text.partition("=") for text in seen.read_text("utf-8", "surrogateescape").split("\0"))
    return {name: value for name, _, value in pairs if name.startswith(prefix)}


def test_the_metadata_is_in_the_environment(seen: Path) -> None:
    """What the message has, and where it came from."""
    delivery = make_delivery(
        queue="orders",
        exchange="shop",
        routing_key="order.paid",
        message_id="m-1",
        headers={"tenant": "ä", "n": 1},
        content_type="application/json",
        correlation_id="c-1",
        type="paid",
        timestamp=1_700_000_000,
        attempt=3,
        redelivered=True,
    )
    assert environment(seen, delivery) == {
        "AMQPTOOL_ATTEMPT": "3",
        "AMQPTOOL_CONTENT_TYPE": "application/json",
        "AMQPTOOL_CORRELATION_ID": "c-1",
        "AMQPTOOL_EXCHANGE": "shop",
        "AMQPTOOL_HEADERS": '{"tenant": "\\u00e4", "n": 1}',
        "AMQPTOOL_MESSAGE_ID": "m-1",
        "AMQPTOOL_QUEUE": "orders",
        "AMQPTOOL_REDELIVERED": "true",
        "AMQPTOOL_ROUTING_KEY": "order.paid",
        "AMQPTOOL_TIMESTAMP": "1700000000",
        "AMQPTOOL_TYPE": "paid",
    }


def test_a_trace_context_is_in_the_environment(seen: Path) -> None:
    """By the variables that are common for it, as the message has it."""
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    told = environment(seen, make_delivery(headers={"traceparent": parent, "tracestate": "shop=1"}), "TRACE")
    assert told == {"TRACEPARENT": parent, "TRACESTATE": "shop=1"}


@pytest.mark.parametrize("headers", [{}, {"traceparent": "00-1-2-01", "tracestate": "shop=1"}])
def test_without_one_there_is_none(seen: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    """Not that of the worker itself, nor anything that is no context."""
    for name in ("TRACEPARENT", "TRACESTATE"):
        monkeypatch.setenv(name, "the worker's")
    assert environment(seen, make_delivery(headers=headers), "TRACE") == {}


def test_metadata_that_an_environment_cannot_hold_is_no_failure(seen: Path) -> None:
    """A NUL is escaped, bytes stay what they are, and headers that are too long are left out."""
    delivery = make_delivery(routing_key="a\0b", type="\udcff=", headers={"long": "x" * LONGEST_HEADERS})
    told = environment(seen, delivery)
    assert (told["AMQPTOOL_ROUTING_KEY"], told["AMQPTOOL_TYPE"]) == ("a\\0b", "\udcff=")
    assert "AMQPTOOL_HEADERS" not in told


def test_the_longest_headers_fit(seen: Path) -> None:
    """What is handed over is within what Linux takes."""
    headers = {"long": "x" * (LONGEST_HEADERS - len('{"long": ""}'))}
    assert json.loads(environment(seen, make_delivery(headers=headers))["AMQPTOOL_HEADERS"]) == headers


def test_our_own_settings_are_kept_from_it(seen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL holds a password; the rest of the environment is passed on."""
    for name in ("AMQPTOOL_URL", "AMQP_URL", "AMQPTOOL_MANAGEMENT_URL", "amqptool_profile"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("DATABASE_URL", "theirs")
    handle(shell(f"env > {seen}"))
    assert "secret" not in seen.read_text()
    assert "DATABASE_URL=theirs" in seen.read_text()


# -- what its end means --


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (75, Retry, "job exited with 75: so"),
        (65, Reject, "job exited with 65: so"),
        (1, HandlerError, "job exited with 1: so"),
        (255, HandlerError, "job exited with 255: so"),
        (-9, HandlerError, "job was ended by SIGKILL: so"),
        (-63, HandlerError, "job was ended by signal 63: so"),
    ],
)
def test_each_exit_code_has_its_meaning(code: int, kind: type[Exception], text: str) -> None:
    """The codes of sysexits(3) decide; any other, and any signal, is a failed attempt."""
    with pytest.raises(kind) as caught:
        check("job", code, "so")
    assert str(caught.value) == text


def test_success_raises_nothing() -> None:
    """Whatever it wrote."""
    check("job", 0, "so")


def test_a_failure_shows_the_end_of_stderr() -> None:
    """The last words are why; stdout is shown where there are none."""
    with pytest.raises(HandlerError, match=r"^sh exited with 3: no such table$"):
        handle(shell("echo out; echo no such table >&2; exit 3"))
    with pytest.raises(HandlerError, match=r"^sh exited with 3: out$"):
        handle(shell("echo out; exit 3"))
    with pytest.raises(HandlerError) as caught:
        check("job", 1, "x" * KEPT_OUTPUT + "end")
    assert str(caught.value) == "job exited with 1: " + "x" * (SHOWN_OUTPUT - 3) + "end"


def test_a_command_that_is_killed_has_failed() -> None:
    """The worker lives on when a command ends by a signal."""
    with pytest.raises(HandlerError, match="was ended by SIGSEGV"):
        handle(shell("kill -SEGV $$"))


def test_output_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """At debug level, with the message it belongs to."""
    caplog.set_level(logging.DEBUG, "amqptool.handlers")
    handle(shell("echo out; echo err >&2"), make_delivery(message_id="m-1"))
    assert caplog.messages == ["message m-1: stdout: out", "message m-1: stderr: err"]


def test_output_without_end_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Only its end is kept, and the command never waits for a reader."""
    caplog.set_level(logging.DEBUG, "amqptool.handlers")
    handle(shell(f"head -c {10 * MUCH} /dev/zero | tr '\\0' x; printf end"))
    [message] = caplog.messages
    assert message.endswith("xend")
    assert len(message) < KEPT_OUTPUT + 100


# -- what is left of it --


def test_a_grandchild_that_holds_its_output_holds_up_nothing(held: Path) -> None:
    """After success it may go on, and the message is done."""
    reader = open_held(held)
    handle(shell(f"sleep 600 > {held} & echo $! > {held}.pid"))
    os.kill(int(Path(f"{held}.pid").read_text()), 9)
    assert_nobody_holds(reader)


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_a_command_that_takes_too_long_is_ended_with_all_it_started(held: Path, trap: str) -> None:
    """SIGTERM for the whole group, and SIGKILL for who ignores it."""
    reader = open_held(held)
    with pytest.raises(HandlerError, match=r"not finished after 0\.5 seconds"):
        handle(shell(f"{trap}sleep 600 > {held} & sleep 600 > {held}"), timeout=0.5)
    assert_nobody_holds(reader)


def test_what_a_failed_command_started_is_ended(held: Path) -> None:
    """Nothing of a failed attempt goes on beside the next one."""
    reader = open_held(held)
    with pytest.raises(HandlerError, match="exited with 1"):
        handle(shell(f"sleep 600 > {held} & exit 1"))
    assert_nobody_holds(reader)


def test_a_cancelled_call_ends_its_command(held: Path) -> None:
    """When the call is over, so is the whole group."""

    async def scenario() -> int:
        handler = load_handler(f"exec:{shell(f'exec 3> {held}; echo up >&3; sleep 600')}")
        task = asyncio.create_task(handler.handle(make_delivery()))
        reader = await asyncio.to_thread(os.open, held, os.O_RDONLY)  # which waits for the writer
        assert await asyncio.to_thread(os.read, reader, 100) == b"up\n"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return reader

    assert_nobody_holds(asyncio.run(scenario()))


def open_files() -> int:
    """Count the files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[str]:
    """Return the ids of the children of this process, dead or alive."""
    found: set[str] = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # it has ended, and its children are another one's
            found.update((thread / "children").read_text().split())
    return found


def test_nothing_is_leaked() -> None:
    """Neither a file nor a zombie, whether commands succeed, fail, hang or are not there."""
    before = children()

    async def scenario() -> tuple[int, int]:
        handlers = [load_handler(f"exec:{command}", timeout=0.2) for command in ("true", "false", "sleep 600")]
        for handler in handlers:
            await asyncio.gather(handler.handle(make_delivery()), return_exceptions=True)
        files = open_files()
        for handler in handlers * 2:
            await asyncio.gather(*(handler.handle(make_delivery()) for _ in range(5)), return_exceptions=True)
        return files, open_files()

    files, later = asyncio.run(scenario())
    assert later == files
    assert children() == before


# -- what cannot be run --


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("exec:", "names no command"),
        ("exec:  ", "names no command"),
        ("exec:no-such-command-anywhere -p secret", "there is no command 'no-such-command-anywhere'"),
        ("exec:/dev/null", "there is no command '/dev/null' to be a handler, or it may not be run"),
        ("exec:echo 'secret", "No closing quotation"),
    ],
)
def test_a_wrong_command_is_refused_at_once(spec: str, text: str) -> None:
    """Before any message is taken, and without the words that may be secret."""
    with pytest.raises(HandlerError) as caught:
        load_handler(spec)
    assert text in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("change", ["gone", "forbidden", "no program"])
def test_a_command_that_is_not_there_any_more_ends_the_worker(tmp_path: Path, change: str) -> None:
    """No message can be handled, so none counts as failed."""
    command = tmp_path / "job"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    handler: Any = load_handler(f"exec:{command}")
    {"gone": command.unlink, "forbidden": lambda: command.chmod(0), "no program": lambda: command.write_text("")}[
        change
    ]()
    if change == "no program":
        command.write_bytes(b"\0")
    with pytest.raises(StopWork) as caught:
        asyncio.run(handler.handle(make_delivery()))
    assert isinstance(caught.value.__cause__, HandlerError)
    assert "cannot be run" in str(caught.value.__cause__)
