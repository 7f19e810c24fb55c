"""Messages whose bodies are checked before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import InputError

if TYPE_CHECKING:
    from amqptool.publish.making import MakeMessage, SourcedMessage
    from amqptool.topology.bodies.checker import BodyChecker


def checked(make: MakeMessage, checker: BodyChecker) -> MakeMessage:
    """Make the same messages, but for those whose bodies do not fit their schemas: of these, raise an InputError."""

    def make_checked(number: int, name: str, body: bytes) -> SourcedMessage:
        message = make(number, name, body)
        if flaw := checker.flaw(message):
            raise InputError(flaw)
        return message

    return make_checked
