"""Threads that take turns, in the order of their coming."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


class Turns:
    """A lock that goes to whoever has waited longest; `threading.Lock` goes to anybody, often to the last holder."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._taken = False
        self._waiting: deque[Lock] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # until whoever is before us leaves

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    @contextmanager
    def if_free(self) -> Iterator[bool]:
        """Take a turn only if nobody has one; give whether it was taken."""
        with self._mutex:
            is_free, self._taken = not self._taken, True
        try:
            yield is_free
        finally:
            if is_free:
                self._leave()

    def _leave(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
