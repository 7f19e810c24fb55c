"""Every AMQP field type arrives as the value it was sent as, and goes out again as the same one."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pika import data

from amqptool import AmqpUrl, Message
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.message import FarTimestamp
from tests.support.broker import declare_queue, drain, publish

EVERY_TYPE: dict[str, Any] = {
    "float": 1.1,
    "whole float": 2.0,
    "tiny float": 5e-324,
    "huge float": -1.7976931348623157e308,
    "boolean": True,
    "small": -1,
    "large": 2**63 - 1,
    "decimal": Decimal("-1.50"),
    "long decimal": Decimal("1.0000000000"),
    "text": "čaj",
    "bytes": b"\xff\x00",
    "text that is no UTF-8": "a\udcff",
    "time": datetime(2026, 1, 1, tzinfo=UTC),
    "last time": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    "far time": FarTimestamp(1_767_225_600_000),
    "nothing": None,
    "list": [1.5, [FarTimestamp(2**64 - 1)], {"deep": 0.25}],
    "table": {"f": -0.5, "t": {"f": 1e300}},
}


def test_every_field_type_passes_through_the_broker(amqptool_vhost: AmqpUrl) -> None:
    """Headers come back with equal values of equal types, also after a second trip."""

    async def main() -> list[Any]:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q", headers=EVERY_TYPE)])
        (first,) = await drain(amqptool_vhost, "q")
        await publish(amqptool_vhost, [first.message])
        (second,) = await drain(amqptool_vhost, "q")
        return [first.headers, second.headers]

    first, second = asyncio.run(main())
    assert first == second == EVERY_TYPE
    assert isinstance(second["far time"], FarTimestamp)
    assert isinstance(second["whole float"], float)


def test_short_strings_that_are_no_text_pass_through_the_broker(amqptool_vhost: AmqpUrl) -> None:
    """Each byte comes back in the escaped form in which it was sent."""
    odd = b"\xff\xfe".decode("utf-8", "surrogateescape")
    message = Message(
        body=b"", exchange="amq.topic", routing_key=odd, headers={odd: 1}, content_type=odd, app_id=odd, message_id=odd
    )

    async def main() -> Message:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.declare_queue("q")
            await channel.bind_queue("amq.topic", "q", "#")
        await publish(amqptool_vhost, [message])
        (delivery,) = await drain(amqptool_vhost, "q")
        return delivery.message

    assert asyncio.run(main()) == message


def test_floats_in_arguments_arrive_as_floats(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The broker keeps a float of a binding's arguments, which the management API shows."""

    async def main() -> list[Any]:
        await declare_queue(amqptool_vhost, "q")
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel.bind_queue("amq.headers", "q", "", {"ratio": 1.5, "whole": 2.0})
        async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
            bindings = await management.bindings(amqptool_vhost.vhost)
        return [each["arguments"] for each in bindings if each["source"]]

    (arguments,) = asyncio.run(main())
    assert arguments == {"ratio": 1.5, "whole": 2.0}
    assert [type(value) for value in arguments.values()] == [float, float]


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (b"f" + struct.pack(">f", 0.1), struct.unpack(">f", struct.pack(">f", 0.1))[0]),
        (b"d" + struct.pack(">d", 0.1), 0.1),
        (b"b\xff", -1),
        (b"B\xff", 255),
        (b"s\xff\xfe", -2),
        (b"u\xff\xfe", 65534),
        (b"I\xff\xff\xff\xff", -1),
        (b"i\xff\xff\xff\xff", 2**32 - 1),
        (b"l" + b"\xff" * 8, -1),
        (b"L" + b"\xff" * 8, -1),
        (b"D\x02\x00\x00\x00\x96", Decimal("1.50")),
        (b"S\x00\x00\x00\x01\xff", "\udcff"),
        (b"x\x00\x00\x00\x01\xff", b"\xff"),
        (b"T\x00\x00\x00\x3a\xff\xf4\x41\x7f", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (b"T\x00\x00\x00\x3a\xff\xf4\x41\x80", FarTimestamp(253_402_300_800)),
        (b"V", None),
    ],
)
def test_what_other_clients_send_keeps_its_value(encoded: bytes, value: Any) -> None:
    """Each type of RabbitMQ's errata is decoded, and encoded again in some type with the same value."""
    found, end = data.decode_value(encoded, 0)
    pieces: list[bytes] = []
    length = data.encode_value(pieces, found)
    again, _ = data.decode_value(b"".join(pieces), 0)

    assert (end, length) == (len(encoded), len(b"".join(pieces)))
    assert found == again == value
    assert repr(found) == repr(again) == repr(value)
