"""Removing a binding, of whatever types its arguments are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from amqptool.broker.actual import read_binding_keys
from amqptool.errors import ManagementError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.broker.amqp import Channel
    from amqptool.broker.management import Management
    from amqptool.topology.model import Binding

_NOT_FOUND = 404


async def unbind(channel: Channel, management: Management | None, vhost: str, binding: Binding) -> None:
    """Remove a binding, if it exists.

    Over AMQP, arguments must be those it was made with, to the width of an integer: one that was made over the
    management API or imported with definitions stays, without a word. `management` finds and removes that, too.
    """
    call = channel.unbind_queue if binding.destination_type == "queue" else channel.unbind_exchange
    await call(binding.source, binding.destination, binding.routing_key, binding.arguments)
    if binding.arguments and management is not None:
        await _unbind_equals(management, vhost, binding)


async def _unbind_equals(management: Management, vhost: str, binding: Binding) -> None:
    ends = binding.source, binding.destination_type, binding.destination
    with _absence_accepted():
        for key in await read_binding_keys(management, vhost, binding):
            with _absence_accepted():
                await management.delete_binding(vhost, *ends, key)


@contextmanager
def _absence_accepted() -> Iterator[None]:
    """Go on where somebody else has deleted the binding, or one of its ends."""
    try:
        yield
    except ManagementError as error:
        if error.reply_code != _NOT_FOUND:
            raise
