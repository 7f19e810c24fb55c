"""A pika connection as a pool sees it: is it sound, does it answer, and how to be rid of it."""

from __future__ import annotations

import inspect
import logging
from contextlib import contextmanager, suppress
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any

from pika import exceptions as pika_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

#: Seconds for a connection's closing handshake, after which it is dropped.
CLOSE_TIMEOUT = 5.0

#: How a publish may end that leaves nothing open between us and the broker.
_ANSWERS = (pika_errors.UnroutableError, pika_errors.NackError)


class Fairy:
    """A pika connection (`cxn`) with its channel, and how the calls on that ended."""

    def __init__(self, cxn: Any) -> None:
        self.cxn = cxn
        self.channel: Any = None
        #: When it was opened and last given back, in seconds of `time.monotonic`.
        self.created_at = self.released_at = monotonic()
        self._calls = 0
        self._has_failed = False

    def __str__(self) -> str:
        params = self.cxn._impl.params  # BlockingConnection has them, but does not show them
        where = f"{params.host}:{params.port}/{params.virtual_host}"
        now = monotonic()
        ages = f"opened {now - self.created_at:.0f} s ago, last used {now - self.released_at:.0f} s ago"
        return f"cxn={where}, channel={self.channel and self.channel.channel_number}, {ages}"

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
