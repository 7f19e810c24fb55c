"""The file of messages that did not go, as records that `publish --jsonl` sends again with the same ids."""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError
from amqptool.publish.journal import Journal
from amqptool.publish.making import SourcedMessage
from amqptool.publish.outcome import Confirmed
from amqptool.records import message_to_record, time_to_json

if TYPE_CHECKING:
    from amqptool.message import Message
    from amqptool.publish.outcome import Outcome


def open_failed(path: str, *, resume: bool) -> int:
    """Open a file for what fails, or stdout for `-`.

    What is in it is somebody's work: it is refused, unless the run that left it goes on and tries it all again.

    Raises:
        InputError: there is something in it.
        OSError: it cannot be opened.
    """
    if path == "-":
        return os.dup(sys.stdout.fileno())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return descriptor
    if resume:
        os.ftruncate(descriptor, 0)
        return descriptor
    os.close(descriptor)
    raise InputError(f"{path} holds what another run did not get through: publish it with --jsonl, or remove it")


class FailedBook:
    """Writes a record of each message that did not go."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.journal = Journal(descriptor, path)

    def title(self) -> str:
        """Return nothing: the file is records alone."""
        return ""

    def line(self, outcome: Outcome) -> str:
        """Return a failed message's record."""
        if isinstance(outcome, Confirmed):
            return ""
        return f"{json.dumps(_record(outcome.message))}\n"

    def bad_line(self, number: int, error: InputError | OSError) -> str:
        """Return nothing: what is no message is no record."""
        del number, error
        return ""


def _record(message: Message) -> dict[str, Any]:
    record = message_to_record(message)
    if isinstance(message, SourcedMessage) and message.received_at is not None:
        record["received_at"] = time_to_json(message.received_at)
    return record
