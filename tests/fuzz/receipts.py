"""Files of receipts that were damaged, with which a run is to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from amqptool.publish.receipts.record import receipt
from tests.fuzz import mutate, oddities
from tests.fuzz.broker import QUEUE
from tests.fuzz.case import Case, Outcome, Place, Scene

_ID = "6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21"
_BODIES = [f"line {number}" for number in range(1, 8)]
_RECORDS = b"".join(json.dumps({"routing_key": QUEUE, "body": body}).encode() + b"\n" for body in _BODIES)
_RUN = {
    "run": _ID,
    "of": {"bytes": len(_RECORDS), "sha256": hashlib.sha256(_RECORDS).hexdigest()},
    "with": {"jsonl": True},
}
_OUTCOMES = ("confirmed", "confirmed", "unroutable", "confirmed", "in_doubt", "nacked")
_LINES = [
    json.dumps(_RUN).encode() + b"\n",
    *(
        receipt(_ID, f'"source": "records", "line": {number}', outcome).encode()
        for number, outcome in enumerate(_OUTCOMES, 1)
    ),
]
_KEYS = ("run", "of", "with", "id", "line", "number", "outcome", "reason", "source")


def case(random: Random, place: Place) -> Case:
    """Make a run that goes on with a file of receipts, of which something has been damaged."""
    lines = list(_LINES)
    for _ in range(random.choice((0, 1, 1, 2))):
        at = random.randrange(len(lines))
        lines[at : at + 1] = random.choice((_changed, _changed, _repeated, _dropped))(random, lines[at])
    written = b"".join(lines)
    if random.random() < 0.4:
        written = mutate.octets(random, written, _LINES[0])
    return Case(
        words=["publish", "--jsonl", "records", "--receipts", "receipts", "--resume", "--json"],
        files={"records": _RECORDS, "receipts": written, "before": written},
        environ=place.for_messages,
        check=_lack_nothing,
    )


def _changed(random: Random, line: bytes) -> list[bytes]:
    document = mutate.tree(random, json.loads(line), (_RUN,), _KEYS)
    return [oddities.unfolded(json.dumps(document)) + random.choice((b"\n", b"\n", b"\n", b"", b"\r\n"))]


def _repeated(random: Random, line: bytes) -> list[bytes]:
    return [line, *_changed(random, line)]


def _dropped(random: Random, line: bytes) -> list[bytes]:
    del random, line
    return []


def _lack_nothing(outcome: Outcome, scene: Scene) -> list[str] | None:
    """At the end of a run each message is in the queue, but for those that the file said are confirmed."""
    if outcome.code != 0:
        return None
    there = {got[2].decode() for got in scene.broker.take()}
    told = set(_confirmed((scene.directory / "before").read_bytes().splitlines()[1:]))
    return [
        f"{body!r} is not in the queue"
        for number, body in enumerate(_BODIES, 1)
        if body not in there and number not in told
    ]


def _confirmed(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and found.get("outcome") == "confirmed":
            yield from (found[name] for name in ("line", "number") if isinstance(found.get(name), int))
