"""Changes to valid inputs, so that what is wrong with them lies deep: to trees of values, to bytes, to words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from tests.fuzz import oddities

#: Bytes that a text or a binary format gives a meaning to.
PIECES = (
    *(b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85", b"\r", b"\n", b"\n  ", b"\t", b" "),
    *(
        b": ",
        b"- ",
        b"? ",
        b'"',
        b"'",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"|\n",
        b">-\n",
        b"---\n",
    ),
    *(
        b"...\n",
        b"%YAML 1.1\n",
        b"#",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!int ",
        b"!!binary ",
        b"!!set ",
        b"${X}",
        b"${A:-",
        b"null",
    ),
    *(
        b"NaN",
        b"1e999",
        b"9" * 5_000,
        b"\x1b]0;",
        b"\xe2\x80\xae",
        b"\x80" * 8,
        b"\x7f\xff\xff\xff",
        b"\x00\x00\x00\x01",
    ),
)
Place = tuple[Any, Any]


def tree(random: Random, document: Any, donors: Sequence[Any], keys: Sequence[str]) -> Any:
    """Change a tree of lists and tables in one to three places; `donors` and `keys` are what may come there."""
    root = [copy.deepcopy(document)]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        container, key = random.choice(list(_places(root)))
        random.choice(_CHANGES)(random, container, key, donors, keys)
        if not root:
            return None
    return root[0]


def _places(node: Any) -> Iterator[Place]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in items:
        yield node, key
        yield from _places(inner)


def _replace(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    del donors, keys
    container[key] = oddities.value(random)


def _replace_alike(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    del donors, keys
    old = container[key]
    container[key] = oddities.text(random) if isinstance(old, str) else oddities.scalar(random)


def _splice(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    del keys
    donor, place = random.choice(list(_places([random.choice(donors)])))
    container[key] = copy.deepcopy(donor[place])


def _drop(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    del random, donors, keys
    del container[key]


def _repeat(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    del donors
    again = copy.deepcopy(container[key])
    if isinstance(container, list):
        container.insert(random.randrange(len(container) + 1), again)
    else:
        container[random.choice(keys)] = again


def _rename(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    if isinstance(container, list):
        _wrap(random, container, key, donors, keys)
    else:
        new = random.choice((misspelt(random, str(key)), random.choice(keys), oddities.text(random)))
        container[new] = container.pop(key)


def _add(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    inner = container[key]
    if isinstance(inner, dict):
        inner[random.choice(keys)] = oddities.value(random)
    elif isinstance(inner, list):
        inner.append(oddities.value(random))
    else:
        _replace_alike(random, container, key, donors, keys)


def _wrap(random: Random, container: Any, key: Any, donors: Sequence[Any], keys: Sequence[str]) -> None:
    del donors
    old = container[key]
    container[key] = random.choice(([old], {random.choice(keys): old}, [old, old], str(old)))


_CHANGES: tuple[Callable[[Random, Any, Any, Sequence[Any], Sequence[str]], None], ...] = (
    *(_replace, _replace_alike, _replace_alike, _splice, _splice, _drop, _repeat, _rename, _add, _wrap),
)


def misspelt(random: Random, word: str) -> str:
    """Return a word with one slip in it."""
    if not word:
        return "x"
    at = random.randrange(len(word))
    slips = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word.upper(),
        word.replace("_", "-"),
        f"{word} ",
        f"{word}s",
    )
    return random.choice(slips)


def octets(random: Random, content: bytes, donor: bytes) -> bytes:
    """Change bytes in one to three places."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content = random.choice(_EDITS)(random, content, donor)
    return content


def _cut(random: Random, content: bytes) -> int:
    return random.randrange(len(content) + 1)


def _insert(random: Random, content: bytes, donor: bytes) -> bytes:
    at = _cut(random, content)
    piece = random.choice(
        (random.choice(PIECES), random.choice(PIECES), random.randbytes(random.randrange(1, 5)), donor[:50])
    )
    return content[:at] + piece + content[at + random.choice((0, 0, 1, len(piece))) :]


def _remove(random: Random, content: bytes, donor: bytes) -> bytes:
    del donor
    at = _cut(random, content)
    return content[:at] + content[at + random.choice((1, 1, 2, 10, 1000)) :]


def _flip(random: Random, content: bytes, donor: bytes) -> bytes:
    if not content:
        return donor
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _truncate(random: Random, content: bytes, donor: bytes) -> bytes:
    del donor
    return content[: _cut(random, content)]


def _join(random: Random, content: bytes, donor: bytes) -> bytes:
    return content[: _cut(random, content)] + donor[_cut(random, donor) :]


def _repeat_part(random: Random, content: bytes, donor: bytes) -> bytes:
    del donor
    start, end = sorted((_cut(random, content), _cut(random, content)))
    return content[:end] + content[start:end] * random.choice((1, 1, 2, 20)) + content[end:]


def _swap_lines(random: Random, content: bytes, donor: bytes) -> bytes:
    del donor
    lines = content.splitlines(keepends=True)
    random.shuffle(lines)
    return b"".join(lines)


_EDITS = (_insert, _insert, _insert, _remove, _flip, _flip, _truncate, _join, _repeat_part, _swap_lines)
