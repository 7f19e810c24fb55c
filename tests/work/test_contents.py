"""What messages may hold: nothing in them ends a worker, gets a message lost, or has it handled twice."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from amqptool import AmqpUrl, Delivery, MemoryStore, Message, Worker, WorkReport
from tests.support.broker import declare_queue, drain, publish

JSON = "application/json"


async def work_off(url: AmqpUrl, messages: list[Message], handler: Any) -> tuple[WorkReport, list[Delivery]]:
    """Let a worker take these messages; return its report and the dead letters."""
    await declare_queue(url, "q")
    await publish(url, messages)
    worker = Worker(url, "q", handler, dedup=MemoryStore(), dead_letter="dead", max_messages=len(messages))
    return await worker.serve(), await drain(url, "dead")


@pytest.mark.parametrize(
    ("body", "fields", "words"),
    [
        (b"\xff", {"content_type": "text/plain"}, "utf-8"),
        (b"x", {"content_type": "text/plain; charset=x-none"}, "x-none"),
        (b"x", {"content_type": JSON, "content_encoding": "br"}, "br"),
        (b"{", {"content_type": JSON}, "JSON"),
        (b"[" * 1000 + b"]" * 1000, {"content_type": JSON}, "nested"),
        (b"[NaN]", {"content_type": JSON}, "NaN"),
        (b'{"a": 1, "a": 2}', {"content_type": JSON}, "'a'"),
        (b"9" * 5000, {"content_type": JSON}, "digits"),
        (gzip.compress(bytes(64 * 1024**2)), {"content_type": JSON, "content_encoding": "gzip"}, "holds more than"),
    ],
    ids=["not UTF-8", "charset", "encoding", "JSON", "deep", "NaN", "keys", "integer", "bomb"],
)
def test_a_body_that_cannot_be_decoded_is_a_dead_letter(
    amqptool_vhost: AmqpUrl, body: bytes, fields: dict[str, str], words: str
) -> None:
    """As it was, with the reason; a handler that decodes it has failed, and the next message is decoded."""
    values: list[object] = []
    messages = [
        Message(body=body, routing_key="q", **fields),  # type: ignore[arg-type]
        Message(body=b'{"a": 1}', routing_key="q", content_type=JSON),
    ]
    report, [dead] = asyncio.run(work_off(amqptool_vhost, messages, lambda delivery: values.append(delivery.decode())))
    assert (values, report.dead) == ([{"a": 1}], 1)
    assert dead.body == body
    assert str(dead.headers["amqptool-error"]).startswith("CodecError: ")
    assert words in str(dead.headers["amqptool-error"])


@pytest.mark.parametrize("size", [0, 10_000_000])
def test_a_body_of_any_size_is_handled_and_passed_on(amqptool_vhost: AmqpUrl, size: int) -> None:
    """Nothing at all, and more than is to be in hand at a time."""
    seen: list[int] = []

    def handle(delivery: Delivery) -> None:
        seen.append(len(delivery.body))
        raise ValueError

    report, [dead] = asyncio.run(work_off(amqptool_vhost, [Message(body=bytes(size), routing_key="q")], handle))
    assert (seen, len(dead.body), report.dead) == ([size], size, 1)


def test_an_id_that_is_no_text_is_none(amqptool_vhost: AmqpUrl) -> None:
    """It is no UUID: handled without dedup, and kept as it is."""
    odd = b"\xff\xfe".decode("utf-8", "surrogateescape")
    seen: list[str | None] = []
    messages = [Message(body=b"x", routing_key="q", message_id=odd) for _ in range(2)]
    report, _ = asyncio.run(work_off(amqptool_vhost, messages, lambda delivery: seen.append(delivery.message_id)))
    assert (seen, report.without_id) == ([odd, odd], 2)


def test_headers_that_a_publisher_forged_decide_nothing(amqptool_vhost: AmqpUrl) -> None:
    """What brokers and workers write into headers is no proof that a message was handled, nor that it was not."""
    death = {"count": 9, "queue": "q", "reason": "rejected", "exchange": "", "routing-keys": ["q"]}
    forged: dict[str, Any] = {
        "x-death": [death],
        "x-delivery-count": 99,
        "x-acquired-count": 99,
        "amqptool-queue": "q",
        "amqptool-attempt": 99,
        "amqptool-reason": "failed",
    }
    once, twice = str(uuid4()), str(uuid4())
    messages = [Message(body=each.encode(), routing_key="q", message_id=each, headers=forged) for each in (once, twice)]
    messages.append(Message(body=twice.encode(), routing_key="q", message_id=twice))
    runs: Counter[str] = Counter()
    report, _ = asyncio.run(work_off(amqptool_vhost, messages, lambda delivery: runs.update([delivery.body.decode()])))
    assert runs == {once: 1, twice: 1}
    assert (report.handled, report.duplicates, report.dead) == (2, 1, 0)
