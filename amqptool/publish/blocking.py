"""The publisher for threads: the asyncio publisher on a loop thread of its own."""

from __future__ import annotations

import os
from functools import partial
from queue import Empty
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, TypedDict
from weakref import WeakSet, finalize

from amqptool.broker.discovery import brokers_at
from amqptool.errors import BrokerUnavailable, InDoubt
from amqptool.publish.host import Host
from amqptool.publish.publisher import Publisher
from amqptool.publish.submissions import Call, Promise, Stream
from amqptool.publish.window import MAX_BYTES, MAX_MESSAGES
from amqptool.tracing import find_tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Unpack

    from amqptool.broker.discovery import Urls
    from amqptool.message import Message
    from amqptool.publish.events import PublisherEvent
    from amqptool.publish.outcome import Confirmed, Outcome


class Options(TypedDict, total=False):
    """The options of `Publisher`; `on_event` is called in the loop's thread."""

    mandatory: bool
    window_messages: int
    window_bytes: int
    confirm_timeout: float
    blocked_timeout: float
    reconnect_timeout: float
    nack_retries: int
    jitter: Callable[[], float]
    on_event: Callable[[PublisherEvent], object]
    trace: bool


class BlockingPublisher:
    """Publishes from any number of threads over one connection, confirmed and mandatory.

    It connects when first used, or at `with`, and again when the connection is lost. Leaving the block, `close`,
    or the end of the process waits for the confirms that are still out. After `os.fork` the child gets a
    connection of its own.
    """

    def __init__(self, urls: Urls, **options: Unpack[Options]) -> None:
        self._tracing = find_tracing() if options.get("trace", True) else None
        # In the calling threads, where the spans are; one `Discovery` for all that is made.
        self._make = partial(Publisher, brokers_at(urls), **_untraced(options))
        self._make()  # a wrong URL or option is told here, not in the loop's thread
        self._window = (options.get("window_messages", MAX_MESSAGES), options.get("window_bytes", MAX_BYTES))
        self._lock = Lock()
        self._closed = False
        self._host: Host | None = None
        self._dropped: finalize[[], BlockingPublisher] | None = None
        self._inherited: list[Host] = []
        _publishers.add(self)

    def __enter__(self) -> BlockingPublisher:
        """Connect; see `Publisher.open` for the errors."""
        self._running_host().connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the confirms that are out, then close; an interrupt waits for nothing."""
        if error is not None and not isinstance(error, Exception) and self._host is not None:
            self._host.abandon()
        self.close()

    def close(self) -> None:
        """Wait for the confirms that are out, then close; nothing more is published."""
        with self._lock:
            self._closed = True
            host, dropped = self._host, self._dropped
        if dropped is not None:
            dropped.detach()
        if host is not None:
            host.stop()
            host.join()

    def publish(self, message: Message, timeout: float | None = None) -> Confirmed:
        """Publish one message and wait for its confirm; see `Publisher.publish` for the errors.

        Raises:
            InDoubt: also, no confirm came within `timeout` seconds. The message may still arrive.
            BrokerUnavailable: also, it was not sent within `timeout` seconds, and will not be.
        """
        host = self._running_host()
        if host.is_here:
            raise RuntimeError("publish() would wait for its own thread here, in a future's callback; use submit()")
        deadline = None if timeout is None else monotonic() + timeout
        call = Call(message)
        try:
            host.inbox.put(call, deadline)
            return call.result(deadline)
        except Empty:
            if call.withdraw():
                raise BrokerUnavailable(f"not sent within {timeout:g} s") from None
            raise InDoubt(f"in doubt: no confirm within {timeout:g} s", message) from None
        except BaseException:
            call.withdraw()
            raise

    def submit(self, message: Message) -> Future[Confirmed]:
        """Publish one message without waiting for its confirm, only for room while too much is on its way.

        The future has what `publish` returns or raises. Until the message is sent it can be cancelled.
        """
        host, promise = self._running_host(), Promise(message)
        host.inbox.put(promise, wait=not host.is_here)
        return promise

    def publish_many(self, messages: Iterable[Message], *, skip_refused: bool = False) -> Iterator[Outcome]:
        """Publish a stream of messages, yielding the outcome of each as it is known.

        See `Publisher.publish_many`. The stream is read as outcomes are taken.
        """
        stream = Stream(*self._window, skip_refused=skip_refused)
        try:
            for message in messages:
                stream.hand_over(message, self._running_host().inbox)
                yield from stream.known()
                if stream.stopped:
                    break
        except Exception:
            yield from stream.rest()
            raise
        else:
            yield from stream.rest()
        finally:
            stream.stopped = True
        if stream.error is not None:
            raise stream.error

    def _running_host(self) -> Host:
        with self._lock:
            if self._closed:
                raise RuntimeError("the BlockingPublisher is closed")
            if self._host is None:
                self._host = Host(self._make, self._tracing)
                self._dropped = finalize(self, self._host.drop)
                self._dropped.atexit = False
            self._host.start()
            return self._host

    def _start_over(self) -> None:
        """Leave the parent's loop thread and connection to the parent; called in a forked child."""
        self._lock = Lock()
        if self._dropped is not None:
            self._dropped.detach()
        if self._host is not None:
            self._host.disown()
            # Kept: its tasks, collected as garbage, would try to close the connection.
            self._inherited.append(self._host)
        self._host = self._dropped = None


def _untraced(options: Options) -> Options:
    return {**options, "trace": False}


_publishers: WeakSet[BlockingPublisher] = WeakSet()


def _start_over_in_child() -> None:
    for publisher in tuple(_publishers):
        publisher._start_over()


os.register_at_fork(after_in_child=_start_over_in_child)
