"""`exec-lines:` handlers: processes that stay, and what becomes of a message whose process fails."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from amqptool import HandlerError, Reject, Retry, load_handler
from amqptool.handlers.interface import Handler, StopWork
from amqptool.handlers.lines import TRIES
from amqptool.handlers.lines_child import LONGEST_ANSWER
from amqptool.handlers.process import KILL_AFTER
from amqptool.testing import make_delivery

#: Does with each message what its body says; `log` has a line for each process and each message.
WORKER = """
import json, os, sys, time

def note(word):
    with open(sys.argv[1], "a") as log:
        log.write(f"{word}\\n")

note("start")
for line in sys.stdin:
    question = json.loads(line)
    body = question["body"]
    note(body[:10])
    answer = {"id": question["id"], "verdict": "ack"}
    if body == "retry":
        answer = {**answer, "verdict": "retry", "after": 5, "reason": "full"}
    elif body == "reject":
        answer = {**answer, "verdict": "reject", "reason": "wrong"}
    elif body == "die":
        sys.exit("so sorry")
    elif body == "crash":
        os.kill(os.getpid(), 11)
    elif body == "close":
        os.close(1)
        time.sleep(600)
    elif body == "hang":
        time.sleep(600)
    elif body == "garbage":
        answer = "what?"
    elif body == "unknown":
        answer["id"] += 1
    elif body == "twice":
        print(json.dumps(answer))
    elif body == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    elif body == "leave":
        print(json.dumps(answer), flush=True)
        sys.exit()
    print(json.dumps(answer), flush=True)
note("end")
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a file in which the processes write down what they do."""
    return tmp_path / "log"


def worker(log: Path, timeout: float | None = None, script: str = WORKER) -> Handler:
    """Make a handler of a script."""
    return load_handler(f"exec-lines:{shlex.join([sys.executable, '-S', '-c', script, str(log)])}", timeout=timeout)


def handle(handler: Handler, *bodies: str) -> list[BaseException | None]:
    """Handle messages one after the other, close the handler, and return what each raised."""

    async def scenario() -> list[BaseException | None]:
        raised: list[BaseException | None] = []
        for body in bodies:
            raised += await asyncio.gather(handler.handle(make_delivery(body.encode())), return_exceptions=True)
        await handler.close()
        return raised

    return asyncio.run(scenario())


def test_one_process_handles_one_message_after_the_other(log: Path) -> None:
    """It ends by itself when its stdin does."""
    assert handle(worker(log), "a", "b", "c") == [None, None, None]
    assert log.read_text().split() == ["start", "a", "b", "c", "end"]


def test_its_verdict_counts(log: Path) -> None:
    """And the process goes on after each."""
    retry, reject, done = handle(worker(log), "retry", "reject", "a")
    assert isinstance(retry, Retry)
    assert (str(retry), retry.after) == ("full", 5)
    assert isinstance(reject, Reject)
    assert str(reject) == "wrong"
    assert done is None
    assert log.read_text().count("start") == 1


def test_there_are_as_many_processes_as_calls_at_once(log: Path) -> None:
    """And no more, however many messages there are."""
    handler = worker(log)

    async def scenario() -> None:
        async def work() -> None:
            for _ in range(20):
                await handler.handle(make_delivery(b"a"))

        await asyncio.gather(*(work() for _ in range(3)))
        await handler.close()

    asyncio.run(scenario())
    lines = log.read_text().split()
    assert (lines.count("start"), lines.count("a"), lines.count("end")) == (3, 60, 3)


def test_a_large_message_gets_through(log: Path) -> None:
    """Far more than a pipe holds."""
    assert handle(worker(log), "x" * 3_000_000) == [None]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("die", "ended without an answer: so sorry"),
        ("crash", "ended without an answer"),
        ("close", "ended without an answer"),
        ("garbage", "which is no verdict"),
        ("unknown", "the id must be 2"),
        ("flood", f"a line of more than {LONGEST_ANSWER:,} bytes"),
        ("hang", "not finished after 2 seconds"),
    ],
)
def test_a_process_that_fails_is_replaced(log: Path, body: str, text: str) -> None:
    """Only the message that it was at has failed."""
    before, failed, after = handle(worker(log, timeout=2), "a", body, "b")
    assert (before, after) == (None, None)
    assert isinstance(failed, HandlerError)
    assert text in str(failed)
    assert log.read_text().split() == ["start", "a", body, "start", "b", "end"]


def test_an_answer_too_many_belongs_to_no_message(log: Path) -> None:
    """It is noticed with the next one, which is not taken for handled."""
    first, second, third = handle(worker(log), "twice", "a", "b")
    assert (first, third) == (None, None)
    assert "the id must be 2" in str(second)


def test_a_process_that_reads_nothing_is_ended_in_time(log: Path) -> None:
    """A message that does not fit into the pipe has failed too."""
    [failed] = handle(worker(log, timeout=0.5, script="import time; time.sleep(600)"), "x" * 1_000_000)
    assert "not finished after 0.5 seconds" in str(failed)


def test_a_process_that_ignores_the_end_of_its_stdin_is_ended(log: Path) -> None:
    """First it is asked, and then it is not."""
    script = """
import json, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"id": json.loads(sys.stdin.readline())["id"], "verdict": "ack"}), flush=True)
time.sleep(600)
"""
    assert handle(worker(log, script=script), "a") == [None]


def test_a_process_that_left_between_two_messages_is_replaced(log: Path) -> None:
    """Once it is seen to be gone, nothing is lost on it."""
    handler = worker(log)

    async def scenario() -> None:
        await handler.handle(make_delivery(b"leave"))
        [child] = handler._idle  # type: ignore[attr-defined]
        await child._process.wait()
        await handler.handle(make_delivery(b"a"))
        await handler.close()

    asyncio.run(scenario())
    assert log.read_text().split() == ["start", "leave", "start", "a", "end"]


def test_a_process_that_ends_without_reading_its_next_question_has_failed_no_message(log: Path) -> None:
    """Another one is asked, also where the question was written while it still ran."""
    script = """
import json, os, select, sys
print(json.dumps({"id": json.loads(os.read(0, 65536))["id"], "verdict": "ack"}), flush=True)
select.select([0], [], [])
"""
    assert handle(worker(log, script=script), "a", "b", "c") == [None, None, None]


def test_a_command_that_never_answers_ends_the_worker(log: Path) -> None:
    """After some tries it is the command that is wrong, and not the messages."""
    handler = worker(log, script="import sys; sys.exit('no settings')")
    *failed, last = handle(handler, *["a"] * TRIES)
    assert {type(error) for error in failed} == {HandlerError}
    assert isinstance(last, StopWork)
    assert f"{TRIES} processes in a row gave no verdict; the last: " in str(last.__cause__)
    assert "no settings" in str(last.__cause__)


def test_a_message_that_kills_every_process_does_not_end_the_worker(log: Path) -> None:
    """A command that has ever answered is not the one that is wrong."""
    done, *failed = handle(worker(log), "a", *["die"] * TRIES)
    assert done is None
    assert {type(error) for error in failed} == {HandlerError}


def test_a_cancelled_call_ends_its_process(log: Path) -> None:
    """And all that this has started."""
    fifo = log.with_name("held")
    os.mkfifo(fifo)
    command = shlex.join(["sh", "-c", f"exec 3> {fifo}; echo up >&3; sleep 600"])
    handler = load_handler(f"exec-lines:{command}")

    async def scenario() -> int:
        task = asyncio.create_task(handler.handle(make_delivery(b"a")))
        reader = await asyncio.to_thread(os.open, fifo, os.O_RDONLY)
        assert await asyncio.to_thread(os.read, reader, 100) == b"up\n"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return reader

    reader = asyncio.run(scenario())
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_what_it_says_goes_to_the_log(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As it comes, at debug level."""
    caplog.set_level(logging.DEBUG, "amqptool.handlers")
    script = f"import sys; print('hello', file=sys.stderr, flush=True)\n{WORKER}"
    handle(worker(log, script=script), "a")
    assert f"{sys.executable}: hello" in caplog.messages


def open_files() -> int:
    """Count the files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_nothing_is_leaked(log: Path) -> None:
    """No file stays open, whether processes answer, fail or are not there."""

    async def scenario() -> tuple[int, int]:
        handler = worker(log, timeout=KILL_AFTER)
        counts = []
        for _ in range(2):
            for body in (b"a", b"die", b"garbage", b"a"):
                await asyncio.gather(handler.handle(make_delivery(body)), return_exceptions=True)
            counts.append(open_files())
        await handler.close()
        return counts[0], counts[1]

    first, second = asyncio.run(scenario())
    assert first == second


@pytest.mark.parametrize("free", [0, 2, 4, 6])
def test_nothing_is_leaked_when_there_are_no_more_files(log: Path, free: int) -> None:
    """The message fails, whichever pipe cannot be made."""

    async def scenario() -> tuple[int, int]:
        handler = worker(log)
        before = open_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 50, hard))
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.dup(0))
            for _ in range(free):
                os.close(taken.pop())
            with pytest.raises(OSError, match="Too many open files"):
                await handler.handle(make_delivery(b"a"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for number in taken:
                os.close(number)
        return before, open_files()

    before, after = asyncio.run(scenario())
    assert before == after


def test_a_command_that_is_gone_ends_the_worker(tmp_path: Path) -> None:
    """No message can be handled, so none counts as failed."""
    command = tmp_path / "job"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    handler = load_handler(f"exec-lines:{command}")
    command.unlink()
    [stop] = handle(handler, "a")
    assert isinstance(stop, StopWork)
    assert isinstance(stop.__cause__, HandlerError)
