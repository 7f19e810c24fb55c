"""Values that programs stumble over, of each type, and as text."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

#: What text must survive: controls, escapes of a terminal, bidi, markup, a lone surrogate, the edge of 255 bytes.
TEXTS = (
    *("", " ", "\t", "a b", "é", "日本", "e\u0301", "\U0001f600", "\x00", "\x1b[2J", "\x9b31m", "\x7f", "\u202eabc"),
    *(
        "\u2028",
        "\ufeff",
        "\ud800",
        "\udcff",
        "\r\n",
        "[/b]",
        "[link=file:///x]y",
        "%s%n",
        "%zz",
        "%2F",
        "${A}",
        "${A:-${B}}",
    ),
    *(
        "${",
        "{{count}}",
        "{{",
        "{{random 2 1}}",
        "{{x}}",
        "'",
        '"',
        "\\",
        "../x",
        "/",
        "-",
        "--",
        "-x",
        "@",
        "#",
        "*",
        "a.*.#",
    ),
    *("~", "null", "true", "no", "on", "1e3", "0x10", "010", "1_000", "12:30:45", "2024-01-01", ".nan", ".inf", "-0"),
    *(
        "NaN",
        "Infinity",
        "１２",
        "+1",
        " 1",
        "1 ",
        "30s",
        "1h30m",
        "0s",
        "-1s",
        "1.5",
        "64MiB",
        "1e400",
        "1y",
        "amq.topic",
    ),
    *("x" * 255, "x" * 256, "é" * 128, "x" * 70_000, "9" * 5_000, "-" + "9" * 50, "[" * 2_000, "{" * 300, "a." * 200),
    *("amq.gen-x", "amqptool.retry", "$bytes", "x-match", "<<", "=", "!!python/object:os.system", "urn:uuid:", "{0}"),
)
#: Bytes of an argument without the NUL at its end (Linux: MAX_ARG_STRLEN).
_LONGEST_ARGUMENT = 131_071
#: Stands for a number of 5,000 digits, which Python itself does not write.
_ENDLESS = 4815162342108
NUMBERS = (
    *(0, 1, -1, 2, 7, 9, 10, 127, 128, 255, 256, 300, 65_535, 65_536, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53 + 1),
    *(2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**18, 10**40, _ENDLESS),
    *(0.0, -0.0, 0.1, 1.0, 1.5, 1e3, 1e308, 5e-324, float("nan"), float("inf"), float("-inf")),
)


def text(random: Random) -> str:
    """Make a text, mostly an odd one."""
    kind = random.random()
    if kind < 0.7:
        return random.choice(TEXTS)
    if kind < 0.85:
        return random.choice(TEXTS) + random.choice(TEXTS)
    return "".join(
        chr(random.choice((random.randrange(128), random.randrange(0x3000), random.randrange(0x110000))))
        for _ in range(random.randrange(8))
    )


def scalar(random: Random) -> Any:
    """Make a value that JSON has a word for and that holds no other."""
    return random.choice((text, _number, _number, _constant))(random)


def value(random: Random, depth: int = 3) -> Any:
    """Make a value of any type, of few levels but for a few of many."""
    kind = random.random()
    if depth == 0 or kind < 0.6:
        return scalar(random)
    if kind < 0.62:
        return deep(random)
    if kind < 0.8:
        return [value(random, depth - 1) for _ in range(random.randrange(4))]
    return {text(random): value(random, depth - 1) for _ in range(random.randrange(4))}


def deep(random: Random) -> Any:
    """Make a value of so many levels that a bound is near."""
    wrap: Callable[[Any], Any] = random.choice((lambda inner: [inner], lambda inner: {"a": inner}))
    found: Any = 1
    for _ in range(random.choice((20, 33, 100, 250, 256, 257, 400))):
        found = wrap(found)
    return found


def unfolded(written: str) -> bytes:
    """Return a document as bytes, in which numbers may be longer and text odder than Python likes."""
    return written.encode("utf-8", "surrogatepass").replace(str(_ENDLESS).encode(), b"9" * 5_000)


def argument(given: str) -> str:
    """Return a text as the system would hand it over: so many bytes without NUL, those that are no UTF-8 escaped."""
    return os.fsdecode(given.encode("utf-8", "surrogatepass").replace(b"\0", b"")[:_LONGEST_ARGUMENT])


def _number(random: Random) -> int | float:
    return random.choice(NUMBERS)


def _constant(random: Random) -> bool | None:
    return random.choice((None, True, False))
