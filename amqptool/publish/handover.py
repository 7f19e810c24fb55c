"""Messages on their way from any thread to the loop's, and what became of them on the way back.

A calling thread may be interrupted between any two instructions (KeyboardInterrupt), and must then leave nothing
locked that the loop's thread needs: it takes plain locks in `with`, and waits in nothing but SimpleQueue, both of
which are C. A Condition, and all that is built on it, is Python and can be left locked.
"""

from __future__ import annotations

from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from amqptool.errors import InDoubt
from amqptool.publish.outcome import Confirmed, Failed

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
        size = _size(submission.message)
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


class Call:
    """A message that one thread waits for."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self._answer: SimpleQueue[Confirmed | Exception] = SimpleQueue()
        self._turn = Lock()

    def begin(self) -> bool:
        """Say whether it was not withdrawn."""
        return self._turn.acquire(blocking=False)

    def withdraw(self) -> bool:
        """Keep it from being sent; return whether that was still possible."""
        return self._turn.acquire(blocking=False)

    def settle(self, outcome: Outcome) -> None:
        """Wake the waiting thread."""
        self._answer.put(outcome.error if isinstance(outcome, Failed) else outcome)

    def fail(self, error: Exception) -> None:
        """Wake the waiting thread."""
        self._answer.put(error)

    def forget(self) -> None:
        """Do nothing: the thread that waits is in the parent alone."""

    def result(self, deadline: float | None) -> Confirmed:
        """Wait for the outcome; raise it if it is no confirm.

        Raises:
            queue.Empty: none came until the deadline.
        """
        answer = self._answer.get(timeout=seconds_left(deadline))
        if isinstance(answer, Exception):
            raise answer
        return answer


class Promise(Future[Confirmed]):
    """A message that somebody waits for later, or not at all."""

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message

    def begin(self) -> bool:
        """Say whether it was not cancelled; from now on it cannot be."""
        return self.set_running_or_notify_cancel()

    def settle(self, outcome: Outcome) -> None:
        """Resolve."""
        if isinstance(outcome, Failed):
            self.set_exception(outcome.error)
        else:
            self.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Resolve."""
        self.set_exception(error)

    def forget(self) -> None:
        """Be in doubt here, without the callbacks, which are the parent's."""
        # A thread that was not forked may have held the lock, which no one can open here.
        self._condition._at_fork_reinit()  # type: ignore[attr-defined]
        self._done_callbacks.clear()  # type: ignore[attr-defined]
        if not self.done():
            self.set_exception(_lost_by_fork(self.message))


class Stream:
    """The messages of one `publish_many`, and their outcomes, which its caller takes."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.stopped = False
        #: Why a message was not sent, which ends the stream.
        self.error: Exception | None = None
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._untaken = self._bytes = 0
        self._events: SimpleQueue[tuple[Message, Outcome | None]] = SimpleQueue()

    @property
    def is_full(self) -> bool:
        """Whether outcomes must be taken before more is sent."""
        return self._untaken >= self._max_messages or self._bytes >= self._max_bytes

    def part(self, message: Message) -> Part:
        """Count a message in."""
        self._untaken += 1
        self._bytes += _size(message)
        return Part(self, message)

    def known(self) -> Iterator[Outcome]:
        """Yield the outcomes that are there, after waiting for one if the stream is full."""
        while self._untaken and (self.is_full or not self._events.empty()):
            yield from self._take()

    def rest(self) -> Iterator[Outcome]:
        """Yield the outcomes of everything, waiting for them."""
        while self._untaken:
            yield from self._take()

    def report(self, message: Message, outcome: Outcome | None) -> None:
        """Take in the outcome of a message, or that it was not sent."""
        self._events.put((message, outcome))

    def _take(self) -> Iterator[Outcome]:
        message, outcome = self._events.get()
        self._untaken -= 1
        self._bytes -= _size(message)
        if outcome is not None:
            yield outcome


class Part:
    """One message of a stream."""

    def __init__(self, stream: Stream, message: Message) -> None:
        self.message = message
        self._stream = stream

    def begin(self) -> bool:
        """Say whether the stream still goes on."""
        if self._stream.stopped:
            self._stream.report(self.message, None)
        return not self._stream.stopped

    def settle(self, outcome: Outcome) -> None:
        """Report the outcome."""
        self._stream.report(self.message, outcome)

    def fail(self, error: Exception) -> None:
        """End the stream, as an error of the asyncio publisher's does."""
        self._stream.stopped = True
        self._stream.error = self._stream.error or error
        self._stream.report(self.message, None)

    def forget(self) -> None:
        """Be in doubt here."""
        self._stream.report(self.message, Failed(self.message, _lost_by_fork(self.message)))


def seconds_left(deadline: float | None) -> float | None:
    """Return how long to wait for a deadline, in seconds of `time.monotonic`."""
    return None if deadline is None else max(0.0, deadline - monotonic())


def _size(message: Message) -> int:
    # A body of another type is refused later, in the publisher's words.
    return len(message.body) if isinstance(message.body, bytes) else 0


def _lost_by_fork(message: Message) -> InDoubt:
    return InDoubt("in doubt: the process that this one was forked from waits for its confirm", message)
