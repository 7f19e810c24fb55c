"""The one place through which foreign text passes on its way to a terminal or a log line."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, bidirectional controls, line and paragraph separators, lone surrogates:
# all that can move a cursor, forge a line or reorder what a reader sees (CVE-2021-42574 for bidi).
_UNSAFE = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE_IN_TEXT = f"[{_UNSAFE}]"
_UNSAFE_IN_LINE = rf"[\t\n{_UNSAFE}]"


def clean_line(text: str) -> str:
    """Escape everything that a terminal would act on, and line breaks and tabs too."""
    return _escaped(_UNSAFE_IN_LINE, text)


def clean_text(text: str) -> str:
    """Escape everything that a terminal would act on, but keep line breaks and tabs."""
    return _escaped(_UNSAFE_IN_TEXT, text)


def clean_body(body: bytes) -> str:
    """Return a body as text that is safe on a terminal; bytes that are no UTF-8 show as `\\x..`."""
    return clean_text(body.decode("utf-8", "backslashreplace"))


def hide_passwords(text: str) -> str:
    """Hide the passwords of URLs in what people typed, which an error repeats."""
    if "://" not in text or "@" not in text:
        return text
    # To the last @ of the word, since a password may hold what should have been escaped; our own hints stay.
    return re.sub(r"(://[^\s:/@]*:)(?!password@|PASSWORD@)\S*@", r"\1***@", text)


def _escaped(unsafe: str, text: str) -> str:
    # Nothing unsafe is printable, and most texts are: they need no pattern, which takes long to compile.
    return text if text.isprintable() else re.sub(unsafe, _escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
