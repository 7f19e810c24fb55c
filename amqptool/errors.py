"""Every exception amqptool raises, in one tree.

::

    AmqptoolError
    ├── ConfigError              a setting, a profile or a URL is wrong
    ├── InputError               data handed in cannot be used; nothing of it was sent
    ├── CodecError               a body is not what it says it is, or a value has no such body
    ├── TopologyError            a topology file has problems, all of them listed
    ├── InUse                    left alone: it holds messages, or somebody uses it
    ├── BrokerError              the broker, or the way to it, said no
    │   ├── BrokerUnavailable    not reachable, or the connection was lost
    │   │   └── ManagementUnavailable  only the management API is not reachable, for all we know
    │   ├── BrokerBlocked        reachable, but an alarm stops it from taking messages
    │   ├── AccessRefused        credentials, permissions or the vhost
    │   ├── NotFound             the exchange or queue does not exist
    │   ├── PreconditionFailed   it exists with other properties (AMQP 406)
    │   └── ManagementError      the management API answered with an error
    ├── PublishError             one message did not arrive
    │   ├── Unroutable           returned: no queue took it
    │   ├── Nacked               the broker refused responsibility for it
    │   └── InDoubt              sent, and no answer came
    ├── HandlerError             a handler cannot be loaded
    └── DedupError               the dedup store cannot be used

The branches answer what a caller can do: correct the input, wait and try again, ask for
rights, or look at one message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.message import Message


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str
    rule: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        word = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}: {word}{self.message} [{self.rule}]"


class AmqptoolError(Exception):
    """The root of everything that amqptool raises on purpose."""


class ConfigError(AmqptoolError):
    """A setting is missing, malformed or contradicts another one."""


class InputError(AmqptoolError):
    """Data handed in (a line, a record, an option value) cannot be used."""


class CodecError(AmqptoolError):
    """A value cannot be made into a body, or a body into a value."""


class TopologyError(AmqptoolError):
    """A topology has problems; `problems` lists all of them, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class InUse(AmqptoolError):
    """Something was left alone because it holds messages, or because somebody uses it."""


class BrokerError(AmqptoolError):
    """The broker refused an operation, or could not be asked.

    `reply_code` is the AMQP reply code (0-9-1 section 1.2) where the broker gave one.
    """

    def __init__(self, message: str, *, reply_code: int | None = None) -> None:
        super().__init__(message)
        self.reply_code = reply_code


class BrokerUnavailable(BrokerError):
    """The broker cannot be reached, or the connection to it was lost."""


class ManagementUnavailable(BrokerUnavailable):
    """The management API cannot be reached; whether the broker can is another question."""


class BrokerBlocked(BrokerError):
    """The broker has blocked publishing because of a memory or disk alarm."""


class AccessRefused(BrokerError):
    """The credentials, the permissions or the vhost were refused."""


class NotFound(BrokerError):
    """The exchange or queue does not exist."""


class PreconditionFailed(BrokerError):
    """The object exists with other properties, or a condition of the request does not hold."""


class ManagementError(BrokerError):
    """The management API answered with an error; `reply_code` is the HTTP status."""


class PublishError(AmqptoolError):
    """One message was not accepted by the broker; `message` is that message."""

    def __init__(self, reason: str, message: Message) -> None:
        super().__init__(reason)
        self.message = message


class Unroutable(PublishError):
    """The broker returned the message: no queue took it."""


class Nacked(PublishError):
    """The broker answered `basic.nack`: it did not take responsibility for the message."""


class InDoubt(PublishError):
    """The message was sent and no confirm came: it may or may not be in its queues."""


class HandlerError(AmqptoolError):
    """A handler cannot be found, imported or called."""


class DedupError(AmqptoolError):
    """The dedup store cannot be opened, read or written."""
