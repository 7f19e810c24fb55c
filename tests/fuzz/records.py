"""Messages with odd properties and headers, as records and as options; what is confirmed must be in the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random
from typing import Any

from tests.fuzz import mutate, oddities
from tests.fuzz.broker import QUEUE, Got
from tests.fuzz.case import Case, Outcome, Place, Scene

_TEXTS = ("content_type", "correlation_id", "reply_to", "type", "app_id")
_PROPERTIES: dict[str, Any] = {
    "message_id": "6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21",
    "delivery_mode": 2,
    "content_type": "application/json",
    "content_encoding": "utf-8",
    "correlation_id": "c",
    "reply_to": "r",
    "expiration": "60000",
    "priority": 4,
    "timestamp": 1_700_000_000,
    "type": "t",
    "user_id": "fuzz",
    "app_id": "a",
}
_HEADERS: dict[str, Any] = {
    "text": "x",
    "number": 1,
    "big": 2**40,
    "float": 1.5,
    "yes": True,
    "none": None,
    "list": [1, "a", None, {"k": []}],
    "bytes": {"$bytes": "AAEC"},
    "time": {"$timestamp": 1_700_000_000},
    "decimal": {"$decimal": "1.50"},
    "odd": {"$text": "/w=="},
    "table": {"$table": {"$bytes": 1}},
    "x-death": [{"count": 1, "queue": "q", "reason": "expired"}],
}
_RECORDS: tuple[dict[str, Any], ...] = (
    {"exchange": "", "routing_key": QUEUE, "body": "text", "properties": _PROPERTIES, "headers": _HEADERS},
    {"routing_key": QUEUE, "body_base64": "AAEC/w==", "headers": {"k": "v"}},
    {"routing_key": QUEUE, "body": ""},
    {"routing_key": QUEUE, "body": "é", "properties": {"priority": 0}, "queue": "q", "redelivered": True},
)
_KEYS = (
    "exchange",
    "routing_key",
    "body",
    "body_base64",
    "properties",
    "headers",
    "CC",
    "BCC",
    "$bytes",
    "$x",
    *_PROPERTIES,
)


def record(random: Random) -> bytes:
    """Make a line, mostly of a record with something odd in it."""
    made = random.choice(_RECORDS)
    if random.random() < 0.8:
        made = mutate.tree(random, made, _RECORDS, _KEYS)
    line = oddities.unfolded(json.dumps(made, ensure_ascii=random.random() < 0.7))
    return mutate.octets(random, line, line) if random.random() < 0.15 else line


def case(random: Random, place: Place) -> Case:
    """Make a command that publishes messages with odd properties."""
    return (_records if random.random() < 0.6 else _options)(random, place)


def _records(random: Random, place: Place) -> Case:
    lines = b"\n".join(record(random) for _ in range(random.randrange(1, 5)))
    return Case(
        words=[
            "publish",
            "--jsonl",
            "records",
            "--receipts",
            "-",
            "--on-error",
            random.choice(("skip", "skip", "stop")),
        ],
        files={"records": lines},
        environ=place.for_messages,
        check=_are_there,
    )


def _are_there(outcome: Outcome, scene: Scene) -> list[str] | None:
    """What the receipts say is confirmed is in the queue."""
    there: dict[str | None, list[Got]] = {}
    for got in scene.broker.take():
        there.setdefault(got[1].message_id, []).append(got)
    lines = (scene.directory / "records").read_bytes().split(b"\n")
    receipts = [json.loads(line) for line in outcome.stdout.splitlines()[1:]]
    confirmed = [
        (json.loads(lines[each["line"] - 1]), each["id"]) for each in receipts if each["outcome"] == "confirmed"
    ]
    compared = [differs_from(asked, there.get(name, ())) for asked, name in confirmed if _goes_to_queue(asked)]
    return list(chain.from_iterable(compared)) if compared else None


def _goes_to_queue(asked: dict[str, Any]) -> bool:
    properties, headers = asked.get("properties") or {}, asked.get("headers") or {}
    return (
        (asked.get("exchange", ""), asked.get("routing_key")) == ("", QUEUE)
        and properties.get("expiration") is None
        and not {"CC", "BCC"} & headers.keys()
    )


def differs_from(asked: dict[str, Any], there: Sequence[Got]) -> list[str]:
    """Return how the most alike of the messages with its id differs: several lines may have one id."""
    if not there:
        return [f"said to be confirmed, and not in the queue: {asked}"]
    return min((list(_differences(asked, got)) for got in there), key=len)


def _differences(asked: dict[str, Any], got: Got) -> Iterator[str]:
    _, properties, body = got
    if "body" in asked and asked["body"].encode() != body:
        yield f"the body {asked['body']!r} has become {body!r}"
    wanted = asked.get("properties") or {}
    for name in (*_TEXTS, "content_encoding", "priority", "timestamp", "delivery_mode"):
        if wanted.get(name) is not None and not _is_alike(wanted[name], getattr(properties, name)):
            yield f"the property {name} {wanted[name]!r} has become {getattr(properties, name)!r}"
    for name, value in (asked.get("headers") or {}).items():
        if isinstance(value, str | bool | int | float | None) and not _is_alike(
            value, (properties.headers or {}).get(name)
        ):
            yield f"the header {name!r} {value!r} has become {(properties.headers or {}).get(name)!r}"


def _is_alike(wanted: Any, got: Any) -> bool:
    """Compare by type too; what is no UTF-8 comes as bytes, or with its bytes escaped."""
    if isinstance(wanted, str):
        return wanted.encode("utf-8", "surrogateescape") == (
            got if isinstance(got, bytes) else str(got).encode("utf-8", "surrogateescape")
        )
    return type(wanted) is type(got) and wanted == got


def _options(random: Random, place: Place) -> Case:
    words = ["publish", "-k", QUEUE, "a body", "--json"]
    for _ in range(random.randrange(1, 5)):
        words += _option(random)
    return Case(words=[oddities.argument(word) for word in words], environ=place.for_messages, check=_is_there)


def _option(random: Random) -> list[str]:
    odd = oddities.text(random)
    number = str(random.choice(oddities.NUMBERS))
    json_value = oddities.unfolded(json.dumps(oddities.value(random))).decode("utf-8", "surrogatepass")
    names = (
        "content-type",
        "correlation-id",
        "reply-to",
        "type",
        "app-id",
        "message-id",
        "content-encoding",
        "exchange",
        "user-id",
    )
    return random.choice(
        (
            [f"--{random.choice(names)}", odd],
            ["-H", f"{random.choice(('k', odd))}={odd}"],
            ["-H", f"{random.choice(('k', odd))}:={json_value}"],
            ["-H", f"k:={json_value}"],
            ["-H", odd],
            [f"--{random.choice(('priority', 'timestamp', 'expiration'))}", random.choice((number, odd))],
            ["--transient"],
            ["--template"],
            ["-k", random.choice((QUEUE, QUEUE, odd))],
        )
    )


def _is_there(outcome: Outcome, scene: Scene) -> list[str] | None:
    """A message that is confirmed to the queue is in it, under the id that was printed."""
    document, there = outcome.document, scene.broker.take()
    if outcome.code != 0 or (document["exchange"], document["routing_key"]) != ("", QUEUE):
        return None
    wanted = [document["message_id"]]
    ids = [got[1].message_id for got in there if got[2] == b"a body"]
    may_be_gone = "--expiration" in outcome.words
    return [] if ids == wanted or (may_be_gone and not ids) else [f"confirmed as {wanted}, and in the queue is {ids}"]
