"""What a person sees of a worker on a terminal."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from amqptool.cli.worked import counts, document, summary
from amqptool.work.report import WorkReport
from tests.support.broker import declare_queue, publish
from tests.support.terminal import screen, seen_on_terminal

HANDLERS = """
from amqptool import Retry

def show(delivery):
    print("handled", delivery.body.decode())

def fail(delivery):
    raise Retry("broken", after=600)
"""
BODIES = ["m0", "m1", "m2"]
#: Long enough for a look after the last message.
UNTIL_IDLE = ("--idle-timeout", "1")


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q` of three messages."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=body.encode(), routing_key="q") for body in BODIES])

    asyncio.run(prepare())
    return amqptool_vhost


def consumed(url: AmqpUrl, *words: str, with_stdout: bool = True, **terminal: str) -> tuple[str, str]:
    """Run `amqptool consume` on a terminal."""
    env = {"AMQPTOOL_URL": url.reveal(), **terminal}
    return seen_on_terminal(("consume", "q", *UNTIL_IDLE, *words), env, with_stdout=with_stdout)


def handler(directory: Path, name: str) -> tuple[str, ...]:
    """Name a handler on the command line."""
    (directory / "app.py").write_text(HANDLERS)
    return ("--handler", f"app:{name}", "--app-dir", str(directory), "--dedup", "memory:")


def test_a_line_tells_what_is_done_and_then_is_gone(queue: AmqpUrl, tmp_path: Path) -> None:
    """What a handler prints goes above it, whole, and in the end nothing else is there but the summary."""
    seen, _ = consumed(queue, *handler(tmp_path, "show"))
    assert re.search(r"queue q: 3 done, \d+/s, 0 in flight", seen)
    *printed, last = screen(seen)
    assert printed == [f"handled {body}" for body in BODIES]
    assert re.fullmatch(r"3 handled in \d\.\d s \(\d+/s\), stopped by --idle-timeout", last)


def test_the_log_goes_above_the_line(queue: AmqpUrl, tmp_path: Path) -> None:
    """A warning is a line of its own, and what is held is counted."""
    seen, _ = consumed(queue, *handler(tmp_path, "fail"), "--timeout", "2")
    assert re.search(r"queue q: 0 done, 0/s, 0 in flight, 3 held, 3 failed attempts", seen)
    *warnings, last = screen(seen)
    assert len(warnings) == 3
    assert all(each.startswith("amqptool: warning: message ") for each in warnings)
    assert last.startswith("0 handled in ")


def test_messages_that_are_printed_elsewhere_leave_the_line(queue: AmqpUrl) -> None:
    """With stdout in a file or a pipe, the terminal still tells how far it is."""
    seen, printed = consumed(queue, with_stdout=False)
    assert "queue q: 3 done" in seen
    assert screen(seen) == []
    assert printed.splitlines() == BODIES


def test_messages_on_the_terminal_are_all_there_is(queue: AmqpUrl) -> None:
    """They need no line beside them, which would be in their way."""
    seen, _ = consumed(queue)
    assert seen == "".join(f"{body}\r\n" for body in BODIES)


@pytest.mark.parametrize("words", [("--quiet",), ("--json",), ("--log-format", "json")])
def test_nobody_asked_for_a_line(queue: AmqpUrl, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Not with -q, and not where a program reads."""
    seen, _ = consumed(queue, *handler(tmp_path, "show"), *words, with_stdout=False)
    assert "in flight" not in seen
    assert "\x1b" not in seen


def test_a_dumb_terminal_gets_text_alone(queue: AmqpUrl, tmp_path: Path) -> None:
    """Nothing that it would have to understand."""
    seen, _ = consumed(queue, *handler(tmp_path, "show"), TERM="dumb")
    assert "\x1b" not in seen
    assert "3 handled in " in seen


def test_a_narrow_terminal_shows_everything(queue: AmqpUrl, tmp_path: Path) -> None:
    """The line is cut to its width, and what is said for good is whole."""
    seen, _ = consumed(queue, *handler(tmp_path, "show"), COLUMNS="20")
    *printed, last = screen(seen)
    assert printed == [f"handled {body}" for body in BODIES]
    assert last.startswith("3 handled in ")


def test_the_summary_names_what_there_was() -> None:
    """One is singular, a thousand has a comma, and what did not happen is not mentioned."""
    report = WorkReport(handled=12_345, duplicates=1, retried=2, dead=1, failed_attempts=4, seconds=10.0)
    report.stopped_by = "stop"
    assert summary(report, "handled") == (
        "12,345 handled in 10.0 s (1,234/s), 1 duplicate, 2 retried, 1 dead letter, 4 failed attempts"
    )


def test_every_count_has_its_words() -> None:
    """Given back, unfinished and reconnects, each in one part."""
    report = WorkReport(without_id=1, returned=3, failed=2, undecodable=1, abandoned=1, reconnects=2)
    assert counts(report) == [
        "1 without a UUID",
        "3 given back (2 of them failed)",
        "1 not decodable",
        "1 left unfinished",
        "2 reconnects",
    ]


def test_a_program_gets_the_duration_and_the_rate() -> None:
    """A run that took no time has the rate 0, not an error."""
    shown = document(WorkReport(handled=10, seconds=4.0))
    assert (shown["seconds"], shown["per_second"]) == (4.0, 2.5)
    assert document(WorkReport())["per_second"] == 0.0
