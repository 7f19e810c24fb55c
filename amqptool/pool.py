"""pika-pool's interface on pika 1.x: code written for `pika_pool` runs by changing the import.

It serves such code only. A blocking channel waits a round trip for each confirm, with no deadline; what is new is
better off with `BlockingPublisher`. Make pools after `os.fork`, not before.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections import deque
from contextlib import contextmanager, suppress
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from pika import exceptions as pika_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["Connection", "Error", "NullPool", "Overflow", "Pool", "QueuedPool", "Timeout"]

log = logging.getLogger(__name__)

#: Seconds for a connection's closing handshake, after which it is dropped.
CLOSE_TIMEOUT = 5.0

#: How a publish may end that leaves nothing open between us and the broker.
_ANSWERS = (pika_errors.UnroutableError, pika_errors.NackError)


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

    def __init__(self, pool: Pool, fairy: Pool.Fairy) -> None:
        self.pool = pool
        self.fairy: Pool.Fairy | None = fairy

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


_Borrowed: TypeAlias = Connection


class Pool:
    """What all pools have; `create` opens a new pika connection."""

    #: The type of what `acquire` returns.
    Connection = Connection

    def __init__(self, create: Callable[[], Any]) -> None:
        self.create = create

    def acquire(self, timeout: float | None = None) -> _Borrowed:
        """Borrow a connection."""
        raise NotImplementedError

    def release(self, fairy: Fairy) -> None:
        """Take a connection back."""
        raise NotImplementedError

    def close(self, fairy: Fairy) -> None:
        """Close a connection, whatever state it is in; its errors stay here."""
        fairy.close()

    class Fairy:
        """A pika connection (`cxn`) with its channel, and how the calls on that ended."""

        def __init__(self, cxn: Any) -> None:
            self.cxn = cxn
            self.channel: Any = None
            self._calls = 0
            self._has_failed = False

        def __str__(self) -> str:
            params = self.cxn._impl.params  # BlockingConnection has them, but does not show them
            where = f"{params.host}:{params.port}/{params.virtual_host}"
            return f"cxn={where}, channel={self.channel and self.channel.channel_number}"

        @property
        def is_sound(self) -> bool:
            """Whether the next borrower finds nothing of the last one's: no confirm pending, no consumer."""
            channel = self.channel
            if self._calls or self._has_failed or not self.cxn.is_open:
                return False
            return channel is None or (channel.is_open and not channel.consumer_tags)

        def answers(self, timeout: float) -> bool:
            """Whether the broker still answers, by opening and closing a channel."""
            with _dropped_after(timeout, self.cxn):
                self.cxn.channel().close()
            return self.is_sound

        def open_channel(self) -> Any:
            """Open a channel that counts the calls on it which have not ended.

            A call that is interrupted while it waits leaves its answer to the next one: pika takes any
            confirm for that of the message which it waits for.
            """
            channel = self.cxn.channel()
            for name, _ in inspect.getmembers(type(channel), inspect.isfunction):
                if not name.startswith("_"):
                    setattr(channel, name, self._counting(getattr(channel, name)))
            return channel

        def close(self) -> None:
            """Close the connection in order if it answers, else drop it.

            After an interrupt that may have come between pika's sending something and its noting that, the
            closing handshake would send it again.
            """
            try:
                if self.cxn.is_open and not self._calls:
                    with _dropped_after(CLOSE_TIMEOUT, self.cxn):
                        self.cxn.close()
            except Exception as error:  # there is nothing more to be done, and the caller has an error of its own
                log.debug("closing a connection: %r", error)
            finally:
                if self.cxn.is_open:
                    _drop(self.cxn)

        def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(call)
            def counted(*args: Any, **kwargs: Any) -> Any:
                self._calls += 1
                try:
                    result = call(*args, **kwargs)
                except pika_errors.AMQPError as error:
                    self._calls -= 1
                    self._has_failed = self._has_failed or not isinstance(error, _ANSWERS)
                    raise
                self._calls -= 1
                return result

            return counted


class NullPool(Pool):
    """No pool at all: opens a connection for each `acquire` and closes it afterwards."""

    def acquire(self, timeout: float | None = None) -> _Borrowed:  # noqa: ARG002 - the interface has it
        """Open a connection."""
        return self.Connection(self, self.Fairy(self.create()))

    def release(self, fairy: Pool.Fairy) -> None:
        """Close a connection."""
        self.close(fairy)


class QueuedPool(Pool):
    """Keeps up to `max_size` connections for the next borrower, and lends `max_overflow` more at a time.

    `timeout` is how many seconds `acquire` waits; `recycle` and `stale` are the seconds since its opening, and since
    its last use, after which a connection is not lent again.
    """

    #: Seconds without a borrower after which a connection is lent only if the broker answers on it, and how
    #: many it has for that: while it lies here nobody reads from it, not even heartbeats.
    check_after = 10.0
    check_timeout = 5.0

    def __init__(
        self,
        create: Callable[[], Any],
        max_size: int = 10,
        max_overflow: int = 10,
        timeout: float = 30,
        recycle: float | None = None,
        stale: float | None = None,
    ) -> None:
        super().__init__(create)
        self.max_size = max_size
        self.max_overflow = max_overflow
        self.timeout = timeout
        self.recycle = recycle
        self.stale = stale
        self._lock = threading.Lock()
        self._change = threading.Condition(self._lock)
        self._idle: deque[QueuedPool.Fairy] = deque()
        self._open = 0

    def acquire(self, timeout: float | None = None) -> _Borrowed:
        """Borrow a connection, opening one if none is idle and another one is allowed.

        Raises:
            Timeout: none came free within `timeout` seconds, or the pool's own `timeout`.
        """
        deadline = monotonic() + (timeout or self.timeout)
        while (fairy := self._next(deadline)) is not None:
            try:
                if self._may_be_lent(fairy):
                    return self.Connection(self, fairy)
            except BaseException:
                self.close(fairy)
                raise
            self.close(fairy)
        return self.Connection(self, self._create())

    def release(self, fairy: Pool.Fairy) -> None:
        """Keep a connection for the next borrower, if it is sound and there is room."""
        if isinstance(fairy, QueuedPool.Fairy) and fairy.is_sound:
            fairy.released_at = monotonic()
            with self._lock:
                if len(self._idle) < self.max_size:
                    self._idle.append(fairy)
                    self._change.notify_all()
                    return
        self.close(fairy)

    def close(self, fairy: Pool.Fairy) -> None:
        """Close a connection and give its place to whoever waits for one."""
        try:
            super().close(fairy)
        finally:
            self._give_place_up()

    def is_stale(self, fairy: QueuedPool.Fairy) -> bool:
        """Whether nobody has used a connection for too long."""
        return bool(self.stale and monotonic() - fairy.released_at > self.stale)

    def is_expired(self, fairy: QueuedPool.Fairy) -> bool:
        """Whether a connection was opened too long ago."""
        return bool(self.recycle and monotonic() - fairy.created_at > self.recycle)

    class Fairy(Pool.Fairy):
        """Also knows when it was opened and given back, in seconds of `time.monotonic`."""

        def __init__(self, cxn: Any) -> None:
            super().__init__(cxn)
            self.created_at = self.released_at = monotonic()

        def __str__(self) -> str:
            now = monotonic()
            ages = f"opened {now - self.created_at:.0f} s ago, last used {now - self.released_at:.0f} s ago"
            return f"{super().__str__()}, {ages}"

    def _next(self, deadline: float) -> QueuedPool.Fairy | None:
        """Take an idle connection, or else, returning None, the place to open one in."""
        with self._lock:
            while not self._idle and self._open >= self.max_size + self.max_overflow:
                if not self._change.wait(deadline - monotonic()):
                    raise Timeout(f"all {self._open} connections are in use, and none came free in time")
            if self._idle:
                return self._idle.popleft()
            self._open += 1
            return None

    def _create(self) -> QueuedPool.Fairy:
        """Open a connection in a place that was taken for it."""
        try:
            return self.Fairy(self.create())
        except BaseException:
            self._give_place_up()
            raise

    def _give_place_up(self) -> None:
        with self._lock:
            self._open -= 1
            self._change.notify_all()

    def _may_be_lent(self, fairy: QueuedPool.Fairy) -> bool:
        if self.is_expired(fairy) or self.is_stale(fairy):
            log.info("closing a connection that is too old: %s", fairy)
            return False
        try:
            # Reads what came meanwhile: that the connection or the channel was closed, above all.
            fairy.cxn.process_data_events(0)
            idle = monotonic() - fairy.released_at
            return fairy.is_sound and (idle < self.check_after or fairy.answers(self.check_timeout))
        except Exception as error:
            log.info("closing a connection that was lost: %s: %r", fairy, error)
            return False


@contextmanager
def _dropped_after(seconds: float, cxn: Any) -> Iterator[None]:
    """Drop a connection if the block takes longer: pika waits for an answer for ever (pika issue 764)."""
    impl = cxn._impl
    # A timer of BlockingConnection's own runs between its calls, and not within one.
    timer = impl._adapter_call_later(seconds, lambda: _hang_up(impl))
    try:
        yield
    finally:
        if cxn.is_open:
            impl._adapter_remove_timeout(timer)


def _drop(cxn: Any) -> None:
    """Drop a connection without the closing handshake."""
    _hang_up(cxn._impl)
    with suppress(Exception):  # tells that the connection is lost
        cxn.process_data_events(CLOSE_TIMEOUT)


def _hang_up(impl: Any) -> None:
    # pika has no public way to drop a connection without the closing handshake.
    impl._terminate_stream(pika_errors.ConnectionOpenAborted())
