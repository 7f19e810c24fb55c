"""What comes in from a consumer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from amqptool import AmqpUrl, Message, WorkReport
from amqptool.broker.amqp import connect
from amqptool.work.hand import Hand
from amqptool.work.intake import Intake
from tests.support.broker import declare_queue, publish


class BrokenPipeline:
    """Takes nothing in."""

    hand = Hand(1)

    def accept(self, *_: object) -> None:
        """Fail."""
        raise LookupError("a bug")


def test_a_bug_in_taking_messages_in_does_not_look_like_a_lost_connection(amqptool_vhost: AmqpUrl) -> None:
    """D13: whoever checks the consumer gets the error itself, and the connection goes on."""

    async def scenario() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])
        changed = asyncio.Event()
        pipeline: Any = BrokenPipeline()
        async with connect(amqptool_vhost) as connection:
            settings: dict[str, Any] = {
                "prefetch": 1,
                "prefetch_bytes": 1,
                "quota": lambda: None,
                "on_redelivered": print,
            }
            channel = await connection.channel()
            intake = Intake(channel, "q", pipeline, "scope", WorkReport(), **settings, on_change=changed.set)
            await intake.open()
            await changed.wait()
            assert connection.is_open
            intake.check()

    with pytest.raises(LookupError, match="a bug"):
        asyncio.run(scenario())
