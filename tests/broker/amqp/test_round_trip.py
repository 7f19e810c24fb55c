"""Header tables of other clients, through the broker into a record and out again: nothing is lost on the way."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool import AmqpUrl, Delivery, InputError, Message
from amqptool.broker.amqp import connect
from amqptool.carried import check_message
from amqptool.message import LAST_SECOND, FarTimestamp
from amqptool.records import delivery_to_line, record_from_line
from tests.support.broker import declare_queue
from tests.support.raw_client import RawClient, nested, raw_client, table

#: An encoded value, and what it is in Python.
Field = tuple[bytes, Any]


def _integers(kind: bytes, form: str, low: int, high: int) -> st.SearchStrategy[Field]:
    return st.integers(low, high).map(lambda number: (kind + struct.pack(f">{form}", number), number))


def _timed(seconds: int) -> Field:
    moment = datetime.fromtimestamp(seconds, UTC) if seconds <= LAST_SECOND else FarTimestamp(seconds)
    return b"T" + struct.pack(">Q", seconds), moment


def _sized(kind: bytes, content: bytes, value: Any) -> Field:
    return kind + struct.pack(">I", len(content)) + content, value


def _array(items: list[Field]) -> Field:
    return _sized(b"A", b"".join(encoded for encoded, _ in items), [value for _, value in items])


def _table(items: dict[str, Field]) -> Field:
    encoded = table(*((name.encode(), encoded) for name, (encoded, _) in items.items()))
    return b"F" + encoded, {name: value for name, (_, value) in items.items()}


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(["$bytes", "$text", "$table"])
#: Every type of RabbitMQ's errata, as any client may write it.
SCALARS = st.one_of(
    st.just((b"V", None)),
    st.booleans().map(lambda flag: (b"t" + bytes([flag]), flag)),
    _integers(b"b", "b", -(2**7), 2**7 - 1),
    _integers(b"B", "B", 0, 2**8 - 1),
    _integers(b"s", "h", -(2**15), 2**15 - 1),
    _integers(b"u", "H", 0, 2**16 - 1),
    _integers(b"I", "i", -(2**31), 2**31 - 1),
    _integers(b"i", "I", 0, 2**32 - 1),
    _integers(b"l", "q", -(2**63), 2**63 - 1),
    _integers(b"L", "q", -(2**63), 2**63 - 1),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda x: (b"f" + struct.pack(">f", x), x)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: (b"d" + struct.pack(">d", x), x)),
    st.builds(
        lambda decimals, number: (b"D" + struct.pack(">Bi", decimals, number), Decimal(number).scaleb(-decimals)),
        st.integers(0, 255),
        st.integers(-(2**31), 2**31 - 1),
    ),
    st.integers(0, 2**64 - 1).map(_timed) | st.integers(0, LAST_SECOND).map(_timed),
    st.binary(max_size=30).map(lambda raw: _sized(b"S", raw, raw.decode("utf-8", "surrogateescape"))),
    st.binary(max_size=30).map(lambda raw: _sized(b"x", raw, raw)),
)
FIELDS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4).map(_array) | st.dictionaries(NAMES, inner, max_size=4).map(_table),
    max_leaves=15,
)
HEADERS = st.dictionaries(NAMES, FIELDS, max_size=5).map(_table)


class Echo:
    """A queue that gives back what was published to it."""

    def __init__(self, raw: RawClient, publish: Callable[[Message], None], arrived: asyncio.Queue[Delivery]) -> None:
        self._raw = raw
        self._publish = publish
        self._arrived = arrived

    async def encoded(self, headers: bytes) -> Delivery:
        """Publish an encoded header table as another client would."""
        await self._raw.publish("q", headers)
        return await asyncio.wait_for(self._arrived.get(), 30)

    async def message(self, message: Message) -> Delivery:
        """Publish a message of ours."""
        self._publish(message)
        return await asyncio.wait_for(self._arrived.get(), 30)


@asynccontextmanager
async def _echo(url: AmqpUrl) -> AsyncIterator[Echo]:
    await declare_queue(url, "q")
    arrived: asyncio.Queue[Delivery] = asyncio.Queue()
    async with raw_client(url) as raw, connect(url) as connection:
        channel = await connection.channel()

        def on_delivery(delivery: Delivery) -> None:
            channel.ack(delivery.delivery_tag)
            arrived.put_nowait(delivery)

        await channel.consume("q", on_delivery, lambda: None, prefetch=10)
        yield Echo(raw, channel.publish, arrived)


@contextmanager
def echo(url: AmqpUrl) -> Iterator[Callable[[Callable[[Echo], Awaitable[Any]]], Any]]:
    """Return a function that runs coroutines with an echo that stays."""
    with asyncio.Runner() as runner:
        resource = _echo(url)
        opened = runner.run(resource.__aenter__())
        try:
            yield lambda use: runner.run(use(opened))
        finally:
            runner.run(resource.__aexit__(None, None, None))


def typed(value: Any) -> Any:
    """Return a value with the types that `==` would overlook."""
    match value:
        case dict():
            return {name: typed(item) for name, item in value.items()}
        case list():
            return [typed(item) for item in value]
        case _:
            return type(value), repr(value)


async def both_trips(through: Echo, headers: bytes) -> tuple[Delivery, Delivery]:
    """Consume what another client sent, write it as a line, publish that line, and consume it again."""
    first = await through.encoded(headers)
    return first, await through.message(record_from_line(delivery_to_line(first)))


def test_headers_of_every_type_survive_records_and_the_broker(amqptool_vhost: AmqpUrl) -> None:
    """Equal values of equal types arrive, first and after the trip through a line of JSON."""
    with echo(amqptool_vhost) as run:

        @settings(deadline=None, max_examples=150)
        @given(headers=HEADERS)
        def round_trip(headers: Field) -> None:
            encoded, value = headers
            first, second = run(lambda through: both_trips(through, encoded[1:]))
            assert typed(first.headers) == typed(value)
            assert typed(second.headers) == typed(value)

        round_trip()


@pytest.mark.parametrize("kind", [b"A", b"F"])
@pytest.mark.parametrize("depth", [1, 100, 900, 1_500, 10_000])
def test_nesting_never_ends_the_connection(amqptool_vhost: AmqpUrl, kind: bytes, depth: int) -> None:
    """However deep a header is, its message arrives whole, and the next one after it."""
    with echo(amqptool_vhost) as run:
        delivery = run(lambda through: through.encoded(table((b"h", nested(depth, kind)))))
        after = run(lambda through: through.encoded(table()))

    found, inner = 0, delivery.headers["h"]
    while inner is not None:
        found, inner = found + 1, inner["k"] if isinstance(inner, dict) else inner[0]
    assert found == depth
    assert after.headers == {}


@pytest.mark.parametrize("kind", [b"A", b"F"])
def test_what_is_nested_too_deeply_is_refused_with_its_reason(amqptool_vhost: AmqpUrl, kind: bytes) -> None:
    """It can be received, but neither written as a record nor published; nothing of it is cut off."""
    with echo(amqptool_vhost) as run:
        delivery = run(lambda through: through.encoded(table((b"h", nested(5_000, kind)))))

    with pytest.raises(InputError, match="nested too deeply"):
        delivery_to_line(delivery)
    with pytest.raises(InputError, match="nested too deeply"):
        check_message(delivery.message)


def test_a_name_that_is_no_utf_8_is_kept(amqptool_vhost: AmqpUrl) -> None:
    """AMQP does not allow it, but what arrives goes out again."""
    with echo(amqptool_vhost) as run:
        first, second = run(lambda through: both_trips(through, table((b"\xff", b"V"))))

    assert first.headers == second.headers == {"\udcff": None}


@pytest.mark.parametrize(
    "value",
    [
        b"f" + struct.pack(">f", float("nan")),
        b"d" + struct.pack(">d", float("nan")),
        b"d" + struct.pack(">d", float("inf")),
        b"U\xff\xfe",
    ],
)
def test_what_the_broker_itself_refuses_never_arrives(amqptool_vhost: AmqpUrl, value: bytes) -> None:
    """No number that JSON has no word for, and no type beyond the broker's own."""

    async def main() -> None:
        async with raw_client(amqptool_vhost) as client:
            await client.publish("q", table((b"h", value)))

    with pytest.raises(ConnectionError, match="closed by the broker"):
        asyncio.run(main())
