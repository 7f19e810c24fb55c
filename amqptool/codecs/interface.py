"""What every codec does, and how far decoding may go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"([^"]*)"|([^\s;]*))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far decoding may go; what goes further is a `CodecError`."""

    #: Bytes that a body may have once it is decompressed.
    max_size: int = 64 * 1024 * 1024
    #: How many times its compressed size that may be, beyond the first MiB.
    max_ratio: int = 200
    #: Lists and objects within each other.
    max_depth: int = 200


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type such as `text/plain; charset=utf-8`, in lower case, with its parameters."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ContentType:
        """Read a content type; whatever follows the name and is no parameter is ignored."""
        name, semicolon, rest = text.partition(";")
        found = _PARAMETER.findall(semicolon + rest)
        return cls(name.strip().lower(), {key.lower(): quoted or plain for key, quoted, plain in found})


class Codec(Protocol):
    """Turns values into bodies, and bodies into values."""

    @property
    def content_type(self) -> str:
        """What a message says that it holds, unless its publisher says it otherwise."""
        ...

    def encode(self, value: Any, content_type: ContentType, /) -> bytes:
        """Return the body for a value.

        Raises:
            CodecError: the content type has no way to say this value without changing it.
            ConfigError: the library that this takes is not installed.
        """
        ...

    def decode(self, body: bytes, content_type: ContentType, limits: Limits, /) -> Any:
        """Return the value of a body.

        Raises:
            CodecError: the body is not what its content type says, or goes beyond the limits.
            ConfigError: the library that this takes is not installed.
        """
        ...
