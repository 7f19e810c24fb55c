"""A thread with an event loop on which the asyncio publisher runs, for threads that have none."""

from __future__ import annotations

import _thread
import asyncio
import atexit
import logging
import os
import selectors
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from amqptool.broker.amqp.lookup import look_up
from amqptool.errors import BrokerUnavailable, InDoubt
from amqptool.publish.handover import Inbox
from amqptool.publish.outcome import Failed, not_sent
from amqptool.publish.reopening import ReopeningPublisher
from amqptool.publish.traced import TracedInbox

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from amqptool.publish.handover import Submission
    from amqptool.publish.outcome import Outcome
    from amqptool.publish.publisher import Publisher
    from amqptool.tracing.spans import Tracing

log = logging.getLogger(__name__)

#: Seconds for the confirms that are out when the interpreter exits.
EXIT_TIMEOUT = 5.0
#: Seconds for the rest, once nothing is waited for: closing a connection takes at most five of them.
ABANDON_TIMEOUT = 10.0


class Host:
    """One loop thread and its publisher, which is made anew when it has ended for good."""

    def __init__(self, make: Callable[[], Publisher], tracing: Tracing | None) -> None:
        # Not epoll: a forked child would share it, and what it unregisters would be gone for the parent.
        self._selector = selectors.PollSelector()
        self._loop = _Loop(self._selector)
        self._news = asyncio.Event()
        self._publisher = ReopeningPublisher(make)
        self._serving: asyncio.Task[None] | None = None
        self._taken: deque[Submission] = deque()
        self._begun: set[Submission] = set()
        wake = partial(self._loop.call_soon_threadsafe, self._news.set)
        self.inbox = Inbox(wake) if tracing is None else TracedInbox(tracing, wake)
        self._thread = threading.Thread(target=self._run, name="amqptool publish", daemon=True)
        self._starting = threading.Lock()
        self._started = False

    # -- for other threads --

    def start(self) -> None:
        """Start, if it has not been."""
        if self._started:
            return
        atexit.register(self.finish)
        # From another thread, as interrupts come in the main one: within `Thread.start` they break what is started.
        answer: SimpleQueue[Exception | None] = SimpleQueue()
        _thread.start_new_thread(self._start, (answer,))
        error = answer.get()
        if error is not None:
            raise error

    def _start(self, answer: SimpleQueue[Exception | None]) -> None:
        """Start, unless another call has, which was interrupted meanwhile; say so, or why not."""
        error: Exception | None = None
        try:
            with self._starting:
                if not self._started:
                    self._thread.start()
                    self._started = True
        except RuntimeError as reason:
            error = reason
        answer.put(error)

    @property
    def is_here(self) -> bool:
        """Whether the caller is in this very thread, as callbacks of futures are."""
        return threading.current_thread() is self._thread

    def connect(self) -> None:
        """Wait for a connection; see `Publisher.open` for the errors."""
        # As in `handover`: whoever is interrupted while he waits must leave nothing locked that the loop needs.
        answer: SimpleQueue[Exception | None] = SimpleQueue()
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._answer(answer)))
        error = answer.get()
        if error is not None:
            raise error

    def stop(self) -> None:
        """Let nothing more in; everything there is settled, then it ends."""
        self.inbox.close()

    def drop(self) -> None:
        """Stop when there is time; unlike `stop` this takes no lock, as a garbage collector must not."""
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self.inbox.close)

    def abandon(self) -> None:
        """Settle nothing more: what has no outcome is in doubt, then it ends."""
        self.inbox.close()
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._cancel)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end; return whether it came."""
        if self._thread.is_alive():  # an interrupt may have come before it was started
            self._thread.join(timeout)
        ended = not self._thread.is_alive()
        if ended:
            atexit.unregister(self.finish)
        return ended

    def finish(self) -> None:
        """End in a bounded time, as the interpreter exits."""
        self.stop()
        if not self.join(EXIT_TIMEOUT):
            log.warning("not everything was confirmed within %g s of the exit", EXIT_TIMEOUT)
            self.abandon()
            self.join(ABANDON_TIMEOUT)

    def disown(self) -> None:
        """Let go of everything in a forked child: it has this thread's memory and sockets, but not the thread."""
        atexit.unregister(self.finish)
        # Whatever this process still does to the parent's sockets, such as finalizers do, goes nowhere.
        null = os.open(os.devnull, os.O_RDWR)
        watched = {key.fd for key in (self._selector.get_map() or {}).values()}
        for descriptor in watched | self._loop.connected():
            os.dup2(null, descriptor, inheritable=False)
        os.close(null)
        for submission in self._unsettled():
            submission.forget()

    # -- in the thread --

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        try:
            with suppress(asyncio.CancelledError):
                while await self._take():
                    while self._taken:
                        await self._send(self._taken.popleft())
                await self._publisher.close()
        finally:
            self.inbox.close()
            self._publisher.abandon()
            await self._publisher.close(settle=False)
            self._leave_nobody_waiting()

    async def _take(self) -> bool:
        """Wait for submissions; return False at the end of them."""
        while not self._taken:
            self._news.clear()
            self._taken.extend(self.inbox.take())
            if not self._taken:
                if self.inbox.closed:
                    return False
                await self._news.wait()
        return True

    async def _send(self, submission: Submission) -> None:
        if not submission.begin():
            return
        self._begun.add(submission)
        try:
            publisher = await self._publisher.opened()
        except Exception as error:  # a mistake in us is not to end the thread
            self._fail(submission, error)
            # One attempt to connect speaks for everybody who waited meanwhile.
            self._taken.extend(self.inbox.take())
            while self._taken:
                self._fail(self._taken.popleft(), error)
            return
        try:
            await publisher.send(submission.message, partial(self._settle, submission))
        except Exception as error:  # a mistake in one message, or in us, is not to end the thread
            if publisher.is_refusal(error):
                self._settle(submission, not_sent(submission.message, error))
            else:
                self._fail(submission, error)

    async def _answer(self, answer: SimpleQueue[Exception | None]) -> None:
        """Open the publisher, and say so, or why not."""
        error: Exception | None = BrokerUnavailable("closed before it was connected")
        try:
            await self._publisher.opened()
            error = None
        except Exception as reason:
            error = reason
        finally:
            answer.put(error)

    def _settle(self, submission: Submission, outcome: Outcome) -> None:
        if submission in self._begun:
            self._begun.remove(submission)
            submission.settle(outcome)

    def _fail(self, submission: Submission, error: Exception) -> None:
        if submission in self._begun or submission.begin():
            self._begun.discard(submission)
            submission.fail(error)

    def _cancel(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    def _unsettled(self) -> Iterator[Submission]:
        yield from (*self._begun, *self._taken, *self.inbox)

    def _leave_nobody_waiting(self) -> None:
        for submission in tuple(self._begun):
            reason = InDoubt("in doubt: publishing was stopped before the broker answered", submission.message)
            self._settle(submission, Failed(submission.message, reason))
        for submission in (*self._taken, *self.inbox.take()):
            self._fail(submission, BrokerUnavailable("closed before it was sent"))


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that can connect even while the interpreter exits, when executors take nothing more.

    It knows the sockets that it has connected, of which the selector hears a few turns later.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        super().__init__(selector)
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def connected(self) -> set[int]:
        """Return the descriptors of the sockets that it has connected, or is about to."""
        return {sock.fileno() for sock in self._sockets if sock.fileno() >= 0}

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket."""
        self._sockets.add(sock)
        await super().sock_connect(sock, address)

    async def getaddrinfo(self, host: Any, port: Any, **hints: int) -> Any:
        """Look a host up."""
        return await look_up(host, port, **hints)
