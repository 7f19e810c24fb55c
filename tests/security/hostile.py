"""Two hundred texts with which somebody has tried to make a terminal, a log or a reader believe something."""

from __future__ import annotations

import re

from tests.support.terminal import BIDI_CONTROLS

_ESC = "\x1b"
_SEQUENCES = [
    f"{_ESC}[2J",
    f"{_ESC}[1;1H",
    f"{_ESC}[31mred",
    f"{_ESC}[5m",
    f"{_ESC}[?25l",
    f"{_ESC}[?1049h",
    f"{_ESC}[6n",
    f"{_ESC}[c",
    f"{_ESC}[8;1;1t",
    f"{_ESC}[21t",
    f"{_ESC}[3J",
    f"{_ESC}c",
    f"{_ESC}#8",
    f"{_ESC}(0",
    f"{_ESC}]0;title\x07",
    f"{_ESC}]2;t{_ESC}\\",
    f"{_ESC}]8;;http://evil/{_ESC}\\click{_ESC}]8;;{_ESC}\\",
    f"{_ESC}]52;c;ZXZpbA==\x07",
    f"{_ESC}]1337;File=:AA==\x07",
    f"{_ESC}]50;x\x07",
    f"{_ESC}P+q544e{_ESC}\\",
    f"{_ESC}_G{_ESC}\\",
    f"{_ESC}^x{_ESC}\\",
    f"{_ESC}X{_ESC}\\",
    f"{_ESC}",
    f"{_ESC}[",
    "\x9b31m",
    "\x9b2J",
    "\x9d0;t\x9c",
    "\x90x\x9c",
    "\x85next",
    "\x84",
    "\x8d",
]
_LINES = [
    "one\ntwo",
    "one\r\ntwo",
    "over\rwritten",
    "a\x0bb",
    "a\x0cb",
    "a\u2028b",
    "a\u2029b",
    "a\x85b",
    "a\x1cb",
    "a\x1eb",
    "x\namqptool: error: forged",
    "x\namqptool: warning: forged",
    '\n{"level": "info", "message": "forged"}',
    "\n[31mno",
    'x"}\n{"time": "2026-01-01T00:00:00.000Z", "level": "error", "logger": "amqptool", "message": "forged"}',
    "p\bpa\bas\bs",
    "_\bu",
    "\x7f\x7f\x7f",
    "secret\b\b\b\b\b\b      ",
    "\x07\x07",
    "\x0e\x0f",
    "\x00",
    "a\x00b",
    "\tt\t",
]
_BIDI = [f"a{mark}b" for mark in sorted(BIDI_CONTROLS)]
_MARKUP = [
    "[/b]",
    "[/]",
    "[b]bold",
    "[link=file:///etc/passwd]x[/link]",
    "[link=http://evil]",
    "[red on blue]x",
    "[bold",
    "]",
    "[[",
    "\\[",
    ":smiley:",
    ":skull:",
    "[@click=app.bell]x[/]",
    "{0}",
    "{message}",
    "%s",
    "%(name)s",
    "%n%n",
    "${HOME}",
    "$(id)",
    "`id`",
    "<script>",
]
_SURROGATES = ["\ud800", "a\udfffb", "\udc9b", "\ud83d", "\udc80\udcff"]
_LONG = ["x" * 200, "\x1b" * 60, "é" * 100, "\u202e" * 60, "[b]" * 60, "🍵" * 50]
_EACH = [f"<{chr(code)}>" for code in (*range(0x20), *range(0x7F, 0xA0))]
_AND = [f"{_ESC}[{number}{letter}" for number in range(4) for letter in "ABCDGJKLMPST@"]

#: All of them, each once.
CORPUS = list(dict.fromkeys([*_SEQUENCES, *_LINES, *_BIDI, *_MARKUP, *_SURROGATES, *_LONG, *_EACH, *_AND]))[:200]

#: What amqptool itself writes on a terminal: colours, the cursor's visibility, and the way back over its own line.
_OURS = re.compile(r"\x1b\[(?:0|1|2|[13][0-9](?:;[0-9]+)*)m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r(?=[\n\x1b])|\r+\n")


def not_ours(seen: str, *, plain: bool) -> str:
    """Return what came on a terminal without what is the terminal's own, or amqptool's; `plain`: it has no colours."""
    return seen.replace("\r\n", "\n") if plain else _OURS.sub("", seen)
