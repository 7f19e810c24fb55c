"""Durations and sizes as people write them: `1h30m`, `500ms`, `64MiB`."""

from __future__ import annotations

import re

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_BYTES = {"kB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4}
_BYTES |= {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4, "B": 1}
# At most 15 digits each: enough for anything, and never a slow conversion.
DURATION = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in _MILLISECONDS))
SIZE = re.compile(rf"([0-9]{{1,15}})({'|'.join(_BYTES)})")


def milliseconds(text: str) -> int | None:
    """Return the milliseconds of `7d`, `1h30m`, `500ms` (units in falling order), or None."""
    match = DURATION.fullmatch(text) if text else None
    if match is None:
        return None
    return sum(int(number or 0) * unit for number, unit in zip(match.groups(), _MILLISECONDS.values(), strict=True))


def duration(number: int) -> str:
    """Return milliseconds as people write them, the reverse of `milliseconds`: `1h30m`; nothing is rounded."""
    parts: list[str] = []
    for unit, length in _MILLISECONDS.items():
        count, number = divmod(number, length)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def rounded(seconds: float) -> str:
    """Return an age in its two largest units at most, as people say it."""
    unit = 1 if seconds < 3600 else 60 if seconds < 86_400 else 3600
    return duration(int(seconds) // unit * unit * 1000)


def size_in_bytes(text: str) -> int | None:
    """Return the bytes of `500kB` (decimal) or `64MiB` (binary), or None."""
    match = SIZE.fullmatch(text)
    return int(match[1]) * _BYTES[match[2]] if match else None


def size(number: int) -> str:
    """Return bytes in the largest unit of which they are a whole number, the reverse of `size_in_bytes`: `64MiB`."""
    lengths = sorted(((length, unit) for unit, length in _BYTES.items()), reverse=True)
    return next(f"{number // length}{unit}" for length, unit in lengths if number % length == 0) if number else "0B"
