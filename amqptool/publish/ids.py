"""Where the ids of a whole input come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from amqptool.errors import InputError
from amqptool.message import normalize_message_id
from amqptool.uuids import uuid4_maker, uuid5_maker, uuid7_maker

if TYPE_CHECKING:
    from collections.abc import Callable

#: Given an item's name (its line number, or its file's path) and its body, returns its message's id.
MakeId: TypeAlias = "Callable[[str, bytes], str]"

#: The namespace of ids made of something in the body that is no UUID itself: uuid5(NAMESPACE_URL, "amqptool:body").
BODY_NAMESPACE = UUID("f8c377e1-92a6-5164-be7b-a1f5df3e2374")


def named_ids(name: str) -> MakeId:
    """Return where ids come from by its name: `uuid4`, `uuid7`, or `body:` and a JSON pointer.

    Raises:
        InputError: there is no such thing.
    """
    if name.startswith("body:"):
        return body_ids(name.removeprefix("body:"))
    if name not in _NAMED:
        raise InputError(f"ids come from uuid4, uuid7 or body:/POINTER, not from {name!r}")
    return _NAMED[name]()


def uuid4_ids() -> MakeId:
    """Make a random UUID for each."""
    make = uuid4_maker()
    return lambda _name, _body: make()


def uuid7_ids() -> MakeId:
    """Make a UUID of the time and chance for each, in growing order."""
    make = uuid7_maker()
    return lambda _name, _body: make()


def run_ids(run: UUID) -> MakeId:
    """Make the uuid5 of a run and the item's name: whoever repeats the run sends the same ids."""
    make = uuid5_maker(run)
    return lambda name, _body: make(name)


def body_ids(pointer: str) -> MakeId:
    """Take the id from a JSON body, where a JSON pointer (RFC 6901) leads to.

    A UUID is the id; any other text, or a number, gives the uuid5 of `BODY_NAMESPACE` and it.

    Raises:
        InputError: the pointer is malformed; `make` raises it for a body that holds no id there.
    """
    if pointer and not pointer.startswith("/"):
        raise InputError(f"{pointer!r} is no JSON pointer: it begins with '/'")
    make_uuid = uuid5_maker(BODY_NAMESPACE)
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]

    def make(_name: str, body: bytes) -> str:
        value = _at(_decoded(body), tokens, pointer)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            raise InputError(f"the body's {pointer or 'whole'} is no id: neither text nor a number")
        text = value if isinstance(value, str) else json.dumps(value)
        return normalize_message_id(text) or make_uuid(text)

    return make


_NAMED: dict[str, Callable[[], MakeId]] = {"uuid4": uuid4_ids, "uuid7": uuid7_ids}


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InputError("the body is no JSON, so it holds no id") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _at(value: Any, tokens: list[str], pointer: str) -> Any:
    for token in tokens:
        try:
            value = value[int(token)] if isinstance(value, list) and token.isdecimal() else value[token]
        except (KeyError, IndexError, TypeError, ValueError):
            raise InputError(f"the body has no {pointer}") from None
    return value
