"""Reading files and streams as far as they may be read."""

from __future__ import annotations

import gc
import os
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.file.content import MAX_JSON, MAX_YAML, read_stream

TOO_LARGE = "the file is too large: 10 MiB of YAML or 512 MiB of JSON are read"


class Endless(BytesIO):
    """A stream that goes on for ever, and counts what was taken from it."""

    taken = 0

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start = start

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        start, self.start = self.start, b""
        self.taken += size
        return start + b" " * (size - len(start))


@pytest.mark.parametrize("start", [b"queues:", b'{"queues": []}'])
def test_huge_file(tmp_path: Path, start: bytes) -> None:
    """A file of a gigabyte is refused by its size, and not read."""
    path = tmp_path / "huge"
    path.write_bytes(start)
    os.truncate(path, 1024**3)
    tracemalloc.start()
    with pytest.raises(TopologyError, match=f"^{path}:1:1: {TOO_LARGE}"):
        Topology.load(path)
    assert tracemalloc.get_traced_memory()[1] < 10 * 1024**2
    tracemalloc.stop()


def test_endless_stream() -> None:
    """A stream is not read far beyond what a file of YAML may have."""
    stream = Endless(b"queues:")
    assert read_stream(stream, "<stdin>").data is None
    assert stream.taken == MAX_YAML + 1


def test_endless_device() -> None:
    """A device that never ends is read no further, either."""
    with pytest.raises(TopologyError, match=f"^/dev/zero:1:1: {TOO_LARGE}"):
        Topology.load("/dev/zero")


def test_stream_of_json() -> None:
    """A stream of JSON may be longer."""
    content = read_stream(BytesIO(b'{"queues": []' + b" " * MAX_YAML + b"}"), "<stdin>")
    assert content.data is not None
    assert len(content.data) < MAX_JSON


def test_memory_of_json() -> None:
    """A binding of an export costs a few hundred bytes, not a tree."""
    ends = '"source": "amq.topic", "destination": "amq.fanout", "destination_type": "exchange"'
    text = '{"bindings": [' + ",".join(f'{{{ends}, "routing_key": "k.{n}"}}' for n in range(20_000)) + "]}"
    tracemalloc.start()
    assert len(Topology.parse(text).bindings) == 20_000
    assert tracemalloc.get_traced_memory()[1] < 20_000 * 1_000 + len(text) + 5 * 1024**2
    tracemalloc.stop()


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_stays_as_it_was(enabled: bool) -> None:
    """Loading leaves Python's garbage collector as it was, whatever comes of it."""
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        Topology.parse("queues: {a: }")
        with pytest.raises(TopologyError):
            Topology.parse("queues: 5")
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_thousands_of_problems() -> None:
    """Whoever has a thousand problems is not told of more."""
    with pytest.raises(TopologyError) as caught:
        Topology.parse("queues: [" + "a, " * 5_000 + "]")
    assert len(caught.value.problems) == 1_001
    last = [problem.message for problem in caught.value.problems[-2:]]
    assert "1,000 problems: nothing more is looked at" in last


def test_other_files_are_read_all_the_same(tmp_path: Path) -> None:
    """A file that cannot be read hides no problem of another, and causes none there."""
    (tmp_path / "broken.yaml").write_text("exchanges: {e: fanout}\nqueues: [")
    (tmp_path / "good.yaml").write_text("queues: {q: {bindings: [{source: e}]}, r: {durable: no}}")
    with pytest.raises(TopologyError) as caught:
        Topology.load(tmp_path / "broken.yaml", tmp_path / "good.yaml")
    assert [(Path(problem.file).name, problem.rule) for problem in caught.value.problems] == [
        ("broken.yaml", "yaml"),
        ("good.yaml", "type"),
    ]
