"""Connections that are lost while messages are in flight: everything is confirmed in the end, or known not to be.

A and C are rows of the fault catalogue.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from pika import spec

from amqptool import (
    AccessRefused,
    AmqpUrl,
    BrokerUnavailable,
    Confirmed,
    Failed,
    InDoubt,
    Message,
    Nacked,
    Outcome,
    Publisher,
    PublisherEvent,
)
from amqptool.broker import local
from amqptool.broker.local import Endpoint
from tests.support.broker import close_connections, declare_queue, drain
from tests.support.ctl import keep_declarations
from tests.support.fake_broker import Peer, fake_broker
from tests.support.faulty import FaultyLine, faulty_line


def to(queue: str, body: bytes = b"") -> Message:
    """Make a message to a queue."""
    return Message(body=body, routing_key=queue)


def numbered(count: int) -> list[Message]:
    """Make so many messages to `q`, each with its number as its body."""
    return [to("q", b"%d" % number) for number in range(count)]


def ack(peer: Peer, number: int) -> None:
    """Confirm a publish."""
    peer.send(spec.Basic.Ack(number, False))


def free_port() -> int:
    """Return a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        return int(reserved.getsockname()[1])


# -- a broker that plays a script --


def test_what_is_in_doubt_is_sent_again_with_its_id() -> None:
    """After a reconnect the same message goes out again, and its outcome says so."""
    peers: list[Peer] = []

    def lose_the_first(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) == 1:
            peer.hang_up()
        else:
            ack(peer, number)

    async def scenario() -> tuple[Message, Confirmed]:
        message = to("q")
        async with fake_broker(lose_the_first) as url, Publisher(url) as publisher:
            return message, await publisher.publish(message)

    message, confirmed = asyncio.run(scenario())
    assert confirmed.message is message
    assert confirmed.sends == 2


def test_what_was_confirmed_is_never_sent_again() -> None:
    """Only what is in doubt goes out again, in its old order, and before anything new."""
    received: list[tuple[int, str]] = []
    peers: list[Peer] = []

    def confirm_half(peer: Peer, number: int) -> None:
        if peer not in peers:
            peers.append(peer)
        connection = peers.index(peer)
        received.append((connection, peer.publish.routing_key))
        if connection == 1 or number in (1, 3):
            ack(peer, number)
        elif number == 6:
            asyncio.get_running_loop().call_soon(peer.hang_up)

    async def scenario() -> list[Outcome]:
        async with fake_broker(confirm_half) as url, Publisher(url, window_messages=6) as publisher:
            messages = [Message(body=b"", routing_key=str(number)) for number in range(1, 9)]
            return [outcome async for outcome in publisher.publish_many(messages)]

    outcomes = asyncio.run(scenario())
    assert all(isinstance(outcome, Confirmed) for outcome in outcomes)
    first = [key for connection, key in received if connection == 0]
    second = [key for connection, key in received if connection == 1]
    assert set(first) >= {"1", "2", "3", "4", "5", "6"}
    assert second == [str(number) for number in range(1, 9) if str(number) in second]
    assert not {"1", "3"} & set(second)
    assert {"2", "4", "5", "6"} <= set(second)


def test_a_message_without_an_id_is_not_sent_again() -> None:
    """Nobody could tell the repetition, so it ends in doubt; its neighbour is sent again."""
    peers: list[Peer] = []

    def lose_two(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) == 2:
            peer.hang_up()
        elif len(peers) > 2:
            ack(peer, number)

    async def scenario() -> list[Outcome]:
        messages = [Message(body=b"", message_id=None), Message(body=b"")]
        async with fake_broker(lose_two) as url, Publisher(url) as publisher:
            return [outcome async for outcome in publisher.publish_many(messages)]

    without, with_id = asyncio.run(scenario())
    assert isinstance(without, Failed)
    assert isinstance(without.error, InDoubt)
    assert isinstance(with_id, Confirmed)


def test_a_broker_that_never_confirms_is_given_up() -> None:
    """A9, C4: the deadline closes the channel, the message goes again, and ends in doubt when the time is over."""
    channels: list[Peer] = []

    async def scenario() -> None:
        terms = {"confirm_timeout": 0.2, "reconnect_timeout": 0.5}
        async with (
            fake_broker(lambda peer, _number: channels.append(peer)) as url,
            Publisher(url, **terms) as publisher,
        ):
            await publisher.publish(to("q"))

    with pytest.raises(InDoubt, match=r"no confirm within 0\.2 s"):
        asyncio.run(scenario())
    assert 2 <= len(channels) <= 3
    assert len(set(map(id, channels))) == len(channels)  # each time over another connection


def test_a_broker_that_confirms_too_late_is_not_believed() -> None:
    """C4: a confirm after the deadline comes on a channel that is closed, and confirms nothing."""
    peers: list[Peer] = []

    def late(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) > 1:
            asyncio.get_running_loop().call_later(0.05, ack, peers[0], 1)
            asyncio.get_running_loop().call_later(0.1, ack, peer, number)

    async def scenario() -> Confirmed:
        async with fake_broker(late) as url, Publisher(url, confirm_timeout=0.2) as publisher:
            return await publisher.publish(to("q"))

    assert asyncio.run(scenario()).sends == 2


@pytest.mark.parametrize(("tag", "multiple"), [(8, False), (8, True), (0, False)])
def test_an_ack_of_an_unknown_tag_is_a_doubt(tag: int, multiple: bool) -> None:
    """C6: the channel is not believed any more; what was in flight is sent again over another connection."""
    peers: list[Peer] = []

    def lie_once(peer: Peer, number: int) -> None:
        if peer not in peers:
            peers.append(peer)
        if peer is peers[0]:
            peer.send(spec.Basic.Ack(tag, multiple))
        ack(peer, number)

    async def scenario() -> Confirmed:
        async with fake_broker(lie_once) as url, Publisher(url) as publisher:
            return await publisher.publish(to("q"))

    assert asyncio.run(scenario()).sends == 2


def test_a_nacked_message_is_sent_again() -> None:
    """C3: up to the limit, with waits between; a later ack confirms it."""
    chances: list[float] = []

    def jitter() -> float:
        chances.append(1.0)
        return 1.0

    def third_time_lucky(peer: Peer, number: int) -> None:
        peer.send(spec.Basic.Ack(number, False) if number == 3 else spec.Basic.Nack(number, False, False))

    async def scenario() -> Confirmed:
        async with fake_broker(third_time_lucky) as url, Publisher(url, jitter=jitter) as publisher:
            return await publisher.publish(to("q"))

    confirmed = asyncio.run(scenario())
    assert (confirmed.sends, len(chances)) == (3, 2)
    assert confirmed.seconds >= (0.1 + 0.2) / 2


def test_a_message_that_is_always_nacked_fails() -> None:
    """C3: after the last retry it is nacked, and says how often."""

    async def scenario() -> None:
        def nack(peer: Peer, number: int) -> None:
            peer.send(spec.Basic.Nack(number, False, False))

        async with fake_broker(nack) as url, Publisher(url, nack_retries=2, jitter=lambda: 1.0) as publisher:
            await publisher.publish(to("q"))

    with pytest.raises(Nacked, match="3 times"):
        asyncio.run(scenario())


def test_a_full_queue_takes_what_was_nacked_when_there_is_room(amqptool_vhost: AmqpUrl) -> None:
    """C3: a queue that refuses publishes when full has them all in the end, if somebody takes from it."""

    async def scenario() -> tuple[list[Outcome], set[str | None]]:
        await declare_queue(amqptool_vhost, "q", **{"x-max-length": 5, "x-overflow": "reject-publish"})
        taken: set[str | None] = set()
        outcomes: list[Outcome] = []
        async with Publisher(amqptool_vhost, nack_retries=20, jitter=lambda: 1.0) as publisher:
            async for outcome in publisher.publish_many(numbered(30)):
                outcomes.append(outcome)
                if len(outcomes) % 5 == 0:
                    taken |= {delivery.message_id for delivery in await drain(amqptool_vhost, "q")}
        return outcomes, taken | {delivery.message_id for delivery in await drain(amqptool_vhost, "q")}

    outcomes, arrived = asyncio.run(scenario())
    assert all(isinstance(outcome, Confirmed) for outcome in outcomes)
    assert {outcome.message.message_id for outcome in outcomes} == arrived


# -- a broker that is not there --


def test_no_broker_at_first_is_an_error_at_once() -> None:
    """A13: nobody waits for a broker that has never been there."""

    async def scenario() -> None:
        async with Publisher(AmqpUrl(host="127.0.0.1", port=free_port())):
            raise AssertionError("it connected")

    with pytest.raises(BrokerUnavailable, match="connection refused"):
        asyncio.run(asyncio.wait_for(scenario(), 10))


def test_the_first_broker_that_answers_is_used(amqptool_vhost: AmqpUrl) -> None:
    """A24: a dead host before a living one costs nothing but the attempt."""

    async def scenario() -> Confirmed:
        await declare_queue(amqptool_vhost, "q")
        dead = f"amqp://127.0.0.1:{free_port()}"
        async with Publisher(f"{dead},{amqptool_vhost.reveal()}") as publisher:
            return await publisher.publish(to("q"))

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_another_broker_takes_over() -> None:
    """A24: when one is lost, what it left in doubt goes to the next."""

    async def scenario() -> tuple[Confirmed, list[int]]:
        taken: list[int] = []

        def take(peer: Peer, number: int) -> None:
            taken.append(number)
            ack(peer, number)

        async with (
            fake_broker(lambda peer, _number: peer.hang_up()) as first,
            fake_broker(take) as second,
            Publisher([first, second]) as publisher,
        ):
            return await publisher.publish(to("q")), taken

    confirmed, taken = asyncio.run(scenario())
    assert (confirmed.sends, taken) == (2, [1])


def test_a_broker_that_stays_away_ends_what_was_in_flight() -> None:
    """After the time for it, messages in flight are in doubt, and the one that waited for its turn was not sent."""

    async def scenario() -> tuple[list[Outcome], BrokerUnavailable]:
        gone = asyncio.Event()

        def leave(peer: Peer, number: int) -> None:
            if number == 2:
                peer.hang_up()
                gone.set()

        async def stop_listening() -> None:
            await gone.wait()
            await broker.__aexit__(None, None, None)

        broker = fake_broker(leave)
        url = await broker.__aenter__()
        outcomes: list[Outcome] = []
        async with Publisher(url, window_messages=2, reconnect_timeout=0.5, jitter=lambda: 1.0) as publisher:
            leaving = asyncio.create_task(stop_listening())
            with pytest.raises(BrokerUnavailable, match=r"no broker for 0\.5 s") as caught:
                async for outcome in publisher.publish_many(numbered(9)):
                    outcomes.append(outcome)
            with pytest.raises(BrokerUnavailable):  # at once: it is known to be away
                await asyncio.wait_for(publisher.publish(to("q")), 0.2)
            await leaving
        return outcomes, caught.value

    outcomes, _ = asyncio.run(scenario())
    failed = [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]
    assert [type(error) for error in failed] == [InDoubt, InDoubt, BrokerUnavailable]


def test_a_publisher_goes_on_when_the_broker_is_back(amqptool_vhost: AmqpUrl) -> None:
    """One that had given up can be used again: a service does not have to make another one."""

    async def scenario() -> Confirmed:
        await declare_queue(amqptool_vhost, "q")
        async with faulty_line(amqptool_vhost) as (line, url), Publisher(url, reconnect_timeout=0.0) as publisher:
            await publisher.publish(to("q"))
            line.cut()
            while True:
                try:
                    return await publisher.publish(to("q"))
                except (BrokerUnavailable, InDoubt):
                    await asyncio.sleep(0.01)

    assert isinstance(asyncio.run(scenario()), Confirmed)


def test_a_refused_reconnect_ends_it_for_good(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A15: when the broker comes back and refuses us, there is no loop of attempts."""
    from amqptool.broker.management import Management

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        async with Publisher(amqptool_vhost) as publisher:
            await publisher.publish(to("q"))
            async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
                await management.delete_vhost(amqptool_vhost.vhost)
            with pytest.raises(AccessRefused, match="NOT_ALLOWED"):
                while True:
                    await publisher.publish(to("q"))
            assert publisher.is_over
            async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
                await management._request("test", "PUT", "vhosts", amqptool_vhost.vhost, json={})

    asyncio.run(scenario())


# -- a line that fails --


async def publish_through(
    url: AmqpUrl, count: int, fault: Callable[[FaultyLine, int], None], **terms: float
) -> tuple[list[Outcome], list[str | None], FaultyLine]:
    """Publish over a faulty line, striking at every hundredth message; return outcomes and what has arrived."""
    await declare_queue(url, "q")
    messages = numbered(count)

    async with faulty_line(url) as (line, faulty_url), Publisher(faulty_url, window_messages=200, **terms) as publisher:

        async def with_faults() -> AsyncIterator[Message]:
            for number, message in enumerate(messages):
                if number % 100 == 50:
                    fault(line, number)
                yield message

        outcomes = [outcome async for outcome in publisher.publish_many(with_faults())]
    return outcomes, [delivery.message_id for delivery in await drain(url, "q")], line


def all_there(outcomes: list[Outcome], arrived: list[str | None], count: int) -> None:
    """Insist that every message was confirmed, and is in the queue."""
    assert [type(outcome) for outcome in outcomes] == [Confirmed] * count
    assert {outcome.message.message_id for outcome in outcomes} == set(arrived)


@pytest.mark.parametrize("strike", [FaultyLine.cut, FaultyLine.reset], ids=["cut", "reset"])
def test_a_line_that_breaks_loses_nothing(amqptool_vhost: AmqpUrl, strike: Callable[[FaultyLine], None]) -> None:
    """A4, A6: however often it breaks, every message is confirmed and in the queue."""
    outcomes, arrived, line = asyncio.run(
        publish_through(amqptool_vhost, 1000, lambda line, _number: strike(line), jitter=lambda: 1.0)  # type: ignore[arg-type]
    )
    all_there(outcomes, arrived, 1000)
    assert line.connections > 2


def test_a_line_that_falls_silent_loses_nothing(amqptool_vhost: AmqpUrl) -> None:
    """A7: the confirm deadline notices what no reset tells."""

    def silence_once(line: FaultyLine, number: int) -> None:
        if number == 150:
            line.silence()

    outcomes, arrived, line = asyncio.run(publish_through(amqptool_vhost, 400, silence_once, confirm_timeout=1.0))
    all_there(outcomes, arrived, 400)
    assert line.connections == 2


def test_a_slow_line_is_only_slow(amqptool_vhost: AmqpUrl) -> None:
    """A8: small chunks and delays are no error, and nothing is sent twice."""

    def slow_down(line: FaultyLine, _number: int) -> None:
        line.delay, line.slice = 0.002, 997

    outcomes, arrived, line = asyncio.run(publish_through(amqptool_vhost, 300, slow_down))
    all_there(outcomes, arrived, 300)
    assert (len(arrived), line.connections) == (300, 1)


def test_an_operator_who_closes_the_connection_is_no_end(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A4, A5: CONNECTION_FORCED is a loss like any other, and the log says whose words they were."""
    events: list[PublisherEvent] = []

    async def scenario() -> tuple[list[Outcome], list[str | None]]:
        await declare_queue(amqptool_vhost, "q")
        outcomes: list[Outcome] = []
        async with Publisher(amqptool_vhost, on_event=events.append) as publisher:
            outcomes += [outcome async for outcome in publisher.publish_many(numbered(100))]
            await close_connections(amqptool_node, amqptool_vhost)
            outcomes += [outcome async for outcome in publisher.publish_many(numbered(100))]
        return outcomes, [delivery.message_id for delivery in await drain(amqptool_vhost, "q")]

    outcomes, arrived = asyncio.run(scenario())
    all_there(outcomes, arrived, 200)
    assert [event.name for event in events] == ["lost", "reconnected"]
    assert "CONNECTION_FORCED" in events[0].text


def test_a_broker_that_is_killed_loses_nothing_that_was_confirmed(
    mortal_node: local.RunningNode, mortal_vhost: AmqpUrl
) -> None:
    """A1: killed twice under load and started again, it has every message, in its queue and in our books."""

    async def scenario(node: local.RunningNode, url: AmqpUrl) -> tuple[list[Outcome], list[str | None]]:
        await declare_queue(url, "q")
        await asyncio.to_thread(keep_declarations, node)
        outcomes: list[Outcome] = []

        async def kill_and_start() -> None:
            await asyncio.to_thread(local.kill, node.directory)
            await asyncio.to_thread(local.start, node.directory)

        async def messages() -> AsyncIterator[Message]:
            for number, message in enumerate(numbered(3000)):
                if number in (1000, 2000):
                    killing.append(asyncio.create_task(kill_and_start()))
                yield message
                if killing and not killing[-1].done() and number % 50 == 0:
                    await asyncio.sleep(0.01)

        killing: list[asyncio.Task[None]] = []
        async with Publisher(url, window_messages=500) as publisher:
            outcomes += [outcome async for outcome in publisher.publish_many(messages())]
        await asyncio.gather(*killing)
        return outcomes, [delivery.message_id for delivery in await drain(url, "q")]

    outcomes, arrived = asyncio.run(scenario(mortal_node, mortal_vhost))
    all_there(outcomes, arrived, 3000)
