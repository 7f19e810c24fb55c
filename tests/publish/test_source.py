"""Messages from files and streams: every line once, whole, and no wait that cannot be stopped."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.message import Message, normalize_message_id
from amqptool.publish.source import (
    CHUNK,
    MAX_BODY,
    file_as_message,
    lines_as_messages,
    read_all,
    read_lines,
    records_as_messages,
)

T = TypeVar("T")


class Pipe:
    """A pipe whose reading end has a path."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()
        self.path = f"/dev/fd/{self.read_end}"
        self._open = True

    def write(self, data: bytes) -> None:
        """Write what fits into the pipe."""
        assert os.write(self._write_end, data) == len(data)

    def end(self) -> None:
        """Close the writing end."""
        if self._open:
            os.close(self._write_end)
            self._open = False


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Make a pipe."""
    pipe = Pipe()
    yield pipe
    pipe.end()
    os.close(pipe.read_end)


def collect(read: Callable[[asyncio.Event], AsyncIterator[T]]) -> list[T]:
    """Read a source to its end."""

    async def scenario() -> list[T]:
        return [item async for item in read(asyncio.Event())]

    return asyncio.run(scenario())


def lines_of(path: Path | str) -> list[tuple[int, bytes]]:
    """Read all lines of a file."""
    return collect(lambda stop: read_lines(str(path), stop))


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], str]:
    """Give a function that makes a file of bytes."""

    def make(content: bytes) -> str:
        path = tmp_path / "input"
        path.write_bytes(content)
        return str(path)

    return make


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"one", [b"one"]),
        (b"one\n", [b"one"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"one\n\ntwo\n\n", [b"one", b"", b"two", b""]),
        (b"one\r\ntwo\r\n", [b"one", b"two"]),
        (b"one\r\n\r\ntwo", [b"one", b"", b"two"]),
        (b"o\rne\r\r\ntwo\r", [b"o\rne\r", b"two\r"]),
        (b"\x00\xff\x85\x0b\n\xe2\x80\xa8", [b"\x00\xff\x85\x0b", b"\xe2\x80\xa8"]),
        (b"x" * (CHUNK - 1) + b"\ny", [b"x" * (CHUNK - 1), b"y"]),
        (b"x" * CHUNK + b"\ny", [b"x" * CHUNK, b"y"]),
        (b"x" * (CHUNK - 1) + b"\r\ny", [b"x" * (CHUNK - 1), b"y"]),
        (b"x" * (5 * CHUNK) + b"\ny\n" + b"z" * (2 * CHUNK), [b"x" * 5 * CHUNK, b"y", b"z" * 2 * CHUNK]),
    ],
)
def test_lines_end_with_lf_or_crlf(file: Callable[[bytes], str], content: bytes, lines: list[bytes]) -> None:
    """Each line comes once, numbered from 1, without its LF or CRLF; the last needs none."""
    assert lines_of(file(content)) == list(enumerate(lines, 1))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from([b"\n", b"\r", b"a", b"x" * (CHUNK - 2)]), max_size=12).map(b"".join))
def test_reading_in_chunks_is_invisible(file: Callable[[bytes], str], content: bytes) -> None:
    """Wherever the chunks end, the lines are those of the whole content."""
    ended = [line.removesuffix(b"\r") for line in content.split(b"\n")[:-1]]
    rest = [content.split(b"\n")[-1]]

    assert [line for _, line in lines_of(file(content))] == ended + (rest if rest != [b""] else [])


@pytest.mark.parametrize("tail", [b"", b"\n"])
def test_a_line_longer_than_any_message_is_refused(tmp_path: Path, tail: bytes) -> None:
    """A line of one byte too many is an input error that names file and line, ended or not."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.write(b"one\n")
        file.truncate(4 + MAX_BODY + 1)
        file.seek(0, os.SEEK_END)
        file.write(tail)

    with pytest.raises(InputError, match=f"^{path}:2: larger than the 128 MiB"):
        lines_of(path)


def test_the_longest_line_is_read_whole(tmp_path: Path) -> None:
    """A line as long as a message may be is read, in seconds and not in minutes (it was quadratic)."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.truncate(MAX_BODY)

    assert [(number, len(line)) for number, line in lines_of(path)] == [(1, MAX_BODY)]


def test_a_file_larger_than_any_message_is_refused(tmp_path: Path) -> None:
    """A whole file that is one body may be as large as a message and not larger."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.truncate(MAX_BODY + 1)

    with pytest.raises(InputError, match=f"^{path}: larger than the 128 MiB"):
        asyncio.run(read_all(str(path), asyncio.Event()))


@pytest.mark.parametrize("content", [b"", b"a\r\nb\n", b"\xff" * (3 * CHUNK)])
def test_a_file_is_one_body(file: Callable[[bytes], str], content: bytes) -> None:
    """Read as one body, a file keeps every byte, line ends included."""
    template = Message(body=b"-", routing_key="k")

    messages = collect(lambda stop: file_as_message(file(content), template, stop))

    assert [(message.body, message.routing_key) for message in messages] == [(content, "k")]


def test_each_line_is_a_message_of_its_own(file: Callable[[bytes], str]) -> None:
    """Each line becomes a message like the template, with an id that no other has."""
    template = Message(body=b"-", exchange="e", headers={"h": 1}, message_id="template")

    messages = collect(lambda stop: lines_as_messages(file(b"a\na\n\n"), template, stop))

    assert [(message.body, message.exchange, message.headers) for message in messages] == [
        (b"a", "e", {"h": 1}),
        (b"a", "e", {"h": 1}),
        (b"", "e", {"h": 1}),
    ]
    ids = {normalize_message_id(message.message_id) for message in messages}
    assert len(ids) == 3
    assert None not in ids


RECORDS = b'{"body": "a", "exchange": "e", "routing_key": "k"}\n{"body": "b"}'


@pytest.mark.parametrize(
    ("exchange", "routing_key", "targets"),
    [
        (None, None, [("e", "k"), ("", "")]),
        ("x", None, [("x", "k"), ("x", "")]),
        (None, "y", [("e", "y"), ("", "y")]),
        ("x", "y", [("x", "y"), ("x", "y")]),
        ("", "", [("", ""), ("", "")]),
    ],
)
def test_records_go_where_they_say_unless_told(
    file: Callable[[bytes], str],
    exchange: str | None,
    routing_key: str | None,
    targets: list[tuple[str, str]],
) -> None:
    """A record's own exchange and key count, unless the caller gives others, even empty ones."""
    path = file(RECORDS)

    messages = collect(lambda stop: records_as_messages(path, stop, exchange=exchange, routing_key=routing_key))

    assert [message.body for message in messages] == [b"a", b"b"]
    assert [(message.exchange, message.routing_key) for message in messages] == targets


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"{", 1, "not valid JSON"),
        (b'{"body": ""}\r\n{"body": ""}\n{"bod', 3, "not valid JSON"),
        (b'{"body": ""}\n\n', 2, "not valid JSON"),
        (b'{"body": ""}\n[]', 2, "a record must be a JSON object"),
        (b'{"body": ""}\n{"body": "\xff"}', 2, "not valid JSON"),
    ],
)
def test_a_malformed_record_is_named_by_file_and_line(
    file: Callable[[bytes], str], content: bytes, line: int, words: str
) -> None:
    """The error of a bad record begins with its place, and the good records before it came through."""
    path, good = file(content), []

    async def scenario() -> None:
        async for message in records_as_messages(path, asyncio.Event()):
            good.append(message)

    with pytest.raises(InputError) as caught:
        asyncio.run(scenario())

    assert str(caught.value).startswith(f"{path}:{line}: {words}")
    assert len(good) == line - 1


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    """What cannot be opened is an OSError that names the file."""
    with pytest.raises(FileNotFoundError) as caught:
        lines_of(tmp_path / "missing")

    assert caught.value.filename == str(tmp_path / "missing")


def test_a_directory_is_an_os_error(tmp_path: Path) -> None:
    """What is no file is an OSError too."""
    with pytest.raises(IsADirectoryError):
        lines_of(tmp_path)


def test_stop_ends_a_file_between_two_lines(file: Callable[[bytes], str]) -> None:
    """Once told to stop, nothing more comes, even of what was read already."""
    path, seen = file(b"one\ntwo\nthree"), []

    async def scenario() -> None:
        stop = asyncio.Event()
        async for _, line in read_lines(path, stop):
            seen.append(line)
            stop.set()

    asyncio.run(scenario())

    assert seen == [b"one"]


@pytest.mark.parametrize(
    "read",
    [
        lambda path, stop: read_lines(path, stop),
        lambda path, stop: lines_as_messages(path, Message(body=b""), stop),
        lambda path, stop: records_as_messages(path, stop),
        lambda path, stop: file_as_message(path, Message(body=b""), stop),
    ],
)
def test_a_source_that_is_stopped_at_once_gives_nothing(
    file: Callable[[bytes], str], read: Callable[[str, asyncio.Event], AsyncIterator[object]]
) -> None:
    """Told to stop before it began, a source gives nothing: half a file is never a message."""
    path = file(RECORDS)

    async def scenario() -> list[object]:
        stop = asyncio.Event()
        stop.set()
        return [item async for item in read(path, stop)]

    assert asyncio.run(scenario()) == []


def test_a_pipe_gives_each_line_as_it_comes(pipe: Pipe) -> None:
    """A line in a pipe comes as soon as it is whole, while the writer is still writing."""

    async def scenario() -> list[bytes]:
        lines, seen = read_lines(pipe.path, asyncio.Event()), []
        for data in (b"one\ntw", b"o\n", b"three\n"):
            pipe.write(data)
            seen.append((await anext(lines))[1])
        pipe.write(b"four")
        pipe.end()
        return [*seen, *[line async for _, line in lines]]

    assert asyncio.run(scenario()) == [b"one", b"two", b"three", b"four"]


def test_the_loop_runs_while_a_pipe_is_silent(pipe: Pipe) -> None:
    """Waiting for a silent pipe leaves the event loop to others: here, to the very writer."""

    async def scenario() -> tuple[int, bytes]:
        waiting = asyncio.ensure_future(anext(read_lines(pipe.path, asyncio.Event())))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        pipe.write(b"one\n")
        return await waiting

    assert asyncio.run(scenario()) == (1, b"one")


def test_stop_ends_the_wait_for_a_silent_pipe(pipe: Pipe) -> None:
    """Told to stop while a pipe is silent, the lines end, and an unfinished one does not count."""

    async def scenario() -> list[bytes]:
        stop = asyncio.Event()
        pipe.write(b"one\ntw")
        seen = []
        async for _, line in read_lines(pipe.path, stop):
            seen.append(line)
            asyncio.get_running_loop().call_soon(stop.set)
        return seen

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == [b"one"]


def test_a_named_pipe_without_a_writer_does_not_stop_the_loop(tmp_path: Path) -> None:
    """A named pipe is opened without waiting for its writer, so the reader can still be told to stop."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def scenario() -> list[tuple[int, bytes]]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0, stop.set)
        return [line async for line in read_lines(str(path), stop)]

    assert asyncio.run(scenario()) == []


def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """A writer that comes later is waited for, and when it goes the lines end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def scenario() -> list[bytes]:
        writing = asyncio.get_running_loop().run_in_executor(None, path.write_bytes, b"one\ntwo\n")
        lines = [line async for _, line in read_lines(str(path), asyncio.Event())]
        await writing
        return lines

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == [b"one", b"two"]


def test_a_file_is_closed_when_its_reader_leaves(file: Callable[[bytes], str]) -> None:
    """Leaving in the middle closes the file, at the latest with the loop."""
    path = file(b"one\ntwo\n")

    async def scenario() -> set[str]:
        async for _ in read_lines(path, asyncio.Event()):
            return open_files()
        return set()

    assert path in asyncio.run(scenario())
    assert path not in open_files()


def open_files() -> set[str]:
    """Return the names of the files that this process has open."""
    return {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@pytest.mark.parametrize("read", ["pipe", "file"])
def test_a_dash_is_stdin(monkeypatch: pytest.MonkeyPatch, pipe: Pipe, file: Callable[[bytes], str], read: str) -> None:
    """`-` reads stdin, be it a pipe or a file, and leaves it open."""
    pipe.write(b"one\ntwo")
    pipe.end()
    path = pipe.path if read == "pipe" else file(b"one\ntwo")

    with Path(path).open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        lines = lines_of("-")
        os.fstat(stdin.fileno())

    assert lines == [(1, b"one"), (2, b"two")]


def test_a_closed_stdin_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without a stdin is told so."""
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(InputError, match="stdin is closed"):
        lines_of("-")
