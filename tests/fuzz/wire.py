"""Bytes on the wire: a command whose broker misbehaves once, and whose messages have odd headers."""

from __future__ import annotations

from random import Random

from amqptool.carried import check_message, is_too_deep
from amqptool.errors import InputError
from amqptool.records import record_from_line
from tests.fuzz.case import ESCAPED_SECRET, Case, Outcome, Place, Scene

_WAITS = ["--confirm-timeout", "500ms", "--reconnect-timeout", "500ms"]
_HANDLER = ["--handler", "tests.fuzz.handlers:decode", "--dedup", "memory:"]
#: Each with how often a broker that behaves answers it.
_COMMANDS = (
    (8, ["publish", "-k", "q", "body", *_WAITS]),
    (10, ["publish", "-k", "q", "--lines", "-", "--json", *_WAITS]),
    (10, ["publish", "-k", "q", "--lines", "-", "--failed", "failed", "--receipts", "receipts", *_WAITS]),
    *[(9, ["consume", "q", "-n", "3", "--output", "jsonl"])] * 3,
    (9, ["consume", "q", "-n", "3", "--output", "pretty"]),
    (9, ["consume", "q", "-n", "2", "--requeue"]),
    (9, ["consume", "q", "-n", "3", "--save", "saved"]),
    (9, ["consume", "q", "-n", "3", *_HANDLER]),
    (15, ["consume", "q", "-n", "3", "--dead-letter", "dead", "--retry", "1h", "--json", *_HANDLER]),
    (13, ["declare", "--amqp-only", "t.yaml"]),
)


def case(random: Random, place: Place) -> Case:
    """Make a command that talks to the scripted peer."""
    url = f"amqp://fuzz:{ESCAPED_SECRET}@127.0.0.1:{place.peer_port}/v"
    answers, words = random.choice(_COMMANDS)
    bound = ["--timeout", "0.3", "--grace", "0.1"] if words[0] == "consume" else []
    talk = random.choice(([], [], ["-vv"], ["-vv", "--debug"], ["--log-format", "json"]))
    return Case(
        words=[*words, *bound, *talk],
        stdin=b"one\ntwo\nthree\n",
        files={"t.yaml": b"exchanges: {x: topic}\nqueues: {q: {bindings: [{source: x, routing_key: k}]}}\n"},
        environ={"AMQPTOOL_URL": url},
        answers=answers,
        check=_can_be_published if "jsonl" in words else None,
        prints_bodies=words[0] == "consume",
    )


def _can_be_published(outcome: Outcome, _: Scene) -> list[str] | None:
    """What was printed as records is what `publish --jsonl` takes, but for depths that it does not send."""
    if not outcome.stdout:
        return None
    try:
        messages = [record_from_line(line) for line in outcome.stdout.splitlines()]
        for message in messages:
            if not is_too_deep([*message.headers.values()]):
                check_message(message)
    except InputError as error:
        return [f"prints what cannot be published: {error}"]
    return []
