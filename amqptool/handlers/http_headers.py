"""What an HTTP handler is told of a message, as HTTP headers."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING
from urllib.parse import quote

from amqptool.codecs.encodings import applied
from amqptool.handlers.metadata import headers_as_json, metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.message import Delivery

#: Bytes of Amqptool-Headers; servers take 8 KiB in one header.
LONGEST_HEADERS = 4096

#: Metadata that have a header of HTTP's own.
_HTTPS_OWN = ("content_type", "content_encoding")
# What stands as it is. The percent sign does not, in our headers, so that they can be decoded without a doubt.
_VISIBLE = string.ascii_letters + string.digits + string.punctuation
_REVERSIBLE = _VISIBLE.replace("%", "")


def request_headers(delivery: Delivery, trace: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the request for a delivery and its trace, but for what was done to its body here."""
    message = delivery.message
    headers = {
        "Content-Type": message.content_type,
        "Content-Encoding": ", ".join(applied(message.content_encoding)) or None,
        "Idempotency-Key": message.message_id,
        **trace,
    }
    sendable = {name: _quoted(value, f"{_VISIBLE} ") for name, value in headers.items() if value is not None}
    return sendable | _ours(delivery)


def _ours(delivery: Delivery) -> dict[str, str]:
    facts = {name: value for name, value in metadata(delivery).items() if name not in _HTTPS_OWN}
    headers = {name: _quoted(value, _REVERSIBLE) for name, value in facts.items()}
    table = _quoted(headers_as_json(delivery), _REVERSIBLE)
    if len(table) <= LONGEST_HEADERS:
        headers["headers"] = table
    return {f"Amqptool-{name.replace('_', '-').title()}": value for name, value in headers.items()}


def _quoted(text: str, safe: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)
