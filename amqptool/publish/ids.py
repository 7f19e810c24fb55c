"""Where the ids of a whole input come from."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from amqptool.errors import InputError
from amqptool.message import normalize_message_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Given an item's name (its line number, or its file's path) and its body, returns its message's id.
MakeId: TypeAlias = "Callable[[str, bytes], str]"

#: The namespace of ids made of something in the body that is no UUID itself: uuid5(NAMESPACE_URL, "amqptool:body").
BODY_NAMESPACE = UUID("f8c377e1-92a6-5164-be7b-a1f5df3e2374")

#: The digit that tells the variant (RFC 9562, section 4.1), made of any.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


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
    chance = _chance(32)
    return lambda _name, _body: _text(next(chance), "4")


def uuid7_ids(milliseconds: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> MakeId:
    """Make a UUID of the time and chance for each, in growing order (RFC 9562, version 7).

    Several in one millisecond, or after a clock that was set back, count on from the last.
    """
    last = 0
    chance = _chance(16)

    def make(_name: str, _body: bytes) -> str:
        nonlocal last
        # 48 bits of milliseconds, then 12 that count.
        last = max(last + 1, milliseconds() << 12)
        stamp = f"{last:015x}"
        return _text(f"{stamp[:12]}0{stamp[12:]}{next(chance)}", "7")

    return make


#: How many forks lead to this process.
_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


def _chance(digits: int) -> Iterator[str]:
    """Give so many random hexadecimal digits each time; asking the system each time would take thrice as long."""
    while True:
        forks, pool = _forks, os.urandom(digits * 128).hex()
        for start in range(0, len(pool), digits):
            if forks != _forks:  # the parent has this pool, too
                break
            yield pool[start : start + digits]


def run_ids(run: UUID) -> MakeId:
    """Make the uuid5 of a run and the item's name: whoever repeats the run sends the same ids."""
    make = uuid5_ids(run)
    return lambda name, _body: make(name)


def uuid5_ids(namespace: UUID) -> Callable[[str], str]:
    """Make what `uuid.uuid5` makes of names, as text and in a third of the time."""
    begun = hashlib.sha1(namespace.bytes, usedforsecurity=False)

    def make(name: str) -> str:
        digest = begun.copy()
        digest.update(name.encode("utf-8", "surrogatepass"))
        return _text(digest.hexdigest(), "5")

    return make


def body_ids(pointer: str) -> MakeId:
    """Take the id from a JSON body, where a JSON pointer (RFC 6901) leads to.

    A UUID is the id; any other text, or a number, gives the uuid5 of `BODY_NAMESPACE` and it.

    Raises:
        InputError: the pointer is malformed; `make` raises it for a body that holds no id there.
    """
    if pointer and not pointer.startswith("/"):
        raise InputError(f"{pointer!r} is no JSON pointer: it begins with '/'")
    make_uuid = uuid5_ids(BODY_NAMESPACE)
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


def _text(digits: str, version: str) -> str:
    """Write 32 hexadecimal digits as a UUID of a version."""
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
