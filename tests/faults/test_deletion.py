"""A queue is deleted with its messages in our hands, so that it is known which ones these were."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, Message
from tests.faults.strikes.queues import delete_with_messages
from tests.support.broker import declare_queue, publish


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_all_that_was_in_a_queue_is_told(amqptool_vhost: AmqpUrl, queue_type: str) -> None:
    """By id, and nothing was there beside it."""

    async def deleted() -> tuple[set[str], frozenset[str], int]:
        await declare_queue(amqptool_vhost, "q", **{"x-queue-type": queue_type})
        messages = [Message(body=b"", routing_key="q") for _ in range(500)]
        await publish(amqptool_vhost, messages)
        return {str(each.message_id) for each in messages}, *await delete_with_messages(amqptool_vhost, "q")

    ids, taken, others = asyncio.run(deleted())
    assert (taken, others) == (ids, 0)
