"""Small messages and files that would be huge: a real process ends as it is documented, in little memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, publish
from tests.support.cli import UNMEASURED, cli_environment

MIB = 1 << 20
#: MiB that a process may have had at its peak.
MOST = 200
_PROGRAM = """
import sys
from amqptool.cli.root import main
try:
    main(sys.argv[2:])
finally:
    with open("/proc/self/status") as status, open(sys.argv[1], "w") as file:
        file.writelines(line for line in status if line.startswith("VmHWM"))
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended, and the MiB that it had at its peak."""

    code: int
    said: str
    peak: float


def run(directory: Path, *words: str, **env: str) -> Ended:
    """Run a command line to its end."""
    command = [sys.executable, "-c", _PROGRAM, str(directory / "peak"), *words]
    settings = cli_environment({**UNMEASURED, **env})
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=60)
    peak = int((directory / "peak").read_text().split()[1]) / 1024
    return Ended(done.returncode, done.stdout + done.stderr, peak)


def gzip_of_zeros(size: int) -> bytes:
    """Make a beginning of gzip that would be so many zeros: the same MiB again and again, which takes no time."""
    deflate = zlib.compressobj(9, wbits=31)
    start = deflate.flush(zlib.Z_FULL_FLUSH)
    deflate.compress(bytes(MIB))
    deflate.flush(zlib.Z_FULL_FLUSH)
    piece = deflate.compress(bytes(MIB)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return start + piece * (size // MIB)


BOMBS = {
    "64 MiB of gzip": (gzip_of_zeros(64 * MIB), "text/plain", "gzip"),
    "10 GiB of gzip": (gzip_of_zeros(10 * 1024 * MIB), "text/plain", "gzip"),
    "gzip of gzip": (gzip_of_zeros(64 * MIB), "text/plain", "gzip, gzip"),
    "JSON of 1,000,000 levels": (b"[" * 1_000_000, "application/json", None),
    "JSON of a long number": (b"1" * 1_000_000, "application/json", None),
    "MessagePack of 1,000,000 levels": (b"\x91" * 1_000_000, "application/msgpack", None),
    "MessagePack of 4,000,000,000 items": (b"\xdd\xff\xff\xff\xff", "application/msgpack", None),
    "MessagePack of 4 GB": (b"\xc6\xff\xff\xff\xff", "application/msgpack", None),
}
DECODER = """
import sys
def handle(delivery):
    delivery.decode()
"""


def test_the_bombs_are_small() -> None:
    """What goes over the wire is no more than 12 MiB."""
    assert max(len(body) for body, *_ in BOMBS.values()) < 12 * MIB


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_body_that_would_be_huge_is_a_failed_attempt(amqptool_vhost: AmqpUrl, tmp_path: Path, bomb: str) -> None:
    """Of the handler that decodes it; it goes to the dead letters, and the worker goes on."""
    body, content_type, content_encoding = BOMBS[bomb]
    message = Message(body=body, routing_key="q", content_type=content_type, content_encoding=content_encoding)
    (tmp_path / "app.py").write_text(DECODER)

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [message, Message(body=b"fine", routing_key="q", content_type="text/plain")])

    asyncio.run(prepare())
    words = ["consume", "q", "-n", "2", "--handler", "app:handle", "--app-dir", str(tmp_path), "--dedup", "none"]
    ended = run(tmp_path, *words, "--dead-letter", "q.dead", AMQPTOOL_URL=amqptool_vhost.reveal())
    assert (ended.code, "1 handled" in ended.said, "1 dead" in ended.said) == (1, True, True), ended.said[-500:]
    assert "CodecError" in ended.said
    assert ended.peak < MOST


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_body_that_would_be_huge_is_shown_as_it_came(amqptool_vhost: AmqpUrl, tmp_path: Path, bomb: str) -> None:
    """To look at it does no harm either; it is put back."""
    body, content_type, content_encoding = BOMBS[bomb]
    message = Message(body=body, routing_key="q", content_type=content_type, content_encoding=content_encoding)

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [message])

    asyncio.run(prepare())
    words = ["consume", "q", "-n", "1", "--output", "pretty", "--requeue"]
    ended = run(tmp_path, *words, AMQPTOOL_URL=amqptool_vhost.reveal())
    assert ended.code == 0, ended.said[-500:]
    assert ended.peak < MOST + 25 * len(body) / MIB  # each byte is an escape of four characters, some copies of them


ALIASES = "\n".join(
    ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)
FILES = {
    "aliases": ALIASES,
    "aliases of queues": f"queues: {{q: &q {{arguments: {{a: {json.dumps(['x'] * 9)}}}}}}}\n{ALIASES}",
    "a recursive alias": "queues: &q {q: *q}",
    "200,000 lists in YAML": "queues: " + "[" * 200_000,
    "200,000 maps in YAML": "{a: " * 200_000,
    "200,000 lists in JSON": '{"queues": ' + "[" * 200_000,
    "a long number": "queues: {q: {max_length: " + "9" * 100_000 + "}}",
    "100,000 variables": "queues: {q: {x: '" + "${A:-" * 100_000 + "'}}",
}


@pytest.mark.parametrize("bomb", FILES)
def test_a_file_that_would_be_huge_is_bad_input(tmp_path: Path, bomb: str) -> None:
    """That is exit 65, and nothing of it is built."""
    (tmp_path / "bomb.yaml").write_text(FILES[bomb])
    ended = run(tmp_path, "validate", str(tmp_path / "bomb.yaml"))
    assert (ended.code, len(ended.said) < 100_000) == (65, True), ended.said[-500:]
    assert ended.peak < MOST
