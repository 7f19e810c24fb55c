"""What a borrower has, and what all pools have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pika import exceptions as pika_errors

from amqptool.pool.fairy import Fairy

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Error(Exception):
    """The root of what a pool raises."""


class Overflow(Error):
    """A pool has no connection to give, and may not open another one."""


class Timeout(Error):
    """No connection came free in time."""


class Connection:
    """A connection on loan from a pool, with a channel; give it back by leaving the `with` block, or by `release`.

    What is broken, or in doubt, is closed instead, whoever gives it back and why.
    """

    #: What says that the connection, or its channel, is broken.
    connectivity_errors: tuple[type[BaseException], ...] = (
        pika_errors.AMQPConnectionError,
        pika_errors.ChannelClosed,
        pika_errors.ChannelWrongStateError,
        OSError,
    )

    def __init__(self, pool: Pool, fairy: Fairy) -> None:
        self.pool = pool
        self.fairy: Fairy | None = fairy

    @classmethod
    def is_connection_invalidated(cls, exc: BaseException | None) -> bool:
        """Whether an exception says that the connection is broken."""
        return isinstance(exc, cls.connectivity_errors)

    @property
    def channel(self) -> Any:
        """The connection's channel: the one that the last borrower had, or a new one."""
        if self.fairy is None:
            raise Error("the connection was given back to its pool")
        if self.fairy.channel is None:
            self.fairy.channel = self.fairy.open_channel()
        return self.fairy.channel

    def release(self) -> None:
        """Give it back; nothing if that has been done."""
        fairy, self.fairy = self.fairy, None
        if fairy is not None:
            self.pool.release(fairy)

    def close(self) -> None:
        """Close it and give up its place in the pool; nothing if it was given back."""
        fairy, self.fairy = self.fairy, None
        if fairy is not None:
            self.pool.close(fairy)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An interrupt may have come between any two steps.
        if self.is_connection_invalidated(error) or not isinstance(error, Exception | None):
            self.close()
        else:
            self.release()


# Inside Pool the names themselves are its attributes.
_Connection: TypeAlias = Connection
_Fairy: TypeAlias = Fairy


class Pool:
    """What all pools have; `create` opens a new pika connection."""

    #: The types of what `acquire` returns, and of what is in it.
    Connection = Connection
    Fairy = Fairy

    def __init__(self, create: Callable[[], Any]) -> None:
        self.create = create

    def acquire(self, timeout: float | None = None) -> _Connection:
        """Borrow a connection."""
        raise NotImplementedError

    def release(self, fairy: _Fairy) -> None:
        """Take a connection back."""
        raise NotImplementedError

    def close(self, fairy: _Fairy) -> None:
        """Close a connection, whatever state it is in; its errors stay here."""
        fairy.close()


class NullPool(Pool):
    """No pool at all: opens a connection for each `acquire` and closes it afterwards."""

    def acquire(self, timeout: float | None = None) -> _Connection:  # noqa: ARG002 - the interface has it
        """Open a connection."""
        return self.Connection(self, self.Fairy(self.create()))

    def release(self, fairy: _Fairy) -> None:
        """Close a connection."""
        self.close(fairy)
