"""What is published within a span, over a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from amqptool import (
    AmqpUrl,
    BlockingPublisher,
    Confirmed,
    Failed,
    InputError,
    Message,
    NotFound,
    Outcome,
    Publisher,
    Unroutable,
)
from amqptool.publish.submissions import Call
from amqptool.publish.traced import TracedInbox
from amqptool.tracing.spans import Tracing
from tests.support.broker import declare_queue, drain
from tests.support.spans import Spans, active, parent_of, traceparent

#: Publishes one message, and returns what became of it.
Way = Callable[[AmqpUrl, Message], Outcome]


def outcome_of(publish: Callable[[], Confirmed], message: Message) -> Outcome:
    """Return the outcome of a message, also where it was raised."""
    try:
        return publish()
    except (Unroutable, NotFound, InputError) as error:
        return Failed(message, error)


def in_async(use: Callable[[Publisher, Message], Awaitable[Outcome]]) -> Way:
    """Make a way of publishing on an event loop."""

    def publish(url: AmqpUrl, message: Message) -> Outcome:
        async def scenario() -> Outcome:
            async with Publisher(url) as publisher:
                return await use(publisher, message)

        return asyncio.run(scenario())

    return publish


async def one(publisher: Publisher, message: Message) -> Outcome:
    """Publish a message, and wait for its outcome."""
    try:
        return await publisher.publish(message)
    except (Unroutable, NotFound, InputError) as error:
        return Failed(message, error)


async def streamed(publisher: Publisher, message: Message) -> Outcome:
    """Publish a stream of one message."""
    [outcome] = [each async for each in publisher.publish_many([message], skip_refused=True)]
    return outcome


def blocking(url: AmqpUrl, message: Message) -> Outcome:
    """Publish a message from a thread, and wait for its outcome."""
    with BlockingPublisher(url) as publisher:
        return outcome_of(lambda: publisher.publish(message), message)


def submitted(url: AmqpUrl, message: Message) -> Outcome:
    """Publish a message from a thread, and wait for its outcome later."""
    with BlockingPublisher(url) as publisher:
        promise = publisher.submit(message)
    return outcome_of(promise.result, message)


def blocking_stream(url: AmqpUrl, message: Message) -> Outcome:
    """Publish a stream of one message from a thread."""
    with BlockingPublisher(url) as publisher:
        [outcome] = publisher.publish_many([message], skip_refused=True)
        return outcome


WAYS: list[Way] = [in_async(one), in_async(streamed), blocking, submitted, blocking_stream]
every_way = pytest.mark.parametrize("publish", WAYS, ids=["async", "stream", "blocking", "submit", "blocking stream"])


@pytest.fixture
def vhost(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


def arrived(url: AmqpUrl) -> dict[str, Any]:
    """Take the one message out of the queue, and return its headers."""
    [delivery] = asyncio.run(drain(url, "q"))
    return dict(delivery.headers)


# -- within a span --


@every_way
def test_a_message_goes_on_with_the_trace(vhost: AmqpUrl, spans: Spans, publish: Way) -> None:
    """In a span of its own, whose context is in its headers, beside those that it has."""
    with active() as sale:
        publish(vhost, Message(body=b"tea", routing_key="q", headers={"n": 1}))
    [span] = spans.named("publish q")
    assert arrived(vhost) == {"n": 1, "traceparent": traceparent(span.context)}
    assert (span.kind, parent_of(span)) == (SpanKind.PRODUCER, traceparent(sale))
    assert span.status.status_code is StatusCode.UNSET


@every_way
@pytest.mark.usefixtures("spans")
def test_the_outcome_is_that_of_the_message_that_was_handed_in(vhost: AmqpUrl, publish: Way) -> None:
    """It is as it was, whatever was sent."""
    confirmed, unroutable = (Message(body=b"", routing_key=key) for key in ("q", "nowhere"))
    with active():
        good, bad = publish(vhost, confirmed), publish(vhost, unroutable)
    assert good.message is confirmed
    assert isinstance(bad, Failed)
    assert isinstance(bad.error, Unroutable)
    assert bad.message is bad.error.message is unroutable
    assert unroutable.headers == {}


@every_way
def test_a_message_that_was_not_taken_has_its_error_in_the_span(vhost: AmqpUrl, spans: Spans, publish: Way) -> None:
    """Whether it was returned, or not sent at all."""
    with active():
        publish(vhost, Message(body=b"", routing_key="nowhere"))
        publish(vhost, Message(body=b"", exchange="missing", routing_key="k"))
    for name, error in (("publish nowhere", "Unroutable"), ("publish missing", "NotFound")):
        [span] = spans.named(name)
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["error.type"] == error
        assert [event.name for event in span.events] == ["exception"]


@every_way
def test_a_message_that_amqp_cannot_carry_is_refused_as_ever(vhost: AmqpUrl, spans: Spans, publish: Way) -> None:
    """In the same words, and as no part of a trace."""
    with active():
        outcome = publish(vhost, Message(body="text", routing_key="q"))  # type: ignore[arg-type]
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "the body must be bytes, not str"
    assert [span.name for span in spans.ended()] == ["sale"]


def test_attributes_tell_of_the_message(vhost: AmqpUrl, spans: Spans) -> None:
    """By the names of the semantic conventions."""
    message = Message(body=b"tea", exchange="amq.topic", routing_key="order.new", correlation_id="42")
    with active():
        in_async(one)(vhost, message)
    [span] = spans.named("publish amq.topic")
    attributes = dict(span.attributes or {})
    assert attributes.pop("error.type") == "Unroutable"
    assert attributes == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "amq.topic:order.new",
        "messaging.rabbitmq.destination.routing_key": "order.new",
        "messaging.message.id": message.message_id,
        "messaging.message.conversation_id": "42",
        "messaging.message.body.size": 3,
    }


@pytest.mark.usefixtures("spans")
def test_baggage_goes_along(vhost: AmqpUrl) -> None:
    """By the propagator that is set."""
    with active():
        token = context.attach(baggage.set_baggage("tenant", "a"))
        blocking(vhost, Message(body=b"", routing_key="q"))
        context.detach(token)
    assert arrived(vhost)["baggage"] == "tenant=a"


def test_what_is_not_sampled_is_said_to_be_so(vhost: AmqpUrl, spans: Spans) -> None:
    """The trace goes on, and nobody records it."""
    unsampled = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0))
    with trace.use_span(NonRecordingSpan(unsampled)):
        blocking(vhost, Message(body=b"", routing_key="q"))
    parent = arrived(vhost)["traceparent"]
    assert parent.startswith(f"00-{1:032x}-")
    assert parent.endswith("-00")
    assert spans.ended() == ()


def test_a_call_that_gave_up_before_it_was_sent_ends_its_span(spans: Spans) -> None:
    """With an error, as the message was not sent."""
    inbox = TracedInbox(Tracing(), lambda: None)
    call = Call(Message(body=b"", routing_key="q"))
    with active():
        inbox.put(call)
    assert call.withdraw()
    [submission] = inbox.take()
    assert not submission.begin()
    [span] = spans.named("publish q")
    assert span.status.status_code is StatusCode.ERROR


# -- left alone --


@every_way
def test_a_message_with_a_context_of_its_own_keeps_it(vhost: AmqpUrl, spans: Spans, publish: Way) -> None:
    """It is sent as it is."""
    own = {"traceparent": f"00-{7:032x}-{7:016x}-01"}
    with active():
        publish(vhost, Message(body=b"", routing_key="q", headers=own))
    assert arrived(vhost) == own
    assert spans.named("publish q") == []


@every_way
def test_no_trace_begins_here(vhost: AmqpUrl, spans: Spans, publish: Way) -> None:
    """Outside of a span, nothing is added."""
    publish(vhost, Message(body=b"", routing_key="q"))
    assert arrived(vhost) == {}
    assert spans.ended() == ()


@pytest.mark.usefixtures("spans")
def test_a_publisher_can_be_told_to_add_nothing(vhost: AmqpUrl) -> None:
    """Both of them."""

    async def scenario(message: Message) -> None:
        async with Publisher(vhost, trace=False) as publisher:
            await publisher.publish(message)

    message = Message(body=b"", routing_key="q")
    with active():
        asyncio.run(scenario(message))
        with BlockingPublisher(vhost, trace=False) as publisher:
            publisher.publish(replace(message))
    assert [delivery.headers for delivery in asyncio.run(drain(vhost, "q"))] == [{}, {}]
