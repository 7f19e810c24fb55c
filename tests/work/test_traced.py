"""What is handled as part of a trace, over a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from amqptool import AmqpUrl, BlockingPublisher, Delivery, Message, Publisher, Reject, Worker, WorkReport
from amqptool.dead.choice import Choice
from amqptool.dead.replay import Replay, Target
from amqptool.retry import wait_queue
from tests.support.broker import declare_queue, drain, publish
from tests.support.spans import Spans, active, parent_of, traceparent

#: A worker that tries a message twice and ends when nothing comes any more, which takes longer than a message waits.
AT_LENGTH: dict[str, Any] = {"retry": [0.1], "dead_letter": "dead", "max_messages": None, "idle_timeout": 2.0}

#: Makes a handler of what is to be done.
Kind = Callable[[Callable[[Delivery], object]], Callable[[Delivery], Any]]


def sync(act: Callable[[Delivery], object]) -> Callable[[Delivery], None]:
    """Make a blocking handler."""

    def handle(delivery: Delivery) -> None:
        act(delivery)

    return handle


def in_task(act: Callable[[Delivery], object]) -> Callable[[Delivery], Awaitable[None]]:
    """Make an async handler."""

    async def handle(delivery: Delivery) -> None:
        await asyncio.sleep(0)
        act(delivery)

    return handle


def wrapped(act: Callable[[Delivery], object]) -> Callable[[Delivery], Any]:
    """Make a function that returns what an async one returned."""
    handle = in_task(act)
    return lambda delivery: handle(delivery)


every_kind = pytest.mark.parametrize("kind", [sync, in_task, wrapped])


def current() -> str:
    """Return the header that tells of the span that is active."""
    return traceparent(trace.get_current_span().get_span_context())


def work(url: AmqpUrl, handler: Any, message: Message, **settings: Any) -> WorkReport:
    """Publish a message and have it handled."""

    async def scenario() -> WorkReport:
        await declare_queue(url, "q")
        await publish(url, [message])
        return await Worker(url, "q", handler, dedup=None, max_messages=1, **settings).serve()

    return asyncio.run(scenario())


async def sell(url: AmqpUrl) -> None:
    """Publish a message within a span."""
    await declare_queue(url, "q")
    with active():
        await publish(url, [Message(body=b"tea", routing_key="q", correlation_id="42")])


def traced_work(url: AmqpUrl, handler: Any, **settings: Any) -> WorkReport:
    """Publish a message within a span, and have it handled out of it."""
    asyncio.run(sell(url))
    return asyncio.run(Worker(url, "q", handler, **{"dedup": None, "max_messages": 1, **settings}).serve())


@every_kind
def test_a_message_is_handled_within_its_trace(amqptool_vhost: AmqpUrl, spans: Spans, kind: Kind) -> None:
    """In a span that is a child of that of its publisher, and active in the handler."""
    seen: list[str] = []
    traced_work(amqptool_vhost, kind(lambda _: seen.append(current())))
    [sent], [handled] = spans.named("publish q"), spans.named("process q")
    assert seen == [traceparent(handled.context)]
    assert (handled.kind, parent_of(handled)) == (SpanKind.CONSUMER, traceparent(sent.context))
    assert handled.status.status_code is StatusCode.UNSET


def test_attributes_tell_of_the_delivery(amqptool_vhost: AmqpUrl, spans: Spans) -> None:
    """By the names of the semantic conventions, and its attempt."""
    seen: list[Delivery] = []
    traced_work(amqptool_vhost, seen.append)
    [span] = spans.named("process q")
    assert dict(span.attributes or {}) == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "q",
        "messaging.rabbitmq.destination.routing_key": "q",
        "messaging.rabbitmq.message.delivery_tag": 1,
        "messaging.message.id": seen[0].message_id,
        "messaging.message.conversation_id": "42",
        "messaging.message.body.size": 3,
        "amqptool.attempt": 1,
    }


def test_what_an_async_handler_publishes_goes_on_with_the_trace(amqptool_vhost: AmqpUrl, spans: Spans) -> None:
    """As a child of the span in which it handles."""

    async def scenario() -> list[Delivery]:
        await sell(amqptool_vhost)
        await declare_queue(amqptool_vhost, "next")
        async with Publisher(amqptool_vhost) as publisher:

            async def handle(delivery: Delivery) -> None:
                await publisher.publish(Message(body=delivery.body, routing_key="next"))

            await Worker(amqptool_vhost, "q", handle, dedup=None, max_messages=1).serve()
        return await drain(amqptool_vhost, "next")

    [delivery] = asyncio.run(scenario())
    assert_goes_on(spans, delivery)


def test_what_a_blocking_handler_publishes_goes_on_with_the_trace(amqptool_vhost: AmqpUrl, spans: Spans) -> None:
    """From its thread."""
    asyncio.run(declare_queue(amqptool_vhost, "next"))
    with BlockingPublisher(amqptool_vhost) as publisher:

        def handle(delivery: Delivery) -> None:
            publisher.publish(Message(body=delivery.body, routing_key="next"))

        traced_work(amqptool_vhost, handle)
    [delivery] = asyncio.run(drain(amqptool_vhost, "next"))
    assert_goes_on(spans, delivery)


def assert_goes_on(spans: Spans, delivery: Delivery) -> None:
    """Check that a message was published within the span of handling another one."""
    [handled], [sent] = spans.named("process q"), spans.named("publish next")
    assert parent_of(sent) == traceparent(handled.context)
    assert delivery.headers["traceparent"] == traceparent(sent.context)


def test_a_failed_attempt_tells_why_and_where_its_message_goes(amqptool_vhost: AmqpUrl, spans: Spans) -> None:
    """Each attempt is a span of the same trace: the first is retried, the last one a dead letter."""

    def fail(delivery: Delivery) -> None:
        raise ValueError(f"broken {delivery.attempt}")

    traced_work(amqptool_vhost, fail, **AT_LENGTH)
    [sent] = spans.named("publish q")
    first, last = spans.named("process q")
    for attempt, span in enumerate((first, last), 1):
        assert parent_of(span) == traceparent(sent.context)
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == f"broken {attempt}"
        attributes = span.attributes or {}
        assert (attributes["amqptool.attempt"], attributes["error.type"]) == (attempt, "ValueError")
    assert events(first) == [("retry", wait_queue("q", 100)), ("exception", None)]
    assert events(last) == [("dead letter", "dead"), ("exception", None)]


def events(span: Any) -> list[tuple[str, object]]:
    """Return the events of a span, each with the queue that it names."""
    return [(event.name, (event.attributes or {}).get("messaging.destination.name")) for event in span.events]


@every_kind
def test_a_rejected_message_goes_at_once(amqptool_vhost: AmqpUrl, spans: Spans, kind: Kind) -> None:
    """Whichever kind of handler rejects it."""

    def reject(_delivery: Delivery) -> None:
        raise Reject("no such customer")

    traced_work(amqptool_vhost, kind(reject), retry=[0.1], dead_letter="dead")
    [span] = spans.named("process q")
    assert span.status.description == "no such customer"
    assert events(span) == [("dead letter", "dead"), ("exception", None)]


def test_an_error_without_a_text_is_no_more_than_an_error(amqptool_vhost: AmqpUrl, spans: Spans) -> None:
    """What a handler raises cannot end the worker."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def fail(_delivery: Delivery) -> None:
        raise Mute

    assert traced_work(amqptool_vhost, fail).failed_attempts == 1
    [span] = spans.named("process q")
    assert span.status.status_code is StatusCode.ERROR


def test_dead_letters_and_replayed_ones_keep_their_context(amqptool_vhost: AmqpUrl, spans: Spans) -> None:
    """So that the attempt after a replay is part of the trace too; sending copies is not."""

    def fail(_delivery: Delivery) -> None:
        raise ValueError

    async def replay() -> None:
        with active("operator"):
            await Replay(amqptool_vhost, "dead", choice=Choice(), target=Target()).run()

    with active("service"):
        traced_work(amqptool_vhost, fail, **AT_LENGTH)
        asyncio.run(replay())
    [back] = asyncio.run(drain(amqptool_vhost, "q"))
    [sent] = spans.named("publish q")
    assert back.headers["traceparent"] == traceparent(sent.context)
    assert sorted({span.name for span in spans.ended()}) == ["operator", "process q", "publish q", "sale", "service"]


def test_a_handler_in_a_transaction_is_part_of_the_trace(amqptool_vhost: AmqpUrl, spans: Spans, tmp_path: Path) -> None:
    """As without one."""
    seen: list[str] = []
    settings: dict[str, Any] = {"dedup": f"sqlite:///{tmp_path}/dedup.db", "transaction": True}
    traced_work(amqptool_vhost, lambda _delivery, _transaction: seen.append(current()), **settings)
    [span] = spans.named("process q")
    assert seen == [traceparent(span.context)]


def test_a_command_is_told_of_the_span(amqptool_vhost: AmqpUrl, spans: Spans, tmp_path: Path) -> None:
    """In the variable that is common for it; the message's header is what it was."""
    told = tmp_path / "told"
    script = f'echo "$TRACEPARENT" > {told}; echo "$AMQPTOOL_HEADERS" >> {told}'
    traced_work(amqptool_vhost, f"exec:sh -c '{script}'")
    [sent], [span] = spans.named("publish q"), spans.named("process q")
    parent, headers = told.read_text().splitlines()
    assert parent == traceparent(span.context)
    assert traceparent(sent.context) in headers


@every_kind
def test_no_trace_begins_here(amqptool_vhost: AmqpUrl, spans: Spans, kind: Kind) -> None:
    """A message that came without a context is handled without a span."""
    seen: list[bool] = []
    handler = kind(lambda _: seen.append(trace.get_current_span().get_span_context().is_valid))
    work(amqptool_vhost, handler, Message(body=b"", routing_key="q", headers={"n": 1}))
    assert seen == [False]
    assert spans.ended() == ()


@pytest.mark.parametrize("header", [1, b"00-1-2-01", ["00"], {"a": 1}, "ü", "00-0-0-00", None])
def test_a_context_that_is_none_is_no_failure(amqptool_vhost: AmqpUrl, spans: Spans, header: Any) -> None:
    """Whatever a sender has put into the header, the message is handled."""
    message = Message(body=b"", routing_key="q", headers={"traceparent": header, "baggage": header})
    assert work(amqptool_vhost, lambda _: None, message).handled == 1
    assert spans.ended() == ()
