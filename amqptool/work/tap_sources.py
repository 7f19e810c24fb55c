"""How a tap is bound to exchanges, by their types, so that nothing changes for anybody else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqptool.broker.amqp.topology import check_name
from amqptool.errors import InputError, NotFound
from amqptool.topology.names import PREDECLARED, predeclared_type
from amqptool.work.tap import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from amqptool.broker.management import Management

#: What each type takes for all its messages. A headers exchange gives all to a binding without arguments.
_EVERYTHING = {"topic": "#", "fanout": "", "headers": ""}
_DIRECT = "direct"
_WRITTEN = re.compile(r"(?P<exchange>(?:\\:|[^:])*)(?::(?P<key>.*))?", re.DOTALL)
#: Exchanges that are in every vhost; the event exchange comes with a plugin.
_EVERYWHERE = PREDECLARED - {"amq.rabbitmq.event"}


@dataclass(frozen=True, slots=True)
class Asked:
    """An exchange as somebody asks for it; no key means all its messages."""

    exchange: str
    routing_key: str | None = None

    @classmethod
    def parse(cls, text: str) -> Asked:
        r"""Read `EXCHANGE` or `EXCHANGE:KEY`; a colon in the name of the exchange is written `\:`.

        Raises:
            InputError: it is the default exchange, to which nothing can be bound, or no text that RabbitMQ takes.
        """
        _check_text(text)
        match = _WRITTEN.fullmatch(text)
        if match is None or not match["exchange"]:
            raise InputError("the default exchange cannot be tapped, as nothing can be bound to it: peek at its queues")
        exchange = match["exchange"].replace("\\:", ":")
        check_name("exchange", exchange)
        return cls(exchange, match["key"])


def _check_text(text: str) -> None:
    """Check that a text is UTF-8: for any other RabbitMQ closes the connection."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{text!r} is no UTF-8") from None


def are_predeclared(asked: Sequence[Asked]) -> bool:
    """Return whether all of the exchanges are in every vhost, so that their types are known."""
    return all(each.exchange in _EVERYWHERE for each in asked)


async def find_sources(management: Management | None, vhost: str, asked: Sequence[Asked]) -> list[Source]:
    """Return what to bind to, by the types of the exchanges as the management API tells them, if there is one.

    Raises:
        InputError: an exchange cannot be tapped so, or not without changing something for others.
        NotFound: an exchange does not exist.
        BrokerError: the management API does not answer.
    """
    known = {} if management is None else {each["name"]: each for each in await management.exchanges(vhost)}
    if management is not None:
        for name in {each.exchange for each in asked}:
            if name not in known:
                raise NotFound(f"no exchange {name!r} in vhost {vhost!r}")
            await _check_stays(management, vhost, known[name])
    return [source_of(each, known.get(each.exchange, {}).get("type")) for each in asked]


async def _check_stays(management: Management, vhost: str, exchange: Mapping[str, Any]) -> None:
    """Check that an exchange is not deleted with the tap's binding, as the last one of it."""
    name = exchange["name"]
    if not exchange["auto_delete"]:
        return
    if not any(each["source"] == name for each in await management.bindings_of(vhost, "exchange", name)):
        raise InputError(
            f"exchange {name!r} deletes itself when its last binding goes, and has none: the tap's would be the last"
        )


def source_of(asked: Asked, exchange_type: str | None) -> Source:
    """Return what to bind to, of an exchange whose type is known or not.

    Raises:
        InputError: it cannot be tapped so, or not without changing something for others.
    """
    name, key = asked.exchange, asked.routing_key
    kind = exchange_type or (predeclared_type(name) if name in _EVERYWHERE else None)
    if kind not in (None, _DIRECT, *_EVERYTHING):
        raise InputError(f"exchange {name!r} is of type {kind}, which might give the tap what others are to get")
    if key is not None:
        return Source(name, key)
    if kind == _DIRECT:
        raise InputError(f"exchange {name!r} is a direct one: say by which key to tap it, {name}:KEY")
    if kind is None:
        raise InputError(
            f"the type of exchange {name!r} is not known; say which messages, such as '{name}:#' for all of a topic, "
            f"fanout or headers exchange, or {name}:KEY"
        )
    return Source(name, _EVERYTHING[kind])
