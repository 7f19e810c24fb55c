"""Who waits for a message that was handed over: a thread, the holder of a future, or the reader of a stream."""

from __future__ import annotations

from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING

from amqptool.errors import InDoubt, PublishError
from amqptool.publish.handover import seconds_left
from amqptool.publish.outcome import Confirmed, Failed, not_sent
from amqptool.publish.window import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.message import Message
    from amqptool.publish.handover import Inbox
    from amqptool.publish.outcome import Outcome


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


class Bells:
    """One bell for each thread that waits; they ring once, for all who wait and all who come later."""

    def __init__(self) -> None:
        self._has_rung = False
        self._bells: list[SimpleQueue[None]] = []

    def wait(self, timeout: float | None) -> None:
        """Wait for the ringing.

        Raises:
            TimeoutError: it did not come within `timeout` seconds.
        """
        bell: SimpleQueue[None] = SimpleQueue()
        self._bells.append(bell)
        try:
            if not self._has_rung:  # looked at after the bell was hung, so that none is missed
                bell.get(timeout=None if timeout is None else max(0.0, timeout))
        except Empty:
            raise TimeoutError from None
        finally:
            self._bells.remove(bell)

    def ring(self, _: object) -> None:
        """Ring, as a callback of a future."""
        self._has_rung = True
        for bell in tuple(self._bells):
            bell.put(None)


class Promise(Future[Confirmed]):
    """A message that somebody waits for later, or not at all.

    A Future is built on a Condition (see `handover`), which the loop's thread needs to resolve it: whoever waits
    here waits for a bell of his own, and asks the Future once it is resolved.
    """

    def __init__(self, message: Message) -> None:
        super().__init__()
        self.message = message
        self._bells = Bells()
        self.add_done_callback(self._bells.ring)  # the first of all callbacks, which may themselves ask for the result

    def result(self, timeout: float | None = None) -> Confirmed:
        """Wait for the outcome; raise it if it is no confirm.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """
        self._bells.wait(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the outcome; return it if it is no confirm.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """
        self._bells.wait(timeout)
        return super().exception(0)

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
        self._bells.ring(self)


class Stream:
    """The messages of one `publish_many`, and their outcomes, which its caller takes.

    It ends with the first message that is refused for what it is, or that cannot be sent, as that of the asyncio
    publisher does; with `skip_refused` it goes on behind a refusal.
    """

    def __init__(self, max_messages: int, max_bytes: int, *, skip_refused: bool = False) -> None:
        self.stopped = False
        #: What ended the stream.
        self.error: Exception | None = None
        self._skip_refused = skip_refused
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._untaken = self._bytes = 0
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()

    @property
    def is_full(self) -> bool:
        """Whether outcomes must be taken before more is sent."""
        return self._untaken >= self._max_messages or self._bytes >= self._max_bytes

    def hand_over(self, message: Message, inbox: Inbox) -> None:
        """Put a message into an inbox, and then count it in; see `Inbox.put` for the errors."""
        inbox.put(Part(self, message))
        self._untaken += 1
        self._bytes += size_of(message)

    def known(self) -> Iterator[Outcome]:
        """Yield the outcomes that are there, after waiting for one if the stream is full."""
        while self._untaken and (self.is_full or not self._outcomes.empty()):
            yield self._take()

    def rest(self) -> Iterator[Outcome]:
        """Yield the outcomes of everything, waiting for them."""
        while self._untaken:
            yield self._take()

    def settle(self, outcome: Outcome) -> None:
        """Take in the outcome of a message."""
        if isinstance(outcome, Failed) and not isinstance(outcome.error, PublishError) and not self._skip_refused:
            self._end(outcome.error)
        self._outcomes.put(outcome)

    def fail(self, message: Message, error: Exception) -> None:
        """Take in why a message was not sent, and the next ones would not be either."""
        self._end(error)
        self._outcomes.put(not_sent(message, error))

    def _end(self, error: Exception) -> None:
        self.stopped = True
        self.error = self.error or error

    def _take(self) -> Outcome:
        outcome = self._outcomes.get()
        self._untaken -= 1
        self._bytes -= size_of(outcome.message)
        return outcome


class Part:
    """One message of a stream."""

    def __init__(self, stream: Stream, message: Message) -> None:
        self.message = message
        self._stream = stream

    def begin(self) -> bool:
        """Say whether the stream still goes on."""
        if self._stream.stopped:
            self._stream.settle(Failed(self.message, PublishError("not sent: the stream ended early", self.message)))
        return not self._stream.stopped

    def settle(self, outcome: Outcome) -> None:
        """Tell the stream."""
        self._stream.settle(outcome)

    def fail(self, error: Exception) -> None:
        """Tell the stream."""
        self._stream.fail(self.message, error)

    def forget(self) -> None:
        """Be in doubt here."""
        self._stream.settle(Failed(self.message, _lost_by_fork(self.message)))


def _lost_by_fork(message: Message) -> InDoubt:
    return InDoubt("in doubt: the process that this one was forked from waits for its confirm", message)
