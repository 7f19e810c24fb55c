"""Dead letters are sent again over a real broker, and none is lost on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from amqptool import AmqpUrl, BrokerError, Delivery, MemoryStore, Message, NotFound, Worker
from amqptool.dead.choice import Choice
from amqptool.dead.replay import Replay, ReplayReport, Target
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.faulty import faulty_line
from tests.support.monitoring import until

QUORUM = {"x-queue-type": "quorum"}


def fail(_delivery: Delivery) -> None:
    """Fail."""
    raise ValueError("broken")


async def die(url: AmqpUrl, messages: list[Message], store: MemoryStore | None = None) -> None:
    """Let messages for `q` become dead letters in `q.dead`."""
    await declare_queue(url, "q")
    await publish(url, messages)
    await Worker(url, "q", fail, dedup=store, dead_letter="q.dead", max_messages=len(messages)).serve()


async def replay(
    url: AmqpUrl, choice: Choice | None = None, target: Target | None = None, **settings: Any
) -> ReplayReport:
    """Replay what is meant of `q.dead`."""
    return await Replay(url, "q.dead", choice=choice or Choice(), target=target or Target(), **settings).run()


def numbered(count: int) -> list[Message]:
    """Make messages for `q`."""
    return [Message(body=b"%d" % number, routing_key="q", headers={"number": number}) for number in range(count)]


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    """Return what messages say, in their order."""
    return [delivery.body for delivery in deliveries]


def test_what_is_replayed_is_handled_again(amqptool_vhost: AmqpUrl) -> None:
    """Dedup lets it run again, in its first attempt, as its publisher sent it."""
    seen: list[Delivery] = []

    async def scenario() -> None:
        store = MemoryStore()
        [message] = numbered(1)
        await die(amqptool_vhost, [message], store)
        report = await replay(amqptool_vhost)
        assert report.replayed == {("", "q"): 1}
        await Worker(amqptool_vhost, "q", seen.append, dedup=store, max_messages=1).serve()
        assert [(each.message, each.attempt) for each in seen] == [(message, 1)]
        assert await queue_length(amqptool_vhost, "q.dead") == 0

    asyncio.run(scenario())


def test_only_what_is_meant_is_replayed_and_the_others_keep_their_places(amqptool_vhost: AmqpUrl) -> None:
    """Their order too."""

    async def scenario() -> None:
        messages = numbered(5)
        await die(amqptool_vhost, messages)
        report = await replay(amqptool_vhost, Choice(ids=[str(messages[each].message_id) for each in (1, 3)]))
        assert (report.looked_at, report.replayed.total(), report.returned) == (5, 2, 3)
        assert bodies(await drain(amqptool_vhost, "q")) == [b"1", b"3"]
        assert bodies(await drain(amqptool_vhost, "q.dead")) == [b"0", b"2", b"4"]

    asyncio.run(scenario())


def test_a_limit_is_kept(amqptool_vhost: AmqpUrl) -> None:
    """From the head of the queue."""

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(3))
        assert (await replay(amqptool_vhost, limit=2)).replayed.total() == 2
        assert bodies(await drain(amqptool_vhost, "q.dead")) == [b"2"]

    asyncio.run(scenario())


def test_a_dry_run_sends_nothing(amqptool_vhost: AmqpUrl) -> None:
    """It tells what would go where."""

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(3))
        report = await replay(amqptool_vhost, limit=2, dry_run=True)
        assert (report.replayed, report.returned) == ({("", "q"): 2}, 3)
        assert await queue_length(amqptool_vhost, "q") == 0
        assert bodies(await drain(amqptool_vhost, "q.dead")) == [b"0", b"1", b"2"]

    asyncio.run(scenario())


def test_what_no_queue_takes_stays_where_it_is(amqptool_vhost: AmqpUrl) -> None:
    """And is told, as a failure."""

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(2))
        report = await replay(amqptool_vhost, target=Target(routing_key="nowhere"))
        assert (report.replayed.total(), report.outcomes.failed) == (0, {"Unroutable": 2})
        assert await queue_length(amqptool_vhost, "q.dead") == 2

    asyncio.run(scenario())


def test_what_does_not_say_where_it_died_needs_a_target(amqptool_vhost: AmqpUrl) -> None:
    """As a message that somebody has published into the dead-letter queue."""

    async def scenario() -> None:
        for queue in ("q", "q.dead"):
            await declare_queue(amqptool_vhost, queue)
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q.dead")])
        assert (await replay(amqptool_vhost)).outcomes.failed == {"InputError": 1}
        assert (await replay(amqptool_vhost, target=Target(routing_key="q"))).replayed.total() == 1
        assert bodies(await drain(amqptool_vhost, "q")) == [b"x"]

    asyncio.run(scenario())


def test_an_exchange_that_is_not_there_ends_it(amqptool_vhost: AmqpUrl) -> None:
    """With everything in its place."""

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(2))
        with pytest.raises(NotFound, match="nowhere"):
            await replay(amqptool_vhost, target=Target("nowhere"))
        assert bodies(await drain(amqptool_vhost, "q.dead")) == [b"0", b"1"]

    asyncio.run(scenario())


def test_a_letter_whose_exchange_is_gone_is_in_nobodys_way(amqptool_vhost: AmqpUrl) -> None:
    """With a key alone, each goes to the exchange that it was published to."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q.dead")
        ways = ("gone", "", "gone", "")
        deaths: list[Any] = [
            [{"queue": "q", "reason": "expired", "exchange": way, "routing-keys": ["x"]}] for way in ways
        ]
        await publish(
            amqptool_vhost,
            [Message(body=b"x", routing_key="q.dead", headers={"x-death": each}) for each in deaths],
        )
        await declare_queue(amqptool_vhost, "q")
        report = await replay(amqptool_vhost, target=Target(routing_key="q"))
        assert (report.replayed, report.outcomes.failed) == ({("", "q"): 2}, {"NotFound": 2})
        assert await queue_length(amqptool_vhost, "q.dead") == 2

    asyncio.run(scenario())


def test_what_dies_again_meanwhile_is_not_replayed_again(amqptool_vhost: AmqpUrl) -> None:
    """A worker that still fails gets each once: it ends where the queue ended when it began."""

    async def scenario() -> None:
        messages = numbered(50)
        await die(amqptool_vhost, messages)
        worker = Worker(amqptool_vhost, "q", fail, dedup=None, dead_letter="q.dead")
        serving = asyncio.create_task(worker.serve())
        report = await replay(amqptool_vhost)
        assert report.replayed.total() == 50
        await until(lambda: worker.report.dead == 50)
        worker.stop()
        await serving
        assert await queue_length(amqptool_vhost, "q.dead") == 50

    asyncio.run(scenario())


@pytest.mark.parametrize("arguments", [{}, QUORUM])
def test_what_rabbitmq_has_dead_lettered_goes_back(amqptool_vhost: AmqpUrl, arguments: dict[str, str]) -> None:
    """To the queue in which it expired, of either type."""

    async def scenario() -> None:
        way = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q.dead", "x-message-ttl": 1}
        await declare_queue(amqptool_vhost, "brief", **way, **arguments)
        await declare_queue(amqptool_vhost, "q.dead", **arguments)
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="brief")])
        while not await queue_length(amqptool_vhost, "q.dead"):
            pass
        report = await replay(amqptool_vhost, Choice(reasons=["expired"], origins=["brief"]), dry_run=True)
        assert report.replayed == {("", "brief"): 1}

    asyncio.run(scenario())


def test_a_lost_connection_loses_no_message(amqptool_vhost: AmqpUrl) -> None:
    """Of what was confirmed a moment ago, both may be there; the same command goes on."""
    count = 3000

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(count))
        async with faulty_line(amqptool_vhost) as (line, url):
            replaying = Replay(url, "q.dead", choice=Choice(), target=Target())
            running = asyncio.create_task(replaying.run())
            await until(lambda: replaying.report.replayed.total() > 500)
            line.reset()
            with pytest.raises(BrokerError):
                await running
        await replay(amqptool_vhost)
        there = bodies(await drain(amqptool_vhost, "q"))
        assert set(there) == {b"%d" % number for number in range(count)}
        assert await queue_length(amqptool_vhost, "q.dead") == 0

    asyncio.run(scenario())


def test_a_rate_is_kept(amqptool_vhost: AmqpUrl) -> None:
    """It takes as long as the messages take at that rate, but for the first tenth of a second."""

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(30))
        started = asyncio.get_running_loop().time()
        await replay(amqptool_vhost, rate=100)
        assert asyncio.get_running_loop().time() - started >= 0.2

    asyncio.run(scenario())


def test_told_to_stop_it_lets_what_is_out_be_confirmed(amqptool_vhost: AmqpUrl) -> None:
    """Nothing is in both queues, and nothing in neither."""

    async def scenario() -> None:
        await die(amqptool_vhost, numbered(2000))
        replaying = Replay(amqptool_vhost, "q.dead", choice=Choice(), target=Target(), rate=1000)
        running = asyncio.create_task(replaying.run())
        await until(lambda: replaying.report.replayed.total() > 100)
        replaying.stop()
        report = await running
        there, left = bodies(await drain(amqptool_vhost, "q")), bodies(await drain(amqptool_vhost, "q.dead"))
        assert 100 < len(there) == report.replayed.total() < 2000
        assert sorted(there + left) == sorted(b"%d" % number for number in range(2000))

    asyncio.run(scenario())
