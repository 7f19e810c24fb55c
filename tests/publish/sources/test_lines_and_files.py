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
from amqptool.publish.sources.chunks import CHUNK, MAX_BODY
from amqptool.publish.sources.files import FileSource, find_files
from amqptool.publish.sources.interface import Item
from amqptool.publish.sources.lines import LineSource

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


def lines_of(path: Path | str) -> list[tuple[int, Item]]:
    """Read all lines of a file."""
    return collect(LineSource(str(path)).items)


def files_of(*paths: Path | str) -> list[tuple[int, Item]]:
    """Read files, each as a whole."""
    return collect(FileSource([str(path) for path in paths]).items)


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


@pytest.mark.parametrize("tail", [b"", b"\n", b"\nthree"])
def test_a_line_longer_than_any_message_is_an_item_of_its_own(tmp_path: Path, tail: bytes) -> None:
    """A line of one byte too many is an error with its number, ended or not, and the next line is the next."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.write(b"one\n")
        file.truncate(4 + MAX_BODY + 1)
        file.seek(0, os.SEEK_END)
        file.write(tail)

    one, (number, error), *rest = lines_of(path)

    assert (one, number, rest) == ((1, b"one"), 2, [(3, b"three")] if tail.strip() else [])
    assert isinstance(error, InputError)
    assert "larger than the 128 MiB" in str(error)


def test_the_longest_line_is_read_whole(tmp_path: Path) -> None:
    """A line as long as a message may be is read, in seconds and not in minutes (it was quadratic)."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.truncate(MAX_BODY)

    assert [(number, len(line)) for number, line in lines_of(path)] == [(1, MAX_BODY)]


def test_a_file_larger_than_any_message_is_an_error(tmp_path: Path) -> None:
    """A whole file that is one body may be as large as a message and not larger; the next one is read all the same."""
    path, other = tmp_path / "input", tmp_path / "other"
    with path.open("wb") as file:
        file.truncate(MAX_BODY + 1)
    other.write_bytes(b"x")

    (_, error), second = files_of(path, other)

    assert isinstance(error, InputError)
    assert "larger than the 128 MiB" in str(error)
    assert second == (2, b"x")


@pytest.mark.parametrize("content", [b"", b"a\r\nb\n", b"\xff" * (3 * CHUNK)])
def test_a_file_is_one_body(file: Callable[[bytes], str], content: bytes) -> None:
    """Read as one body, a file keeps every byte, line ends included."""
    assert files_of(file(content)) == [(1, content)]


def test_a_file_that_cannot_be_read_is_an_item_of_its_own(tmp_path: Path) -> None:
    """Why a file cannot be read stands in its place, and names it."""
    (tmp_path / "b").write_bytes(b"b")

    (_, error), second = files_of(tmp_path / "a", tmp_path / "b")

    assert isinstance(error, FileNotFoundError)
    assert error.filename == str(tmp_path / "a")
    assert second == (2, b"b")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a directory with directories in it."""
    for name in ("b", "a", "c/d", "c/e/f", "á"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "c/d")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("recursive", "found"),
    [(False, ["a", "b", "link", "á"]), (True, ["a", "b", "c/d", "c/e/f", "link", "á"])],
)
def test_a_directory_is_its_files_in_name_order(tree: Path, *, recursive: bool, found: list[str]) -> None:
    """Files and links to files count; pipes and links to directories do not, so that no loop is walked."""
    assert find_files([str(tree)], recursive=recursive) == [f"{tree}/{name}" for name in found]


def test_paths_come_in_the_order_in_which_they_were_given(tree: Path) -> None:
    """A file keeps its place among directories, and stdin and pipes too."""
    given = [f"{tree}/b", "-", f"{tree}/c", f"{tree}/pipe"]
    assert find_files(given, recursive=False) == [f"{tree}/b", "-", f"{tree}/c/d", f"{tree}/pipe"]


def test_what_does_not_exist_is_named_before_anything_is_read(tree: Path) -> None:
    """A path that leads nowhere is an OSError that names it."""
    with pytest.raises(FileNotFoundError) as caught:
        find_files([str(tree), f"{tree}/nothing"], recursive=False)

    assert caught.value.filename == f"{tree}/nothing"


def test_a_source_is_known_again_by_its_content(file: Callable[[bytes], str], tmp_path: Path) -> None:
    """A file that was moved or touched is the same; one with another byte is not."""
    path = file(b"one\ntwo\n")
    before = LineSource(path).identity()
    moved = tmp_path / "moved"
    moved.write_bytes(b"one\ntwo\n")
    os.utime(moved, (0, 0))

    assert LineSource(str(moved)).identity() == before
    assert LineSource(file(b"one\ntwO\n")).identity() != before


def test_files_are_known_again_by_paths_and_contents(tree: Path) -> None:
    """Another content, another file and another name each make another source."""

    def identity() -> object:
        return FileSource(find_files([str(tree)], recursive=True)).identity()

    seen = [identity()]
    (tree / "b").write_text("B")
    seen.append(identity())
    (tree / "b").rename(tree / "bb")
    seen.append(identity())
    (tree / "c/new").write_text("")
    seen.append(identity())

    assert all(seen.count(each) == 1 for each in seen)


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
        async for _, line in LineSource(path).items(stop):
            seen.append(line)
            stop.set()

    asyncio.run(scenario())

    assert seen == [b"one"]


def take_one(source: LineSource) -> None:
    """Take one line, and tell the source to stop."""

    async def scenario() -> None:
        stop = asyncio.Event()
        async for _ in source.items(stop):
            stop.set()

    asyncio.run(scenario())


def left(source: LineSource) -> list[tuple[int, bytes | str]]:
    """Return what is left of a source, errors as their text."""
    return [(number, item if isinstance(item, bytes) else str(item)) for number, item in source.left()]


def test_what_was_read_of_a_pipe_and_not_given_is_left(pipe: Pipe) -> None:
    """Told to stop, what nobody can read again is still there, numbered on: whole lines, and how much of half a one."""
    pipe.write(b"one\ntwo\nthree\nfo")
    source = LineSource(pipe.path)
    take_one(source)

    unfinished = "bytes of an unfinished line that were read and not sent: 2"
    assert left(source) == [(2, b"two"), (3, b"three"), (4, unfinished)]
    assert left(source) == []


def test_half_a_line_of_a_silent_pipe_is_left(pipe: Pipe) -> None:
    """Also when its reader is told to stop while it waits for the rest."""
    pipe.write(b"fo")
    source = LineSource(pipe.path)

    assert stop_after(source, lambda: pipe.write(b"u")) == []
    assert left(source) == [(1, "bytes of an unfinished line that were read and not sent: 3")]


def test_a_last_line_whose_end_comes_as_its_reader_is_told_to_stop_is_left(pipe: Pipe) -> None:
    """The end of the input makes it a whole line; it is not given, and nobody can read it again."""
    pipe.write(b"last\r")
    source = LineSource(pipe.path)

    assert stop_after(source, pipe.end) == []
    assert left(source) == [(1, b"last\r")]


def test_nothing_is_left_of_a_pipe_that_was_read_to_its_end(pipe: Pipe) -> None:
    """Its last line was given, although no line end followed it."""
    pipe.write(b"one\nlast")
    pipe.end()
    source = LineSource(pipe.path)

    async def scenario() -> list[tuple[int, Item]]:
        return [item async for item in source.items(asyncio.Event())]

    assert asyncio.run(scenario()) == [(1, b"one"), (2, b"last")]
    assert left(source) == []


def stop_after(source: LineSource | FileSource, change: Callable[[], None]) -> list[tuple[int, Item]]:
    """Let a source read, change something about its pipe, tell it to stop in the same turn, and return what it gave."""

    async def scenario() -> list[tuple[int, Item]]:
        stop = asyncio.Event()

        async def read() -> list[tuple[int, Item]]:
            return [item async for item in source.items(stop)]

        reading = asyncio.create_task(read())
        for _ in range(10):
            await asyncio.sleep(0)
        change()
        stop.set()
        return await reading

    return asyncio.run(scenario())


def test_a_body_whose_end_comes_as_its_reader_is_told_to_stop_is_left(pipe: Pipe) -> None:
    """It is not given, and nobody can read it again."""
    pipe.write(b"body")
    source = FileSource([pipe.path])

    assert stop_after(source, pipe.end) == []
    assert list(source.left()) == [(1, b"body")]
    assert list(source.left()) == []


def test_half_a_body_is_not_left(pipe: Pipe) -> None:
    """It is no message; also not when more of it comes as its reader is told to stop."""
    pipe.write(b"bo")
    source = FileSource([pipe.path])

    assert stop_after(source, lambda: pipe.write(b"d")) == []
    assert list(source.left()) == []


def test_nothing_is_left_of_a_file(file: Callable[[bytes], str]) -> None:
    """It can be read again."""
    source = LineSource(file(b"one\ntwo\nthree\n"))
    take_one(source)

    assert list(source.left()) == []


@pytest.mark.parametrize("source", [LineSource, lambda path: FileSource([path])])
def test_a_source_that_is_stopped_at_once_gives_nothing(
    file: Callable[[bytes], str], source: Callable[[str], LineSource | FileSource]
) -> None:
    """Told to stop before it began, a source gives nothing: half a file is never a message."""
    path = file(b"one\ntwo")

    async def scenario() -> list[object]:
        stop = asyncio.Event()
        stop.set()
        return [item async for item in source(path).items(stop)]

    assert asyncio.run(scenario()) == []


def test_a_pipe_gives_each_line_as_it_comes(pipe: Pipe) -> None:
    """A line in a pipe comes as soon as it is whole, while the writer is still writing."""

    async def scenario() -> list[bytes]:
        lines, seen = LineSource(pipe.path).items(asyncio.Event()), []
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
        waiting = asyncio.ensure_future(anext(LineSource(pipe.path).items(asyncio.Event())))
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
        async for _, line in LineSource(pipe.path).items(stop):
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
        return [line async for line in LineSource(str(path)).items(stop)]

    assert asyncio.run(scenario()) == []


def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """A writer that comes later is waited for, and when it goes the lines end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def scenario() -> list[bytes]:
        writing = asyncio.get_running_loop().run_in_executor(None, path.write_bytes, b"one\ntwo\n")
        lines = [line async for _, line in LineSource(str(path)).items(asyncio.Event())]
        await writing
        return lines

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == [b"one", b"two"]


def test_a_file_is_closed_when_its_reader_leaves(file: Callable[[bytes], str]) -> None:
    """Leaving in the middle closes the file, at the latest with the loop."""
    path = file(b"one\ntwo\n")

    async def scenario() -> set[str]:
        async for _ in LineSource(path).items(asyncio.Event()):
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
    assert [str(error) for _, error in files_of("-")] == ["stdin is closed"]
