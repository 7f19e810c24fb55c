"""Messages as JSON Lines, one record a line, without losing anything.

A record is ``{"exchange", "routing_key", "body" or "body_base64", "properties", "headers"}``. A body that
is UTF-8 stands as text, any other in base64. Header values that JSON has no word for are written as
an object with one key: ``{"$bytes": base64}``, ``{"$timestamp": seconds}``, ``{"$decimal": "1.50"}``;
``{"$text": base64}`` is a text that is no UTF-8, and ``{"$table": {…}}`` a table that would look like one of these.

Each AMQP field type comes back as it was, but for widths: an integer goes out 32 or 64 bits wide, whatever it was
before (``b B s u I i l L``), and a float 64 (``f d``), which changes no value. A name or a property that is no
UTF-8, which AMQP does not allow, has its bytes as lone surrogates, ``"\\udcff"`` (PEP 383). Not kept are the first of
two headers with one name, of which the last counts, and ``cluster_id``, which AMQP has retired.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError
from amqptool.message import LAST_SECOND, PROPERTIES, FarTimestamp, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amqptool.message import Delivery, FieldValue

_KEYS = {"exchange", "routing_key", "body", "body_base64", "properties", "headers"}
_TAGS = "$bytes, $text, $timestamp, $decimal, $table"
#: Where and when a message came; written by `consume`, `peek` and `tap`, ignored by `publish` but for `--speed`.
_ORIGIN_KEYS = {"queue", "redelivered", "position", "received_at"}


def delivery_to_line(delivery: Delivery, **origin: Any) -> bytes:
    """Return a delivery, with more of its origin, as a line of JSON Lines; see `message_to_record` for the error."""
    return json.dumps(delivery_to_record(delivery) | origin).encode() + b"\n"


def delivery_to_record(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as a record; see `message_to_record` for the error."""
    record = message_to_record(delivery.message)
    return {**record, "queue": delivery.queue, "redelivered": delivery.redelivered}


def time_to_json(time: datetime, timespec: str = "microseconds") -> str:
    """Return a time of UTC as text (ISO 8601): without a `timespec`, as a record has it in `received_at`."""
    return time.isoformat(timespec=timespec).replace("+00:00", "Z")


def received_at(record: Mapping[str, Any]) -> datetime:
    """Return when the message of a decoded record was received.

    Raises:
        InputError: the record does not say it.
    """
    text = record.get("received_at")
    if text is None:
        raise InputError("the record has no 'received_at', so it is not known when it is to go")
    with suppress(ValueError, OverflowError):
        if isinstance(text, str) and (time := datetime.fromisoformat(text)).tzinfo is not None:
            return time.astimezone(UTC)
    raise InputError("'received_at' must be a time with its zone, such as 2026-11-26T13:00:00.5Z")


def delivery_to_envelope(delivery: Delivery) -> dict[str, Any]:
    """Return the record of a delivery without its body; see `message_to_record` for the error."""
    return {**_envelope(delivery.message), "queue": delivery.queue, "redelivered": delivery.redelivered}


def message_to_record(message: Message) -> dict[str, Any]:
    """Return a message as a record; absent properties are left out, an absent message id is null.

    Raises:
        InputError: its headers are nested too deeply, or hold a number that is none.
    """
    return {**_envelope(message), **_body_to_json(message.body)}


def _envelope(message: Message) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "message_id": message.message_id,
        "delivery_mode": 2 if message.persistent else 1,
    }
    for name in PROPERTIES[1:]:
        value = getattr(message, name)
        if value is not None:
            properties[name] = value
    return {
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "properties": properties,
        "headers": {key: field_to_json(value) for key, value in message.headers.items()},
    }


def record_from_line(line: bytes) -> Message:
    """Read one line of JSON Lines as a message; a record without a message id gets a new one.

    Raises:
        InputError: the line is no record; the text says what is wrong, and where in the line.
    """
    return message_from_record(decode_record(line))


def decode_record(line: bytes) -> Any:
    """Decode the JSON of one line.

    Raises:
        InputError: it is no JSON; the text says what is wrong, and where in the line.
    """
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error.msg} at column {error.colno}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"not valid JSON: {type(error).__name__}") from None


def message_from_record(record: object) -> Message:
    """Build a message from a decoded record.

    Raises:
        InputError: it is no record.
    """
    fields = _object(record, "a record")
    unknown = fields.keys() - _KEYS - _ORIGIN_KEYS
    if unknown:
        raise InputError(f"unknown key {min(unknown)!r} in a record; known are {', '.join(sorted(_KEYS))}")
    headers = _object(fields.get("headers") or {}, "'headers'")
    return Message(
        body=_body_from_json(fields),
        exchange=_text(fields, "exchange"),
        routing_key=_text(fields, "routing_key"),
        headers={key: field_from_json(value) for key, value in headers.items()},
        **_properties_from_json(_object(fields.get("properties") or {}, "'properties'")),
    )


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} must be a JSON object")
    return value


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str):
        raise InputError(f"{key!r} must be text")
    return value


def _properties_from_json(properties: Mapping[str, Any]) -> dict[str, Any]:
    unknown = properties.keys() - set(PROPERTIES) - {"delivery_mode"}
    if unknown:
        raise InputError(f"unknown property {min(unknown)!r}; known are delivery_mode, {', '.join(PROPERTIES)}")
    mode = properties.get("delivery_mode", 2)
    if isinstance(mode, bool) or mode not in (1, 2):
        raise InputError("'delivery_mode' must be 1 (transient) or 2 (persistent)")
    return {"persistent": mode == 2, **{key: properties[key] for key in PROPERTIES if key in properties}}


def _body_to_json(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _body_from_json(fields: Mapping[str, Any]) -> bytes:
    if ("body" in fields) == ("body_base64" in fields):
        raise InputError("a record needs either 'body' or 'body_base64'")
    if "body_base64" in fields:
        return _decode_base64(fields["body_base64"], "'body_base64'")
    try:
        return _text(fields, "body").encode()
    except UnicodeEncodeError:
        raise InputError("'body' is not valid Unicode text; use 'body_base64' for bytes") from None


def _decode_base64(value: Any, what: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise InputError(f"{what} is not valid base64") from None


def field_to_json(value: FieldValue) -> Any:
    """Return the JSON value that stands for a header value.

    Raises:
        InputError: the nesting is too deep, or a number is none.
    """
    try:
        return _field_to_json(value)
    except RecursionError:
        raise InputError("a header is nested too deeply") from None


def _field_to_json(value: FieldValue) -> Any:
    match value:
        case str():
            return _text_to_json(value)
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case datetime():
            return {"$timestamp": calendar.timegm(value.utctimetuple())}
        case FarTimestamp():
            return {"$timestamp": int(value)}
        case float() if not isfinite(value):
            raise InputError(f"a header is {value}, for which JSON has no word")
        case Decimal():
            return {"$decimal": str(value)}
        case list():
            return [_field_to_json(item) for item in value]
        case dict():
            table = {key: _field_to_json(item) for key, item in value.items()}
            return {"$table": table} if _looks_tagged(table) else table
        case _:
            return value


def _text_to_json(text: str) -> str | dict[str, str]:
    with suppress(UnicodeEncodeError):
        text.encode()
        return text
    with suppress(UnicodeEncodeError):
        return {"$text": base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()}
    return text  # nothing that came from a broker, and nothing that goes to one


def field_from_json(value: Any) -> FieldValue:
    """Return the header value that a decoded JSON value stands for.

    Raises:
        InputError: a tagged value is malformed, or the nesting is too deep.
    """
    try:
        return _field_from_json(value)
    except RecursionError:
        raise InputError("a header is nested too deeply") from None


def _field_from_json(value: Any) -> FieldValue:
    if isinstance(value, list):
        return [_field_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]  # JSON's other types are field values
    if not _looks_tagged(value):
        return {key: _field_from_json(item) for key, item in value.items()}
    return _tagged_from_json(*next(iter(value.items())))


def _looks_tagged(table: Mapping[str, object]) -> bool:
    return len(table) == 1 and next(iter(table)).startswith("$")


def _tagged_from_json(tag: str, value: Any) -> FieldValue:
    match tag:
        case "$bytes":
            return _decode_base64(value, "'$bytes'")
        case "$text":
            return _decode_base64(value, "'$text'").decode("utf-8", "surrogateescape")
        case "$timestamp":
            return _timestamp(value)
        case "$decimal":
            return _decimal(value)
        case "$table":
            return {key: _field_from_json(item) for key, item in _object(value, "'$table'").items()}
        case _:
            raise InputError(f"unknown type {tag!r} in a header; known are {_TAGS}")


def _timestamp(value: Any) -> datetime | FarTimestamp:
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int) and not isinstance(value, bool):
            return FarTimestamp(value) if LAST_SECOND < value < 2**64 else datetime.fromtimestamp(value, UTC)
    raise InputError("'$timestamp' must be a whole number of seconds since the epoch")


def _decimal(value: Any) -> Decimal:
    with suppress(InvalidOperation):
        if isinstance(value, str) and (number := Decimal(value)).is_finite():
            return number
    raise InputError("'$decimal' must be a decimal number, written as text")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
