"""A copy is the message itself, but for what the broker would take amiss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amqptool import Message
from amqptool.migrate.copies import copy_of
from amqptool.migrate.temporary import lock_name, rehearsal_name, temporary_name, temporary_queue
from amqptool.testing import make_delivery
from amqptool.topology.model import Queue


def copied(message: Message, *, via: str = "via", from_quorum: bool = False) -> Message:
    """Copy the message of a delivery."""
    delivery = replace(make_delivery(), message=message)
    return copy_of(delivery, via=via, username="me", from_quorum=from_quorum)


def test_a_copy_keeps_everything_and_notes_the_exchange() -> None:
    """Body, key, properties and headers stay; the original exchange is a header."""
    message = Message(
        body=b"b",
        exchange="in",
        routing_key="k",
        message_id="i",
        persistent=False,
        headers={"h": 1.5, "CC": ["x"], "x-death": [{"count": 1}]},
        content_type="t",
        content_encoding="e",
        correlation_id="c",
        reply_to="r",
        expiration="5",
        priority=3,
        timestamp=7,
        type="T",
        user_id="me",
        app_id="a",
    )
    headers = {**message.headers, "amqptool-exchange": "in"}
    assert copied(message) == replace(message, exchange="via", headers=headers)


def test_a_copy_of_a_copy_is_the_same() -> None:
    """On the way back the first exchange stays noted."""
    once = copied(Message(body=b"", exchange=""))
    assert once.headers == {"amqptool-exchange": ""}
    assert copied(once) == once


def test_somebody_elses_user_id_is_set_aside() -> None:
    """The broker closes the channel of who publishes in another's name."""
    copy = copied(Message(body=b"", exchange="via", user_id="somebody"))
    assert (copy.user_id, copy.headers) == (None, {"amqptool-user-id": "somebody"})


@pytest.mark.parametrize(("from_quorum", "left"), [(True, {}), (False, {"x-delivery-count": 2})])
def test_a_quorum_queues_own_count_is_left_behind(from_quorum: bool, left: dict[str, int]) -> None:
    """It is the broker's note on this queue, not the publisher's."""
    message = Message(body=b"", exchange="via", headers={"x-delivery-count": 2})
    assert copied(message, from_quorum=from_quorum).headers == left


def test_names_fit_and_differ() -> None:
    """Every name of ours has at most 255 bytes, and no two queues share one."""
    queues = ["q", "q.lock", "ä" * 127, "ä" * 126 + "aa"]
    names = [name(queue) for queue in queues for name in (temporary_name, lock_name, rehearsal_name)]
    assert len(set(names)) == len(names)
    assert max(len(name.encode()) for name in names) <= 255


@pytest.mark.parametrize(
    ("wanted", "rabbitmq", "arguments"),
    [
        ({"x-max-length": 5, "x-message-ttl": 1, "x-expires": 1, "x-overflow": "reject-publish"}, 3, {}),
        ({"x-single-active-consumer": True, "x-delivery-limit": 3, "x-max-length-bytes": 1}, 3, {}),
        ({"x-max-priority": 5, "x-queue-mode": "lazy"}, 3, {"x-max-priority": 5}),
        ({"x-dead-letter-exchange": "dlx"}, 3, {"x-dead-letter-exchange": "dlx"}),
        ({}, 4, {"x-delivery-limit": -1}),
    ],
)
def test_the_temporary_queue_has_no_limits(
    wanted: dict[str, object], rabbitmq: int, arguments: dict[str, object]
) -> None:
    """Of the new properties it has those with which it loses nothing."""
    queue = Queue(name="q", durable=False, auto_delete=True, arguments=wanted)  # type: ignore[arg-type]
    temporary = temporary_queue(queue, "quorum", rabbitmq=rabbitmq)
    assert (temporary.durable, temporary.auto_delete) == (True, False)
    assert temporary.arguments == {"x-queue-type": "quorum", **arguments}


def test_at_least_once_dead_lettering_stays_so() -> None:
    """What expires in the temporary queue by its own time to live is as safe as in the queue itself."""
    arguments = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "d",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    queue = Queue(name="q", arguments={**arguments, "x-max-length": 5})
    assert temporary_queue(queue, "quorum", rabbitmq=3).arguments == {"x-queue-type": "quorum", **arguments}
