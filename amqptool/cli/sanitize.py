"""The one place through which foreign text passes on its way to a terminal or a log line."""

from __future__ import annotations

import re
from functools import cache

# C0 and C1 controls, DEL, bidirectional controls, line and paragraph separators, lone surrogates:
# all that can move a cursor, forge a line or reorder what a reader sees (CVE-2021-42574 for bidi).
_UNSAFE = (
    range(0x20),
    range(0x7F, 0xA0),
    (0x061C, 0x200E, 0x200F),
    range(0x2028, 0x202F),
    range(0x2066, 0x206A),
    range(0xD800, 0xE000),
)

# Where a URL may stand; and what our own hints say of users and passwords.
_WORD = re.compile(r"[^\s\"'<>]+")
_HINTS = {"user:password", "[user:password", ":password"}
# Where a text was cut, also as JSON has it.
_CUT = ("…", r"\u2026")
_PASSWORD = re.compile(r"(password=)[^&\s\"']+", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """Hide the user and password of every URL, and what follows `password=`.

    Those that amqptool knows hide their own: this is for one that was given in the place of something else, and
    that an error repeats. It takes time in proportion to the text, which may be a message's.
    """
    if ":/" in text:
        text = _WORD.sub(lambda word: _without_login(word[0]), text)
    return _PASSWORD.sub(r"\1***", text)


def _without_login(word: str) -> str:
    scheme, separator, rest = word.partition(":/")
    # To the last @, since a password may hold what should have been escaped; of a text that was cut, it may be missing.
    end = next((end for end in ("@", *_CUT) if end in rest), None)
    if end is None:
        return word
    login, _, host = rest.rpartition(end)
    slash = "/" if login.startswith("/") else ""
    login = login.removeprefix(slash)
    if ":" not in login or login.lower() in _HINTS:
        return word
    return f"{scheme}{separator}{slash}***{end}{host}"


def clean_line(text: str) -> str:
    """Escape everything that a terminal would act on, and line breaks and tabs too."""
    return _escaped("", text)


def clean_text(text: str) -> str:
    """Escape everything that a terminal would act on, but keep line breaks and tabs."""
    return _escaped("\t\n", text)


def clean_body(body: bytes) -> str:
    """Return a body as text that is safe on a terminal; bytes that are no UTF-8 show as `\\x..`."""
    return clean_text(body.decode("utf-8", "backslashreplace"))


def _escaped(kept: str, text: str) -> str:
    # Nothing unsafe is printable, and most texts are. A table, since a pattern keeps each piece of a large text.
    return text if text.isprintable() else text.translate(_escapes(kept))


@cache
def _escapes(kept: str) -> dict[int, str]:
    """Return what each unsafe character is shown as."""
    return {code: _escape(code) for codes in _UNSAFE for code in codes if chr(code) not in kept}


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
