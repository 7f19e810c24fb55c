"""A file's content that somebody has read already, such as standard input's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """What stands for a file: its content, and the name it goes by in problems."""

    name: str
    data: str | bytes
