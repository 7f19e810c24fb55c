"""What a handler outside of this process is told of a message beside its body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from amqptool.message import PROPERTIES
from amqptool.records import field_to_json

if TYPE_CHECKING:
    from amqptool.message import Delivery


def metadata(delivery: Delivery) -> dict[str, str]:
    """Return where a delivery came from, and those of its properties that it has, as text.

    Bytes that are no UTF-8 stand escaped in it (PEP 383).
    """
    facts: dict[str, object] = {
        "exchange": delivery.exchange,
        "routing_key": delivery.routing_key,
        "queue": delivery.queue,
        "attempt": delivery.attempt,
        "redelivered": "true" if delivery.redelivered else "false",
    }
    facts |= {name: getattr(delivery.message, name) for name in PROPERTIES}
    return {name: str(value) for name, value in facts.items() if value is not None}


def headers_as_json(delivery: Delivery) -> str:
    """Return the headers of a delivery as an object of JSON in ASCII, its values written as in records.

    Raises:
        InputError: they are nested too deeply, or a number is none.
    """
    return json.dumps({name: field_to_json(value) for name, value in delivery.headers.items()})
