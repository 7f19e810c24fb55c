"""Routing beside the broker: random topologies are declared on the real node, and the same queues get each message.

AMQPTOOL_DIFFERENTIAL=N publishes at least N messages.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings

from amqptool.broker.amqp import Channel, Connection
from amqptool.message import Delivery, FieldValue, Message, Returned
from amqptool.settings.url import AmqpUrl
from amqptool.topology.model import Binding, Exchange, Queue, Topology
from amqptool.topology.routing import Router
from tests.topology.routing.generate import QUEUES, TABLES, VALUES, cases

#: Read at import: no test sees the user's settings.
PUBLISHES = int(os.environ.get("AMQPTOOL_DIFFERENTIAL", "2000"))
#: Messages to one topology.
BATCH = 25


class Probe:
    """Publishes to a broker and tells which queues got what. All topologies have the same queues, which stay."""

    def __init__(self, connection: Connection, queues: Sequence[str]) -> None:
        self._connection = connection
        self._queues = queues
        self._channel: Channel
        self._published = 0
        #: Tags of the channel that wait for their confirm.
        self._unconfirmed: set[int] = set()
        self._confirmed = asyncio.Event()
        self._returned: set[str] = set()
        #: For each message, where it arrived: a queue that got it twice stands there twice.
        self._arrived: dict[str, list[str]] = {}
        self._ended: dict[str, asyncio.Event] = {}

    @property
    def release(self) -> tuple[int, int]:
        """The broker's release."""
        found = re.match(r"(\d+)\.(\d+)", str(self._connection._raw.server_properties["version"]))
        assert found
        return int(found[1]), int(found[2])

    async def open(self) -> None:
        """Declare the queues and consume them."""
        await self._open_channel()
        consumer = await self._connection.channel()
        for queue in self._queues:
            await self._channel.declare_queue(queue)
            self._ended[queue] = asyncio.Event()
            await consumer.consume(queue, self._receiver(consumer, queue), lambda: None, prefetch=1000)

    async def _open_channel(self) -> None:
        self._channel = await self._connection.channel()
        self._published = 0
        self._unconfirmed.clear()
        await self._channel.select_confirms(self._on_confirm, self._on_returned)

    def _receiver(self, consumer: Channel, queue: str) -> Callable[[Delivery], None]:
        def arrived(delivery: Delivery) -> None:
            consumer.ack(delivery.delivery_tag)
            if delivery.message.type == "end":
                self._ended[queue].set()
            else:
                self._arrived.setdefault(str(delivery.message.correlation_id), []).append(queue)

        return arrived

    def _on_confirm(self, tag: int, multiple: bool, accepted: bool) -> None:
        assert accepted
        self._unconfirmed -= {sent for sent in self._unconfirmed if sent == tag or (multiple and sent < tag)}
        if not self._unconfirmed:
            self._confirmed.set()

    def _on_returned(self, returned: Returned) -> None:
        self._returned.add(str(returned.message.correlation_id))

    async def publish(self, topology: Topology, batch: Sequence[Message]) -> list[list[str]]:
        """Return the queues that each message reaches, as often as they get it; others must have come back."""
        if not self._channel.is_open:
            await self._open_channel()
        try:
            await self._declare(topology)
            await self._send(batch)
        finally:
            await self._undo(topology)
        reached = [sorted(self._arrived.pop(str(number), [])) for number in range(len(batch))]
        assert self._returned == {str(number) for number, queues in enumerate(reached) if not queues}
        return reached

    async def _declare(self, topology: Topology) -> None:
        channel = self._channel
        for exchange in topology.exchanges:
            await channel.declare_exchange(
                exchange.name, exchange.type, internal=exchange.internal, arguments=exchange.arguments
            )
        for binding in topology.bindings:
            bind = channel.bind_queue if binding.destination_type == "queue" else channel.bind_exchange
            await bind(binding.source, binding.destination, binding.routing_key, binding.arguments)

    async def _send(self, batch: Sequence[Message]) -> None:
        self._arrived.clear()
        self._returned.clear()
        for number, message in enumerate(batch):
            self._publish(replace(message, correlation_id=str(number)))
        for queue in self._queues:  # what a queue got before this has arrived when this arrives
            self._ended[queue].clear()
            self._publish(Message(body=b"", routing_key=queue, type="end"))
        waiting = [self._confirmed.wait(), *(ended.wait() for ended in self._ended.values())]
        async with asyncio.timeout(30):
            everything = asyncio.gather(*waiting)
            await asyncio.wait({everything, self._channel.closed}, return_when=asyncio.FIRST_COMPLETED)
        if self._channel.closed.done():
            everything.cancel()
            raise self._channel.closed.result()

    def _publish(self, message: Message) -> None:
        self._confirmed.clear()
        self._published += 1
        self._unconfirmed.add(self._published)
        self._channel.publish(message)

    async def _undo(self, topology: Topology) -> None:
        """Delete the exchanges, and the bindings that do not go with them."""
        channel = await self._connection.channel() if not self._channel.is_open else self._channel
        declared = {exchange.name for exchange in topology.exchanges}
        for binding in topology.bindings:
            if binding.source not in declared:
                unbind = channel.unbind_queue if binding.destination_type == "queue" else channel.unbind_exchange
                await unbind(binding.source, binding.destination, binding.routing_key, binding.arguments)
        for name in declared:
            await channel.delete_exchange(name)


@contextmanager
def probing(url: AmqpUrl, queues: Sequence[str]) -> Iterator[tuple[Probe, asyncio.Runner]]:
    """Give a probe, and the runner of its event loop."""
    with asyncio.Runner() as runner:

        async def start() -> tuple[Connection, Probe]:
            connection = await Connection.open(url)
            probe = Probe(connection, queues)
            await probe.open()
            return connection, probe

        connection, probe = runner.run(start())
        try:
            yield probe, runner
        finally:
            runner.run(connection.close())


def compare(probe: Probe, runner: asyncio.Runner, topology: Topology, batch: Sequence[Message]) -> None:
    """Publish messages and insist that each goes where routing says."""
    router = Router(topology, rabbitmq=probe.release)
    reached = runner.run(probe.publish(topology, batch))
    for message, queues in zip(batch, reached, strict=True):
        routed = router.route(message.exchange, message.routing_key, message.headers)
        assert (message, list(routed.queues)) == (message, queues)


@pytest.mark.timeout(420 + PUBLISHES // 10)  # where they differ, hypothesis looks up to 300 s for a small example
def test_the_broker_routes_alike(amqptool_vhost: AmqpUrl, record_property: Callable[[str, object], None]) -> None:
    """Each queue gets a message once, or not at all, as routing says; what reaches none comes back."""
    published = 0

    with probing(amqptool_vhost, QUEUES) as (probe, runner):

        @settings(max_examples=ceil(PUBLISHES / BATCH), deadline=None, suppress_health_check=list(HealthCheck))
        @given(cases(BATCH))
        def compare_one(case: tuple[Topology, list[Message]]) -> None:
            nonlocal published
            compare(probe, runner, *case)
            published += len(case[1])

        compare_one()
    print(f"{published:,} messages went where routing says")
    record_property("published", published)
    assert published >= PUBLISHES


def one_each(kind: str, bindings: Sequence[Binding]) -> Topology:
    """Make a topology of one exchange; its bindings are to queues of their own."""
    queues = tuple(Queue(name=f"q{number}") for number in range(len(bindings)))
    bound = tuple(replace(binding, destination=queue.name) for binding, queue in zip(bindings, queues, strict=True))
    return Topology(exchanges=(Exchange(name="x", type=kind),), queues=queues, bindings=bound)


def words(alphabet: str, longest: int) -> list[str]:
    """Make all keys of up to so many words; `-` is the empty word."""
    lists = (product(alphabet, repeat=length) for length in range(longest + 1))
    return [".".join(key).replace("-", "") for keys in lists for key in keys]


def test_every_short_pattern_and_key(amqptool_vhost: AmqpUrl) -> None:
    """With the empty word, in all places."""
    patterns = [Binding(source="x", destination="", routing_key=pattern) for pattern in set(words("-a*#", 3))]
    topology = one_each("topic", patterns)
    batch = [Message(body=b"", exchange="x", routing_key=key) for key in set(words("-ab", 4))]
    with probing(amqptool_vhost, [queue.name for queue in topology.queues]) as (probe, runner):
        compare(probe, runner, topology, batch)


def test_every_way_of_asking_for_headers(amqptool_vhost: AmqpUrl) -> None:
    """With every x-match, headers that begin with x-, and those that hold routing keys."""
    modes: list[dict[str, FieldValue]] = [
        {},
        *({"x-match": mode} for mode in ("all", "any", "all-with-x", "any-with-x")),
    ]
    topology = one_each(
        "headers", [Binding(source="x", destination="", arguments=mode | table) for mode in modes for table in TABLES]
    )
    batch = [
        Message(body=b"", exchange="x", headers=table | more) for table in TABLES for more in ({}, {"x-match": "any"})
    ]
    with probing(amqptool_vhost, [queue.name for queue in topology.queues]) as (probe, runner):
        compare(probe, runner, topology, batch)


def test_every_pair_of_header_values(amqptool_vhost: AmqpUrl) -> None:
    """Equal, nearly equal and of another type, in a binding and in a message."""
    topology = one_each("headers", [Binding(source="x", destination="", arguments={"h": value}) for value in VALUES])
    batch = [Message(body=b"", exchange="x", headers={"h": value}) for value in VALUES]
    with probing(amqptool_vhost, [queue.name for queue in topology.queues]) as (probe, runner):
        compare(probe, runner, topology, batch)
