"""The escapes of broker URLs, such as %2F."""

from __future__ import annotations

from urllib.parse import unquote

from amqptool.errors import ConfigError


def unescape(text: str) -> str:
    """Return what a part of a URL stands for.

    Raises:
        ConfigError: that is not UTF-8; no part of the text is repeated.
    """
    # A decoder's error would hold the whole text.
    plain = unquote(text, errors="surrogateescape")
    if any("\ud800" <= character <= "\udfff" for character in plain):
        raise ConfigError("the escapes in the broker URL are not UTF-8")
    return plain
