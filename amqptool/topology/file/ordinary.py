"""What RabbitMQ exports by the thousand, from JSON at once: objects of exactly the ordinary shape.

Whatever is not quite ordinary is None here, and read again by the rules for everything: these are no rules of
their own, only a short cut to the same objects.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, Literal

from amqptool.carried import MAX_SHORT_STRING
from amqptool.topology import arguments
from amqptool.topology.file.queues import QueueDraft
from amqptool.topology.model import Binding, Exchange, Queue
from amqptool.topology.names import EXCHANGE_TYPES, PREDECLARED, RESERVED_PREFIX, flaw_of_name

if TYPE_CHECKING:
    from amqptool.topology.model import Place

_BINDING = frozenset({"source", "vhost", "destination", "destination_type", "routing_key", "arguments"})
_QUEUE = frozenset({"name", "vhost", "durable", "auto_delete", "arguments", "type"})
_EXCHANGE = frozenset({"name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"})
_MATCH = arguments.find("binding", "x-match")
_X_MATCH = _MATCH.choices if _MATCH else ()
#: Shared by all objects without arguments.
_NONE: dict[str, Any] = {}


class Ordinary:
    """Makes the objects of one file; a name that stands there a million times is held once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def binding(self, item: dict[str, Any], place: Place) -> Binding | None:
        """Make a binding, if it is ordinary."""
        source, destination, vhost = self._named(item, "source"), self._named(item, "destination"), self._vhost(item)
        kind, key = item.get("destination_type", "queue"), item.get("routing_key", "")
        table = _header_table(item.get("arguments", _NONE))
        if (
            not (source and destination and vhost is not False and table is not None and _is_short(key))
            or not (kind == "exchange" or (kind == "queue" and destination not in PREDECLARED))
            or not item.keys() <= _BINDING
        ):
            return None
        return Binding(
            source=source,
            destination=destination,
            destination_type=kind,
            routing_key=key,
            arguments=table,
            vhost=vhost,
            place=place,
        )

    def queue(self, item: dict[str, Any], place: Place) -> QueueDraft | None:
        """Make a classic queue without arguments."""
        name, vhost = self._named(item, "name"), self._vhost(item)
        durable, auto_delete = item.get("durable", True), item.get("auto_delete", False)
        if (
            not (name and name not in PREDECLARED and vhost is not False and item.keys() <= _QUEUE)
            or not (isinstance(durable, bool) and isinstance(auto_delete, bool))
            or not (item.get("type", "classic") == "classic" and _is_empty(item.get("arguments", _NONE)))
        ):
            return None
        queue = Queue(name=name, durable=durable, auto_delete=auto_delete, arguments=_NONE, vhost=vhost, place=place)
        return QueueDraft(queue, said_classic="type" in item)

    def exchange(self, item: dict[str, Any], place: Place) -> Exchange | None:
        """Make an exchange without arguments, of a type that RabbitMQ has by itself."""
        name, vhost, kind = self._named(item, "name"), self._vhost(item), item.get("type")
        flags = durable, auto_delete, internal = (
            item.get("durable", True),
            item.get("auto_delete", False),
            item.get("internal", False),
        )
        if (
            not (name and name not in PREDECLARED and vhost is not False and item.keys() <= _EXCHANGE)
            or not (kind in EXCHANGE_TYPES and all(isinstance(flag, bool) for flag in flags))
            or not _is_empty(item.get("arguments", _NONE))
        ):
            return None
        return Exchange(
            name=name,
            type=str(kind),
            durable=durable,
            auto_delete=auto_delete,
            internal=internal,
            arguments=_NONE,
            vhost=vhost,
            place=place,
        )

    def _vhost(self, item: dict[str, Any]) -> str | Literal[False] | None:
        """Return the vhost, None where there is none, and False where it is no ordinary name."""
        return self._named(item, "vhost") or False if "vhost" in item else None

    def _named(self, item: dict[str, Any], key: str) -> str | None:
        """Return an ordinary name."""
        name = item.get(key)
        if type(name) is not str:
            return None
        known = self._names.get(name)
        if known is None and _is_ordinary(name):
            known = self._names[name] = name
        return known


def _is_ordinary(name: str) -> bool:
    if not _is_text(name) or flaw_of_name(name) is not None:
        return False
    return not name.startswith(RESERVED_PREFIX) or name in PREDECLARED


def _header_table(value: Any) -> dict[str, Any] | None:
    """Return the arguments of a binding, if none of them is a list or a table."""
    if _is_empty(value):
        return _NONE
    if type(value) is not dict or not all(_is_short(name) and _is_scalar(item) for name, item in value.items()):
        return None
    return value if value.get("x-match", "all") in _X_MATCH else None


def _is_empty(value: Any) -> bool:
    # Old versions wrote an empty table as an empty list.
    return not value and type(value) in (dict, list)


def _is_short(value: Any) -> bool:
    return type(value) is str and len(value) <= MAX_SHORT_STRING and (value.isascii() or _fits(value))


def _is_scalar(value: Any) -> bool:
    return _is_text(value) if type(value) is str else type(value) in (bool, int, float, NoneType)


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _fits(value: str) -> bool:
    return _is_text(value) and len(value.encode()) <= MAX_SHORT_STRING
