"""Option values with a unit."""

from __future__ import annotations

from math import isfinite
from typing import Any

import click


class Duration(click.ParamType[float]):
    """`30s`, `1h30m`, or a plain number of seconds; 0 only where `zero` allows it."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        seconds = _seconds(str(value))
        if seconds is None or not (seconds or self._zero):
            self.fail(f"{value!r} is no duration: write 30s, 1h30m, 500ms, or seconds", param, ctx)
        return seconds


class DurationOrNone(click.ParamType[float | None]):
    """A duration, or `none` or 0 for without end."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Return seconds, or None."""
        return None if value in ("none", "0") else Duration().convert(value, param, ctx)


class Factor(click.FloatRange):
    """How many times something is: a number above 0."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the factor; NaN and infinity lie within any range."""
        factor: float = super().convert(value, param, ctx)
        if not isfinite(factor):
            self.fail(f"{value!r} is no number of times", param, ctx)
        return factor


class Size(click.ParamType[int]):
    """`500kB`, `64MiB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        from amqptool.units import size_in_bytes

        if isinstance(value, int):
            return value
        known = size_in_bytes(str(value))
        if not known:
            self.fail(f"{value!r} is no size: write 500kB or 64MiB", param, ctx)
        return known


class Delays(click.ParamType[tuple[float, ...]]):
    """Durations with commas between."""

    name = "delays"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return seconds."""
        if isinstance(value, tuple):
            return value
        return tuple(Duration().convert(part.strip(), param, ctx) for part in str(value).split(","))


def _seconds(text: str) -> float | None:
    from amqptool.units import milliseconds

    whole, dot, part = text.partition(".")
    if whole.isascii() and whole.isdigit() and len(text) < 12 and (not dot or (part.isascii() and part.isdigit())):
        return float(text)
    known = milliseconds(text)
    return None if known is None else known / 1000


class Rate(click.ParamType[float]):
    """`100/s`, `30/m`, `5/h`, or a plain number a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return messages per second."""
        from amqptool.publish.rate import per_second

        if isinstance(value, float):
            return value
        rate = per_second(str(value))
        if rate is None:
            self.fail(f"{value!r} is no rate: write 100/s, 30/m or 5/h", param, ctx)
        return rate
