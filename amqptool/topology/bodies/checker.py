"""Checking bodies against the schemas that a topology has for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from amqptool import codecs
from amqptool.errors import CodecError, TopologyError
from amqptool.topology.bodies.flaws import load_schemas
from amqptool.topology.bodies.words import pointer, said
from amqptool.topology.problems import quoted
from amqptool.topology.routing.words import matches, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.message import Message
    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.model import Topology

#: What a body is taken for of which nobody says what it is.
_DEFAULT_TYPE = "application/json"
#: Errors of one body of which the best is told.
_MOST_ERRORS = 100
#: Pairs of exchange and key whose schemas are remembered.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Described:
    """Messages that have a schema, and what checks their bodies."""

    message: DescribedMessage
    pattern: Sequence[str]
    validator: Any

    def takes(self, content_type: str | None) -> bool:
        """Return whether messages of this content type are meant; one without is whatever is expected."""
        wanted = self.message.content_type
        return wanted is None or content_type is None or codecs.same_type(wanted, content_type)


class BodyChecker:
    """Checks bodies against the schemas that a topology's `messages` has for their exchange and routing key.

    `vhost` is that of the connection: what names another one is left out. A body must fit the schema of each entry
    that its message matches. Bodies are JSON, MessagePack (extra `msgpack`) or text, by the message's content type; a
    message without one has that of the entry, or JSON.

    Raises:
        TopologyError: a schema is invalid or cannot be read.
        ConfigError: the library that this takes is not installed.
    """

    def __init__(self, topology: Topology, vhost: str | None = None) -> None:
        found, problems = load_schemas(topology)
        if problems:
            raise TopologyError(problems)
        described = [
            _Described(message, split(message.routing_key), schemas.validator(uri))
            for message, (schemas, uri) in zip(topology.messages, filter(None, found), strict=True)
        ]
        here = [each for each in described if vhost is None or each.message.vhost in (None, vhost)]

        @lru_cache(maxsize=_REMEMBERED)
        def described_at(exchange: str, routing_key: str) -> tuple[_Described, ...]:
            words = split(routing_key)
            return tuple(each for each in here if each.message.exchange == exchange and matches(each.pattern, words))

        self._described_at = described_at

    def flaw(self, message: Message) -> str | None:
        """Return what is wrong with a message's body, or None where it fits or nothing is said of it.

        Raises:
            ConfigError: the library that decoding takes is not installed.
        """
        described = self._described_at(message.exchange, message.routing_key)
        fitting = [each for each in described if each.takes(message.content_type)]
        if described and not fitting:
            known = " or ".join(dict.fromkeys(str(each.message.content_type) for each in described))
            return f"the content type is {quoted(str(message.content_type))}, and {known} is expected"
        return _flaw_of_body(message, fitting) if fitting else None


def _flaw_of_body(message: Message, fitting: Sequence[_Described]) -> str | None:
    content_type = message.content_type or fitting[0].message.content_type or _DEFAULT_TYPE
    try:
        value = codecs.decode(message.body, content_type, message.content_encoding)
    except CodecError as error:
        return f"the body cannot be checked: {error}"
    if isinstance(value, bytes):
        return f"the body cannot be checked: {quoted(content_type)} is neither JSON nor MessagePack nor text"
    return next(filter(None, (_misfit(value, each) for each in fitting)), None)


def _misfit(value: Any, described: _Described) -> str | None:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        errors = list(islice(described.validator.iter_errors(value), _MOST_ERRORS))
    except (RecursionError, Unresolvable, re.error) as error:  # a schema within itself; an odd reference; a bad pattern
        return f"the body cannot be checked by the schema of {described.message}: {type(error).__name__}"
    if not errors:
        return None
    best = best_match(errors)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    where = f"at {place}, " if (place := pointer(tuple(best.absolute_path))) else ""
    return f"the body does not fit the schema of {described.message}: {where}{said(best)}{more}"
