"""Which deadline has passed: pure arithmetic on the owner's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import BrokerBlocked, BrokerUnavailable

if TYPE_CHECKING:
    from amqptool.errors import AmqptoolError
    from amqptool.publish.terms import Terms


class Deadlines:
    """Remembers since when the broker has blocked publishing, or has been gone."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._blocked_since: float | None = None
        self._alarm = ""
        self._unblocked_at = 0.0
        self._gone_since: float | None = None
        self._gone_because = ""

    @property
    def tick(self) -> float:
        """Seconds between two looks at the clock: under a second, and often within any deadline."""
        timeouts = (self._terms.confirm_timeout, self._terms.blocked_timeout, self._terms.reconnect_timeout)
        return min(1.0, *(timeout / 4 for timeout in timeouts if timeout > 0))

    def on_blocked(self, alarm: str, now: float) -> None:
        """An alarm blocks publishing."""
        self._alarm = alarm
        if self._blocked_since is None:
            self._blocked_since = now

    def on_unblocked(self, now: float) -> None:
        """The alarm is over; what waited for its confirm has its whole time again."""
        self._blocked_since, self._unblocked_at = None, now

    def on_gone(self, reason: AmqptoolError, now: float) -> None:
        """The channel was lost, and with it what an alarm meant to it."""
        self._blocked_since = None
        self._gone_because = str(reason)
        if self._gone_since is None:
            self._gone_since = now

    def on_back(self) -> None:
        """There is a channel again."""
        self._gone_since = None

    def missed(self, now: float, oldest: float | None) -> AmqptoolError | None:
        """Return which deadline has passed, if one has; `oldest` is since when an answer is waited for."""
        terms = self._terms
        if self._blocked_since is not None:
            if now - self._blocked_since > terms.blocked_timeout:
                return BrokerBlocked(f"blocked by the broker for {terms.blocked_timeout:g} s: {self._alarm}")
        elif self._gone_since is not None:
            if now - self._gone_since >= terms.reconnect_timeout:
                return BrokerUnavailable(f"no broker for {terms.reconnect_timeout:g} s: {self._gone_because}")
        elif oldest is not None and now - max(oldest, self._unblocked_at) > terms.confirm_timeout:
            return BrokerUnavailable(f"no confirm within {terms.confirm_timeout:g} s")
        return None
