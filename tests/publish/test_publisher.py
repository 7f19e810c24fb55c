"""The publisher against a real broker, and against a scripted one for what a real one will not do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from pika import spec

from amqptool import (
    AmqpUrl,
    Confirmed,
    Failed,
    InDoubt,
    InputError,
    Message,
    Nacked,
    NotFound,
    Outcome,
    Publisher,
    Unroutable,
)
from amqptool.errors import BrokerBlocked
from tests.support.broker import declare_queue, queue_length
from tests.support.fake_broker import Peer, fake_broker

#: Terms under which a message in doubt is never sent again.
AT_ONCE = {"reconnect_timeout": 0.0}


async def outcomes_of(publisher: Publisher, messages: list[Message]) -> dict[str | None, Outcome]:
    """Publish messages and return what became of each, by id."""
    async with publisher:
        return {outcome.message.message_id: outcome async for outcome in publisher.publish_many(messages)}


def test_a_message_is_confirmed(amqptool_vhost: AmqpUrl) -> None:
    """A message that a durable queue took is confirmed, and the outcome carries it."""

    async def scenario() -> Confirmed:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            return await publisher.publish(Message(body=b"hello", routing_key="q"))

    confirmed = asyncio.run(scenario())
    assert confirmed.message.body == b"hello"
    assert 0 < confirmed.seconds < 30


def test_an_unroutable_message_is_told_from_its_neighbours(amqptool_vhost: AmqpUrl) -> None:
    """Of many messages in flight, exactly those that no queue took are unroutable."""

    async def scenario() -> dict[str | None, Outcome]:
        await declare_queue(amqptool_vhost, "q")
        messages = [Message(body=b"%d" % n, routing_key="q" if n % 3 else "nowhere") for n in range(300)]
        return await outcomes_of(Publisher(amqptool_vhost), messages)

    outcomes = asyncio.run(scenario())
    assert len(outcomes) == 300
    for outcome in outcomes.values():
        if outcome.message.routing_key == "q":
            assert isinstance(outcome, Confirmed)
        else:
            assert isinstance(outcome, Failed)
            assert isinstance(outcome.error, Unroutable)
            assert "'nowhere'" in str(outcome.error)


def test_an_unroutable_message_is_confirmed_when_not_mandatory(amqptool_vhost: AmqpUrl) -> None:
    """Without `mandatory` the broker confirms what no queue took, and so do we."""

    async def scenario() -> Confirmed:
        async with Publisher(amqptool_vhost, mandatory=False) as publisher:
            return await publisher.publish(Message(body=b"", routing_key="nowhere"))

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_a_full_queue_nacks(amqptool_vhost: AmqpUrl) -> None:
    """A queue that refuses publishes when full makes its message nacked, not lost."""

    async def scenario() -> dict[str | None, Outcome]:
        await declare_queue(amqptool_vhost, "q", **{"x-max-length": 1, "x-overflow": "reject-publish"})
        messages = [Message(body=b"", routing_key="q") for _ in range(5)]
        return await outcomes_of(Publisher(amqptool_vhost, nack_retries=0), messages)

    failed = [outcome for outcome in asyncio.run(scenario()).values() if isinstance(outcome, Failed)]
    assert failed
    assert all(isinstance(outcome.error, Nacked) for outcome in failed)


def test_an_unknown_exchange_is_not_found(amqptool_vhost: AmqpUrl) -> None:
    """Publishing to an exchange that does not exist says so, with the broker's words."""

    async def scenario() -> None:
        async with Publisher(amqptool_vhost) as publisher:
            await publisher.publish(Message(body=b"", exchange="nope"))

    with pytest.raises(NotFound, match="no exchange 'nope'"):
        asyncio.run(scenario())


def test_an_unknown_exchange_leaves_nothing_in_doubt(amqptool_vhost: AmqpUrl) -> None:
    """It is looked for before anything is sent to it, so everything before it is confirmed, and only it has failed."""

    async def scenario() -> list[Outcome]:
        await declare_queue(amqptool_vhost, "q")
        messages = [Message(body=b"", routing_key="q") for _ in range(3)]
        messages.append(Message(body=b"", exchange="nope"))
        outcomes: list[Outcome] = []
        async with Publisher(amqptool_vhost) as publisher:
            with pytest.raises(NotFound, match="no exchange 'nope'"):
                async for outcome in publisher.publish_many(messages):
                    outcomes.append(outcome)
            outcomes.append(await publisher.publish(Message(body=b"", routing_key="q")))
        return outcomes

    outcomes = asyncio.run(scenario())
    assert Counter(type(outcome) for outcome in outcomes) == {Confirmed: 4, Failed: 1}
    assert [outcome.message.exchange for outcome in outcomes if isinstance(outcome, Failed)] == ["nope"]


def test_a_message_that_amqp_cannot_carry_is_refused_and_the_publisher_goes_on(
    amqptool_vhost: AmqpUrl,
) -> None:
    """A bad field is named in an InputError, and the next message is confirmed."""

    async def scenario() -> Confirmed:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            with pytest.raises(InputError, match="priority"):
                await publisher.publish(Message(body=b"", routing_key="q", priority=300))
            with pytest.raises(InputError, match="expiration"):
                await publisher.publish(Message(body=b"", routing_key="q", expiration="soon"))
            return await publisher.publish(Message(body=b"", routing_key="q"))

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_the_window_bounds_what_is_in_flight(amqptool_vhost: AmqpUrl) -> None:
    """Never more messages are in flight than the window allows, and all are confirmed in the end."""

    async def scenario() -> tuple[int, int]:
        await declare_queue(amqptool_vhost, "q")
        most, confirmed = 0, 0
        async with Publisher(amqptool_vhost, window_messages=7) as publisher:

            async def messages() -> AsyncIterator[Message]:
                nonlocal most
                for _ in range(500):
                    most = max(most, publisher.in_flight)
                    yield Message(body=b"x", routing_key="q")

            async for outcome in publisher.publish_many(messages()):
                confirmed += isinstance(outcome, Confirmed)
        return most, confirmed

    assert asyncio.run(scenario()) == (7, 500)


def test_an_error_of_the_input_comes_after_the_outcomes_of_all_before_it(amqptool_vhost: AmqpUrl) -> None:
    """When the stream of messages fails, everything sent before is confirmed first."""

    async def broken() -> AsyncIterator[Message]:
        for _ in range(20):
            yield Message(body=b"x", routing_key="q")
        raise InputError("line 21 is broken")

    async def scenario() -> int:
        await declare_queue(amqptool_vhost, "q")
        confirmed = 0
        async with Publisher(amqptool_vhost) as publisher:
            with pytest.raises(InputError, match="line 21"):
                async for outcome in publisher.publish_many(broken()):
                    confirmed += isinstance(outcome, Confirmed)
        return confirmed

    assert asyncio.run(scenario()) == 20


def test_tasks_share_one_publisher(amqptool_vhost: AmqpUrl) -> None:
    """Concurrent tasks each get the outcome of their own message."""

    async def scenario() -> list[bytes]:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            confirmed = await asyncio.gather(
                *(publisher.publish(Message(body=b"%d" % n, routing_key="q")) for n in range(200))
            )
        return [each.message.body for each in confirmed]

    assert asyncio.run(scenario()) == [b"%d" % n for n in range(200)]


def test_no_confirm_within_the_deadline_is_in_doubt() -> None:
    """A broker that stays silent leaves the message in doubt after the deadline, not forever."""

    def silent(_peer: Peer, _number: int) -> None:
        return

    async def scenario() -> None:
        async with fake_broker(silent) as url, Publisher(url, **AT_ONCE, confirm_timeout=0.2) as publisher:
            await publisher.publish(Message(body=b"", routing_key="q"))

    with pytest.raises(InDoubt, match=r"no confirm within 0\.2 s"):
        asyncio.run(scenario())


def test_a_confirm_of_something_never_sent_ends_the_channel() -> None:
    """A broker that confirms a tag that was not published is not believed."""

    def lie(peer: Peer, number: int) -> None:
        peer.send(spec.Basic.Ack(number + 7, False))

    async def scenario() -> None:
        async with fake_broker(lie) as url, Publisher(url, **AT_ONCE) as publisher:
            await publisher.publish(Message(body=b"", routing_key="q"))

    with pytest.raises(InDoubt, match="was not sent"):
        asyncio.run(scenario())


def test_out_of_order_and_multiple_confirms_settle_their_own_messages() -> None:
    """Acks and nacks in any order reach the messages they are about."""

    def shuffled(peer: Peer, number: int) -> None:
        if number == 5:
            peer.send(spec.Basic.Nack(4, False, False))
            peer.send(spec.Basic.Ack(2, True))
            peer.send(spec.Basic.Ack(5, False))
            peer.send(spec.Basic.Ack(3, False))

    async def scenario() -> dict[str | None, Outcome]:
        messages = [Message(body=b"", message_id=str(number)) for number in range(1, 6)]
        async with fake_broker(shuffled) as url:
            return await outcomes_of(Publisher(url, nack_retries=0), messages)

    outcomes = asyncio.run(scenario())
    assert {key for key, outcome in outcomes.items() if isinstance(outcome, Confirmed)} == {
        "1",
        "2",
        "3",
        "5",
    }
    nacked = outcomes["4"]
    assert isinstance(nacked, Failed)
    assert isinstance(nacked.error, Nacked)


def test_an_alarm_is_waited_for_and_then_over() -> None:
    """A message published while the broker is blocked is confirmed later, past the confirm deadline."""

    def blocked_for_a_while(peer: Peer, number: int) -> None:
        peer.send(spec.Connection.Blocked("low on memory"), channel=0)

        def unblock() -> None:
            peer.send(spec.Connection.Unblocked(), channel=0)
            peer.send(spec.Basic.Ack(number, False))

        asyncio.get_running_loop().call_later(0.6, unblock)

    async def scenario() -> Confirmed:
        async with fake_broker(blocked_for_a_while) as url, Publisher(url, confirm_timeout=0.2) as publisher:
            return await publisher.publish(Message(body=b"", routing_key="q"))

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_an_alarm_that_lasts_is_given_up() -> None:
    """A broker that stays blocked leaves the message in doubt, naming the alarm."""

    def blocked(peer: Peer, _number: int) -> None:
        peer.send(spec.Connection.Blocked("low on disk"), channel=0)

    async def scenario() -> None:
        async with fake_broker(blocked) as url, Publisher(url, blocked_timeout=0.2) as publisher:
            with pytest.raises(InDoubt, match="low on disk"):
                await publisher.publish(Message(body=b"", routing_key="q"))

    asyncio.run(scenario())


def test_a_body_must_be_bytes(amqptool_vhost: AmqpUrl) -> None:
    """Text is refused: its return could not be told from another's."""

    async def scenario() -> None:
        async with Publisher(amqptool_vhost) as publisher:
            await publisher.publish(Message(body="text", routing_key="nowhere"))  # type: ignore[arg-type]

    with pytest.raises(InputError, match="body must be bytes"):
        asyncio.run(scenario())


def test_a_body_that_is_no_bytes_is_an_outcome_when_told_so(amqptool_vhost: AmqpUrl) -> None:
    """With `skip_refused`, text or nothing for a body leaves the other messages alone."""

    async def scenario() -> list[Outcome]:
        messages = [Message(body=body, routing_key="nowhere") for body in ("text", None, b"")]  # type: ignore[arg-type]
        async with Publisher(amqptool_vhost, mandatory=False) as publisher:
            return [outcome async for outcome in publisher.publish_many(messages, skip_refused=True)]

    outcomes = asyncio.run(scenario())
    assert Counter(type(outcome) for outcome in outcomes) == {Failed: 2, Confirmed: 1}


def test_a_return_of_something_never_sent_ends_the_channel() -> None:
    """A return that fits nothing in flight is not passed over: the confirm behind it could be anybody's."""

    def confuse(peer: Peer, _number: int) -> None:
        peer.send_content(spec.Basic.Return(312, "NO_ROUTE", "elsewhere", "k"), b"what?")
        peer.send(spec.Basic.Ack(1, False))

    async def scenario() -> None:
        async with fake_broker(confuse) as url, Publisher(url, **AT_ONCE) as publisher:
            await publisher.publish(Message(body=b"", routing_key="q"))

    with pytest.raises(InDoubt, match="returned a message that was not sent"):
        asyncio.run(scenario())


def test_a_slow_taker_of_outcomes_slows_the_publishing(amqptool_vhost: AmqpUrl) -> None:
    """What was confirmed and not yet taken is bounded like what is in flight."""
    drawn = 0

    async def scenario() -> list[int]:
        nonlocal drawn

        async def messages() -> AsyncIterator[Message]:
            nonlocal drawn
            for _ in range(500):
                drawn += 1
                yield Message(body=b"x", routing_key="q")

        await declare_queue(amqptool_vhost, "q")
        ahead: list[int] = []
        async with Publisher(amqptool_vhost, window_messages=10) as publisher:
            taken = 0
            async for _ in publisher.publish_many(messages()):
                taken += 1
                await queue_length(amqptool_vhost, "q") if taken < 10 else None
                ahead.append(drawn - taken)
        return ahead

    ahead = asyncio.run(scenario())
    assert len(ahead) == 500
    assert max(ahead) <= 21


def test_a_publisher_is_used_while_it_is_open(amqptool_vhost: AmqpUrl) -> None:
    """Before, after and twice are mistakes that are told."""

    async def scenario() -> None:
        publisher = Publisher(amqptool_vhost)
        with pytest.raises(RuntimeError, match="async with"):
            await publisher.publish(Message(body=b""))
        async with publisher:
            pass
        with pytest.raises(RuntimeError, match="async with"):
            await publisher.publish(Message(body=b""))
        with pytest.raises(RuntimeError, match="opened once"):
            await publisher.open()

    asyncio.run(scenario())


def test_leaving_the_outcomes_early_leaves_the_publisher_usable(amqptool_vhost: AmqpUrl) -> None:
    """A caller that breaks out of publish_many can go on with the same publisher."""

    async def scenario() -> Confirmed:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            outcomes = publisher.publish_many(Message(body=b"x", routing_key="q") for _ in range(100))
            async for _ in outcomes:
                break
            await outcomes.aclose()  # type: ignore[attr-defined]
            return await publisher.publish(Message(body=b"", routing_key="q"))

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_no_message_is_taken_after_the_outcomes_were_left() -> None:
    """A caller that fails while it looks at an outcome has nothing more taken of its stream."""

    async def scenario() -> tuple[int, int]:
        taken = taken_when_left = 0

        async def messages() -> AsyncIterator[Message]:
            nonlocal taken
            while True:
                taken += 1
                yield Message(body=b"")

        def script(peer: Peer, number: int) -> None:
            peer.send(spec.Basic.Ack(number, False))

        async with fake_broker(script) as url, Publisher(url) as publisher:
            with pytest.raises(ZeroDivisionError):
                async for _ in publisher.publish_many(messages()):
                    taken_when_left = taken
                    raise ZeroDivisionError
        return taken_when_left, taken

    taken_when_left, taken = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert taken == taken_when_left > 0


def test_an_alarm_ends_the_look_for_an_exchange_too() -> None:
    """A blocked broker answers nothing at all; the publish that waits for it ends with the alarm's deadline."""

    def blocked(peer: Peer, _number: int) -> None:
        peer.send(spec.Connection.Blocked("low on memory"), channel=0)

    async def scenario() -> None:
        async with fake_broker(blocked) as url, Publisher(url, blocked_timeout=0.2) as publisher:
            first = asyncio.create_task(publisher.publish(Message(body=b"", routing_key="q")))
            while not publisher.in_flight:
                await asyncio.sleep(0)
            with pytest.raises(BrokerBlocked, match="low on memory"):
                await publisher.publish(Message(body=b"", exchange="never-answered"))
            with pytest.raises(InDoubt):
                await first

    asyncio.run(scenario())
