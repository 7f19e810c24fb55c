"""Bodies that are not what they say they are, on their way in and out."""

from __future__ import annotations

import gzip
import json
import zlib
from random import Random
from typing import Any

import msgpack
import pika

from tests.fuzz import mutate, oddities
from tests.fuzz.broker import QUEUE
from tests.fuzz.case import Case, Outcome, Place, Scene

_DOCUMENT: dict[str, Any] = {
    "id": "6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21",
    "n": [1, 2.5, None, True],
    "t": {"a": "é"},
    "u": "",
}
_TYPES = (
    *(
        "application/json",
        "application/json; charset=utf-8",
        "application/msgpack",
        "application/protobuf",
        "text/plain",
    ),
    *(
        "text/plain; charset=utf-16",
        "text/plain; charset=x",
        "application/x-python-serialize",
        "application/x-yaml",
        "",
        "é",
    ),
    *(
        "application/vnd.shop+json",
        "application/json;;=",
        "text/plain; charset=" + "x" * 200,
        "text/plain; charset=rot13",
        "/",
    ),
)
_ENCODINGS = ("gzip", "gzip, gzip", "x-gzip", "identity", "utf-8", "deflate", "br", "", "binary", "gzip,", "GZIP")
_HANDLER = ["--handler", "tests.fuzz.handlers:decode", "--dedup", "memory:"]


def body(random: Random) -> bytes:
    """Make a body, of a format or nearly."""
    document = mutate.tree(random, _DOCUMENT, (_DOCUMENT,), ("id", "n", "$bytes", ""))
    made = random.choice((_as_json, _as_json, _as_msgpack, _as_text, _as_bomb))(random, document)
    if random.random() < 0.2:
        made = gzip.compress(made, mtime=0)
    return mutate.octets(random, made, b"\x1f\x8b\x08\x00") if random.random() < 0.4 else made


def _as_json(random: Random, document: Any) -> bytes:
    return oddities.unfolded(json.dumps(document, ensure_ascii=random.random() < 0.5))


def _as_msgpack(random: Random, document: Any) -> bytes:
    try:
        made: bytes = msgpack.packb(document)
    except (ValueError, OverflowError, UnicodeEncodeError):
        made = random.choice(
            (
                b"\xdd\xff\xff\xff\xff",
                b"\xc9\x7f\xff\xff\xff\x01",
                b"\x91" * 2_000,
                b"\xdf\x10\x00\x00\x00",
                b"\xd6\xff\x00",
            )
        )
    return made


def _as_text(random: Random, document: Any) -> bytes:
    del document
    return oddities.text(random).encode(random.choice(("utf-8", "utf-16", "latin-1")), "replace")


def _as_bomb(random: Random, document: Any) -> bytes:
    """Make a few kilobytes that are very much more."""
    del document
    once = zlib.compressobj(wbits=31)
    packed = once.compress(random.choice((b"[", b" ", b"0")) * random.choice((1_000_000, 30_000_000))) + once.flush()
    return random.choice((packed, gzip.compress(packed, mtime=0), b"[" * 100_000, b'{"a":' * 5_000))


def case(random: Random, place: Place) -> Case:
    """Make a command that sends bodies, or one that gets them."""
    return (_sent if random.random() < 0.6 else _got)(random, place)


def _sent(random: Random, place: Place) -> Case:
    form = random.choice(
        (
            *[[]] * 5,
            ["--encode", "json"],
            ["--encode", "msgpack"],
            ["--encode", "protobuf", "--proto-descriptor", "input", "--proto-message", "a.B"],
        )
    )
    packing = random.choice(
        (*[[]] * 4, ["--compress", "always"], ["--compress", "auto"], ["--content-encoding", random.choice(_ENCODINGS)])
    )
    labels = random.choice(
        (
            [],
            ["--content-type", random.choice(_TYPES)],
            ["--id-from", random.choice(("body:/id", "body:/n/0", "body:", "body:/t/a/b", "body:x", "body:/~2"))],
        )
    )
    source = random.choice(
        (
            ["--file", "input"],
            ["--lines", "input"],
            ["-"],
            ["--template", "--file", "input"],
            ["--file", "input", "--count", "2"],
        )
    )
    made = body(random)
    plain = not form and not packing and source in (["--file", "input"], ["-"])
    return Case(
        words=[
            oddities.argument(word)
            for word in ("publish", "-k", QUEUE, *source, *form, *packing, *labels, "--on-error", "skip")
        ],
        stdin=made,
        files={"input": made},
        environ=place.for_messages,
        check=_is_as_it_was if plain else None,
    )


def _is_as_it_was(outcome: Outcome, scene: Scene) -> list[str] | None:
    """A body that is to be sent as it is has arrived as it is."""
    if outcome.code != 0:
        return None
    wanted = (scene.directory / "input").read_bytes()
    got = [got[2] for got in scene.broker.take()]
    return [] if got == [wanted] else [f"sent is {wanted[:200]!r}, and in the queue is {[body[:200] for body in got]}"]


def _got(random: Random, place: Place) -> Case:
    """Make a worker or a reader of a message that says of itself what it is."""
    words = random.choice(
        (
            ["--output", "pretty"],
            ["--output", "jsonl"],
            ["--output", "body"],
            ["--save", "saved"],
            _HANDLER,
            _HANDLER,
            _HANDLER,
        )
    )
    label = pika.BasicProperties(
        content_type=random.choice(_TYPES),
        content_encoding=random.choice((None, None, "gzip", random.choice(_ENCODINGS))),
    )
    return Case(
        words=["consume", QUEUE, "-n", "1", "--timeout", "3", *words],
        environ=place.for_messages,
        message=(body(random), label),
        prints_bodies=True,
    )
