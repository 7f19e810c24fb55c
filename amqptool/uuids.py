"""UUIDs as text: of chance, of time and chance, of a name (RFC 9562)."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

#: The digit that tells the variant (RFC 9562, section 4.1), made of any.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def uuid7() -> str:
    """Make a UUID of the time in milliseconds, and of chance."""
    return _text(f"{_milliseconds():012x}{os.urandom(10).hex()}", "7")


def uuid4_maker() -> Callable[[], str]:
    """Make many UUIDs of chance, each in less time than one alone; not from several threads at once."""
    chance = _chance(32)
    return lambda: _text(next(chance), "4")


def uuid7_maker(milliseconds: Callable[[], int] = _milliseconds) -> Callable[[], str]:
    """Make many UUIDs of the time and chance, in growing order; not from several threads at once.

    Several in one millisecond, or after a clock that was set back, count on from the last.
    """
    last = 0
    chance = _chance(16)

    def make() -> str:
        nonlocal last
        # 48 bits of milliseconds, then 12 that count.
        last = max(last + 1, milliseconds() << 12)
        stamp = f"{last:015x}"
        return _text(f"{stamp[:12]}0{stamp[12:]}{next(chance)}", "7")

    return make


def uuid5_maker(namespace: UUID) -> Callable[[str], str]:
    """Make what `uuid.uuid5` makes of names, as text and in a third of the time."""
    import hashlib

    begun = hashlib.sha1(namespace.bytes, usedforsecurity=False)

    def make(name: str) -> str:
        digest = begun.copy()
        digest.update(name.encode("utf-8", "surrogatepass"))
        return _text(digest.hexdigest(), "5")

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


def _text(digits: str, version: str) -> str:
    """Write 32 hexadecimal digits as a UUID of a version."""
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
