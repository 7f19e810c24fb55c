"""The pool that keeps connections for the next borrower."""

from __future__ import annotations

import logging
import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from amqptool.pool.lending import Pool, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.pool.fairy import Fairy
    from amqptool.pool.lending import Connection

log = logging.getLogger(__name__)


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
        self._idle: deque[Fairy] = deque()
        self._open = 0

    def acquire(self, timeout: float | None = None) -> Connection:
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

    def release(self, fairy: Fairy) -> None:
        """Keep a connection for the next borrower, if it is sound and there is room."""
        if fairy.is_sound:
            fairy.released_at = monotonic()
            with self._lock:
                if len(self._idle) < self.max_size:
                    self._idle.append(fairy)
                    self._change.notify_all()
                    return
        self.close(fairy)

    def close(self, fairy: Fairy) -> None:
        """Close a connection and give its place to whoever waits for one."""
        try:
            super().close(fairy)
        finally:
            self._give_place_up()

    def is_stale(self, fairy: Fairy) -> bool:
        """Whether nobody has used a connection for too long."""
        return bool(self.stale and monotonic() - fairy.released_at > self.stale)

    def is_expired(self, fairy: Fairy) -> bool:
        """Whether a connection was opened too long ago."""
        return bool(self.recycle and monotonic() - fairy.created_at > self.recycle)

    def _next(self, deadline: float) -> Fairy | None:
        """Take an idle connection, or else, returning None, the place to open one in."""
        with self._lock:
            if not self._change.wait_for(self._is_possible, max(0.0, deadline - monotonic())):
                raise Timeout(f"all {self._open} connections are in use, and none came free in time")
            if self._idle:
                return self._idle.popleft()
            self._open += 1
            return None

    def _is_possible(self) -> bool:
        return bool(self._idle) or self._open < self.max_size + self.max_overflow

    def _create(self) -> Fairy:
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

    def _may_be_lent(self, fairy: Fairy) -> bool:
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
