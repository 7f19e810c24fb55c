"""From a source's items to the messages that are sent."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from amqptool.alike import alike
from amqptool.carried import check_message
from amqptool.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.publish.ids import MakeId

#: Given an item's number, its name and its bytes, returns its message, or raises an InputError.
MakeMessage: TypeAlias = "Callable[[int, str, bytes], SourcedMessage]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedMessage(Message):
    """A message that knows which item of its source it is made of."""

    number: int
    #: When it was received, as its record says it, where that is asked for.
    received_at: datetime | None = None


_FIELDS = tuple(field.name for field in fields(Message))


def like(template: Message, make_id: MakeId | None) -> MakeMessage:
    """Make each item the body of a message that is otherwise like the template; without `make_id`, its id too."""
    make_one = alike(_numbered(template), "body", "message_id", "number")

    def make(number: int, name: str, body: bytes) -> SourcedMessage:
        return make_one(body, template.message_id if make_id is None else make_id(name, body), number)

    return make


def _numbered(template: Message) -> SourcedMessage:
    return SourcedMessage(number=0, **{name: getattr(template, name) for name in _FIELDS})


def filled(template: Message, make_id: MakeId | None) -> MakeMessage:
    """Do the same, and fill the placeholders in the body, the routing key and the headers' values.

    Raises:
        InputError: the key or a header has a bad placeholder; `make` raises it for a body, and for what AMQP
            cannot carry once it is filled.
    """
    from random import SystemRandom

    from amqptool.publish.templates import Filling, Template, field_template

    routing_key = Template(template.routing_key)
    headers = {key: field_template(value) for key, value in template.headers.items()}
    parse = lru_cache(maxsize=1)(Template)  # the one body that is repeated; lines differ
    chance = SystemRandom()
    same = {
        name: getattr(template, name)
        for name in _FIELDS
        if name not in ("body", "message_id", "routing_key", "headers")
    }

    def make(number: int, name: str, body: bytes) -> SourcedMessage:
        filling = Filling(number, datetime.now(UTC), chance)
        text = parse(body.decode("utf-8", "surrogateescape")).fill(filling)
        body = text.encode("utf-8", "surrogateescape")
        message = SourcedMessage(
            body=body,
            message_id=template.message_id if make_id is None else make_id(name, body),
            routing_key=routing_key.fill(filling),
            headers={key: fill(filling) for key, fill in headers.items()},
            number=number,
            **same,
        )
        check_message(message)
        return message

    return make


def from_records(
    *, exchange: str | None, routing_key: str | None, make_id: MakeId | None, replace_ids: bool, timed: bool = False
) -> MakeMessage:
    """Read each item as a JSON record; `exchange` and `routing_key` replace its own.

    `make_id` gives an id to a record that does not speak of one, or with `replace_ids` to every record. With `timed`,
    a record without the time when it was received is refused.
    """
    from amqptool.records import decode_record, message_from_record, received_at

    given: dict[str, Any] = {"exchange": exchange, "routing_key": routing_key}
    given = {name: value for name, value in given.items() if value is not None}

    def make(number: int, name: str, line: bytes) -> SourcedMessage:
        record = decode_record(line)
        message = message_from_record(record)
        values = {field: getattr(message, field) for field in _FIELDS} | given
        if make_id is not None and (replace_ids or not _speaks_of_an_id(record)):
            values["message_id"] = make_id(name, message.body)
        made = SourcedMessage(number=number, received_at=received_at(record) if timed else None, **values)
        check_message(made)
        return made

    return make


def _speaks_of_an_id(record: Any) -> bool:
    return "message_id" in (record.get("properties") or {})
