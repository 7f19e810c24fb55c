"""Opening a file of receipts: to begin, to go on, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.publish.receipts.file import MAX_LINE, Receipts, open_receipts
from amqptool.publish.receipts.record import Run, receipt

RUN = Run(
    id=UUID("3f2b8c1e-0000-4000-8000-000000000000"),
    source={"bytes": 10, "sha256": "s"},
    options={"exchange": "e", "headers": {"a": 1}},
)


def again(**changes: object) -> Run:
    """Return what somebody wants who gives the same command again, with a new id as yet."""
    return Run(**{"id": uuid4(), "source": RUN.source, "options": RUN.options, **changes})  # type: ignore[arg-type]


def line(number: int, outcome: str = "confirmed") -> str:
    """Return one receipt."""
    return receipt(f"00000000-0000-4000-8000-{number:012}", f'"source": "f", "line": {number}', outcome)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path for a file of receipts."""
    return tmp_path / "receipts"


def opened(path: Path, wanted: Run | None = None, *, resume: bool = True, most_items: int | None = 10) -> Receipts:
    """Open a file and close it again."""
    receipts = open_receipts(str(path), wanted or again(), resume=resume, most_items=most_items)
    os.close(receipts.descriptor)
    return receipts


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("content", [None, ""])
def test_no_file_or_an_empty_one_begins_a_run(path: Path, *, resume: bool, content: str | None) -> None:
    """Nothing is confirmed then, and the run is the wanted one."""
    if content is not None:
        path.write_text(content)
    wanted = again()
    receipts = opened(path, wanted, resume=resume)
    assert (receipts.run, receipts.is_new, receipts.confirmed_before) == (wanted, True, 0)


def test_the_file_is_private(path: Path) -> None:
    """Nobody else reads it, whatever the umask."""
    before = os.umask(0)
    try:
        opened(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_run_goes_on_with_what_is_not_confirmed(path: Path) -> None:
    """The run in the file counts, and so does every confirmed item, whatever else happened to it."""
    path.write_text(RUN.line() + line(1) + line(2, "nacked") + line(3, "nacked") + line(3) + line(3, "in_doubt"))
    receipts = opened(path)
    assert (receipts.run, receipts.is_new, receipts.confirmed_before) == (RUN, False, 2)
    assert [number for number in range(11) if number in receipts.confirmed] == [1, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": {"bytes": 11, "sha256": "s"}}, "bytes was 10 and is 11"),
        ({"source": {"files": 3, "sha256": "s"}}, "bytes was 10 and is None; files was None and is 3"),
        ({"options": {"exchange": "f", "headers": {"a": 1}}}, "exchange was 'e' and is 'f'"),
        ({"options": {"exchange": "e", "headers": {"a": 2}}}, "headers.a was 1 and is 2"),
    ],
)
def test_a_run_of_something_else_is_refused(path: Path, changes: dict[str, object], said: str) -> None:
    """What changed is said, and the file stays as it is."""
    path.write_text(RUN.line() + line(1))
    with pytest.raises(InputError) as caught:
        opened(path, again(**changes))
    assert f"its run is another one: {said}." in str(caught.value)
    assert path.read_text().startswith(RUN.line())


def test_a_run_is_not_begun_over_another(path: Path) -> None:
    """Without `resume` a file with anything in it is refused, and what to do is said."""
    path.write_text(RUN.line())
    with pytest.raises(InputError, match="--resume goes on with"):
        opened(path, resume=False)
    assert path.read_text() == RUN.line()


@pytest.mark.parametrize("content", ["something else", "something\nelse", "{}\n", "\x00" * 10, '{"run": 1}\n'])
def test_a_file_of_something_else_is_left_alone(path: Path, content: str) -> None:
    """Nothing of it is changed, not even for want of a line end."""
    path.write_text(content)
    with pytest.raises(InputError, match="not a file of receipts"):
        opened(path)
    assert path.read_text() == content


@pytest.mark.parametrize("length", [1, 5, 9, 20, len(RUN.line()) - 1])
def test_a_run_that_was_never_named_begins_anew(path: Path, length: int) -> None:
    """A crash within the first line was before anything was sent."""
    path.write_text(RUN.line()[:length])
    wanted = again()
    receipts = opened(path, wanted)
    assert (receipts.run, receipts.is_new) == (wanted, True)
    assert path.read_text() == ""


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_torn_last_line_is_cut_off(path: Path, data: st.DataObject) -> None:
    """Wherever a write was cut, the whole lines before it count and the rest is gone."""
    whole = [line(number) for number in (1, 2, 3)]
    text = RUN.line() + "".join(whole)
    cut = data.draw(st.integers(len(RUN.line()), len(text)))
    path.write_text(text[:cut])
    receipts = opened(path)
    kept = text[:cut].count("\n") - 1
    assert receipts.confirmed_before == kept
    assert path.read_text() == RUN.line() + "".join(whole[:kept])


def test_a_torn_tail_of_zeros_is_cut_off(path: Path) -> None:
    """As a file system leaves it after a power cut."""
    path.write_bytes((RUN.line() + line(1)).encode() + bytes(5000))
    assert opened(path).confirmed_before == 1
    assert path.read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (b"\x00\x00\n", "3: damaged: the line is no receipt"),
        (b'{"id": null, "lin\n', "3: damaged: the line is no receipt"),
        (b"\n", "3: damaged: the line is no receipt"),
        (line(3).encode().replace(b'"f"', b'"\xcb\x12"'), "3: damaged: the line is no receipt"),
        (RUN.line().encode(), "3: damaged: the line is no receipt"),
        (b"[" * (MAX_LINE // 2) + b"\n", "3: damaged: the line is no receipt"),
        (line(11).encode(), "3: damaged: the line is of item 11, which the source does not have"),
        (line(0).encode(), "3: damaged: the line is of item 0"),
        (line(10**18).encode(), "3: damaged: the line is of item 1000000000000000000"),
    ],
)
def test_a_damaged_middle_is_refused(path: Path, damage: bytes, said: str) -> None:
    """Where it is damaged is said, and how to go on all the same; nothing is changed."""
    content = (RUN.line() + line(1)).encode() + damage + line(2).encode()
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        opened(path)
    assert f"{path}:{said}" in str(caught.value)
    assert "cut the file off before this line" in str(caught.value)
    assert path.read_bytes() == content


HOLD = """
import sys
from uuid import uuid4
from amqptool.publish.receipts.file import open_receipts
from amqptool.publish.receipts.record import Run
open_receipts(sys.argv[1], Run(id=uuid4(), source={}, options={}), resume=True, most_items=1)
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_do_not_share_a_file(path: Path, *, resume: bool) -> None:
    """While a process has it, another is refused; the lock goes with the process."""
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(InputError, match="another run is writing to it"):
            opened(path, resume=resume)
        process.kill()
    assert opened(path, resume=resume).is_new


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A pipe or a device has nothing to go on with."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, Path("/dev/null")):
        receipts = opened(path, resume=False)
        assert (receipts.is_new, receipts.confirmed_before) == (True, 0)
