"""One generated input: a command line with all that it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pika

if TYPE_CHECKING:
    from tests.fuzz.broker import Broker

#: What must never be shown, in whole or in part; each part is a word that stands nowhere else.
SECRET = "S3cr3t/h1dd3n#m4sk3d?v31l3d@c0v3r3d%cl04k3d"
SECRET_PARTS = ("S3cr3t", "h1dd3n", "m4sk3d", "v31l3d", "c0v3r3d", "cl04k3d")
ESCAPED_SECRET = quote(SECRET, safe="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command came to; a negative code is the signal that ended it."""

    words: list[str]
    code: int
    stdout: bytes
    stderr: bytes
    #: The files that it has made or changed.
    left: Mapping[str, bytes]
    #: By the clock, and of a processor.
    seconds: float
    work: float
    #: The most memory that it had, in MiB.
    memory: float
    is_hung: bool = False

    @property
    def document(self) -> Any:
        """What `--json` wrote."""
        return json.loads(self.stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the cases of one worker run."""

    #: The broker, for messages and for topologies, and as a user whose password is the secret.
    messages_url: str
    topologies_url: str
    management_url: str
    #: The port of the scripted peer.
    peer_port: int

    @property
    def for_messages(self) -> dict[str, str]:
        """What leads a command to the queue."""
        return {"AMQPTOOL_URL": self.messages_url, "AMQPTOOL_MANAGEMENT_URL": self.management_url}

    @property
    def for_topologies(self) -> dict[str, str]:
        """What leads a command to where there is nothing yet."""
        return {"AMQPTOOL_URL": self.topologies_url, "AMQPTOOL_MANAGEMENT_URL": self.management_url}

    @property
    def dead_url(self) -> str:
        """Where nobody listens."""
        return f"amqp://fuzz:{ESCAPED_SECRET}@127.0.0.1:1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a case has run, for looking at what it left."""

    directory: Path
    broker: Broker
    #: Runs another command there.
    run: Callable[[list[str]], Outcome]


#: Looks at what came of a case and says what is wrong with it; None: nothing came of it that could be looked at.
Check = Callable[[Outcome, Scene], list[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command line, its standard input, its files and its settings."""

    words: list[str]
    stdin: bytes = b""
    #: By name, in the directory in which the command runs.
    files: dict[str, bytes] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    #: How often a scripted peer that behaves answers it; without, there is none.
    answers: int = 0
    #: What is in the queue.
    message: tuple[bytes, pika.BasicProperties] | None = None
    check: Check | None = None
    #: Whether stdout is bodies as they are, and not text.
    prints_bodies: bool = False
