"""Messages on their way from any thread to the loop's.

A calling thread may be interrupted between any two instructions (KeyboardInterrupt), and must then leave nothing
locked that the loop's thread needs: it takes plain locks in `with`, and waits in nothing but SimpleQueue, both of
which are C. A Condition, and all that is built on it, is Python and can be left locked.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from amqptool.publish.window import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from amqptool.message import Message
    from amqptool.publish.outcome import Outcome

#: How many messages, and how many bytes of bodies, may wait for the loop's thread to take them up.
MAX_MESSAGES = 1_000
MAX_BYTES = 4 * 1024 * 1024


class Submission(Protocol):
    """One message that a thread hands over."""

    message: Message

    def begin(self) -> bool:
        """Say whether it is still to be sent; asked once, right before that."""
        ...

    def settle(self, outcome: Outcome) -> None:
        """Take what became of it, after it was sent."""
        ...

    def fail(self, error: Exception) -> None:
        """Take why it was not sent."""
        ...

    def forget(self) -> None:
        """End in a forked child, where no outcome will come."""
        ...


class Inbox:
    """What was handed over and not taken up yet: in order, and bounded."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self.closed = False
        self._wake = wake
        self._lock = Lock()
        self._submissions: list[Submission] = []
        self._bytes = 0
        self._waiting: list[SimpleQueue[None]] = []

    def __iter__(self) -> Iterator[Submission]:
        return iter(self._submissions)

    def put(self, submission: Submission, deadline: float | None = None, *, wait: bool = True) -> None:
        """Hand a message over, waiting for room.

        Raises:
            queue.Empty: there was no room until the deadline, in seconds of `time.monotonic`.
            RuntimeError: it is closed.
        """
        size = size_of(submission.message)
        while True:
            with self._lock:
                if self.closed:
                    raise RuntimeError("the BlockingPublisher is closed")
                if not wait or (len(self._submissions) < MAX_MESSAGES and self._bytes < MAX_BYTES):
                    # The wake-up comes first: after an interrupt here nothing lies unseen.
                    if not self._submissions:
                        self._wake()
                    self._submissions.append(submission)
                    self._bytes += size
                    return
                room: SimpleQueue[None] = SimpleQueue()
                self._waiting.append(room)
            room.get(timeout=seconds_left(deadline))

    def take(self) -> list[Submission]:
        """Take out everything."""
        with self._lock:
            taken, self._submissions, self._bytes = self._submissions, [], 0
            self._let_in()
        return taken

    def close(self) -> None:
        """Let nothing more in."""
        with self._lock:
            if not self.closed:
                self.closed = True
                self._wake()
                self._let_in()

    def _let_in(self) -> None:
        for room in self._waiting:
            room.put(None)
        self._waiting.clear()


def seconds_left(deadline: float | None) -> float | None:
    """Return how long to wait for a deadline, in seconds of `time.monotonic`."""
    return None if deadline is None else max(0.0, deadline - monotonic())
