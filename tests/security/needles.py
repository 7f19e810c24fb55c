"""A password that every parser has trouble with, and all the ways in which a piece of it could show."""

from __future__ import annotations

import traceback
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

PASSWORD = "S3cr3t/#?@%"
ESCAPED = quote(PASSWORD, safe="")
#: Characters in a row that are a leak.
_PIECE = 4


def _pieces() -> set[str]:
    forms = [PASSWORD, ESCAPED, quote(ESCAPED, safe=""), repr(PASSWORD.encode())[2:-1]]
    found = {form[at : at + _PIECE] for form in forms for at in range(len(form) - _PIECE + 1)}
    # Of the characters that a parser stops at alone, any vhost may have some.
    return {piece for piece in found if set(piece) & set("Scrt")} | set(in_base64(PASSWORD, 8))


def in_base64(secret: str, length: int) -> Iterator[str]:
    """Give the first characters of a secret as it looks in base64 (basic authentication), wherever in it it begins."""
    for before in range(3):
        whole = b64encode(b" " * before + secret.encode()).decode().rstrip("=")
        yield whole[4 if before else 0 : -2][:length]


PIECES = _pieces()


def leaks(text: str) -> set[str]:
    """Return the pieces of the password that are in a text."""
    return {piece for piece in PIECES if piece in text}


def words_of(error: BaseException) -> str:
    """Return all that a program could show of an error: itself, and what led to it, also if hidden."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is not None and each not in found:
            found.append(each)
            todo += [each.__cause__, each.__context__]
    shown = [f"{each} {each!r} {each.args}" for each in found]
    return "\n".join([*shown, *traceback.format_exception(error)])
