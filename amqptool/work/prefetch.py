"""How many messages a consumer asks for ahead, where these are to be no more than so many bytes."""

from __future__ import annotations

#: By how much the prefetch grows at a time, once messages are small again, and how many of them must have been.
_GROWTH, _FEWEST = 4, 10


class Prefetch:
    """AMQP's prefetch counts messages; this one follows their size.

    It only counts for consumers that are opened later, so one that does not fit (`is_to_change`) is to be ended, and
    opened again after `change`.
    """

    def __init__(self, messages: int, most_bytes: int) -> None:
        self.messages = messages
        self.is_to_change = False
        self._most = messages
        self._most_bytes = most_bytes
        # What came since the last change.
        self._count = self._bytes = 0

    @property
    def half(self) -> int:
        """How many bytes may be in hand when a consumer is opened again."""
        return self._most_bytes // 2

    def note(self, size: int, in_hand: int) -> None:
        """Note a message of some size, with which there are so many bytes in hand."""
        self._count += 1
        self._bytes += size
        too_large = in_hand > self._most_bytes and self.messages > 1
        if too_large or (self.messages < self._most and self._has_grown()):
            self.is_to_change = True

    def change(self) -> None:
        """Let the next consumer have as many messages as fit, if they are as large as the last ones."""
        fitting = int(self._most_bytes * self._count / max(1, self._bytes))
        lowered, raised = self.messages - 1, self.messages * _GROWTH
        self.messages = max(1, min(self._most, fitting, raised if self._has_grown() else lowered))
        self.is_to_change = False
        self._count = self._bytes = 0

    def _has_grown(self) -> bool:
        """Whether far more messages fit than are asked for."""
        enough = self._count >= max(_FEWEST, 2 * self.messages)
        return enough and self._bytes * self.messages * _GROWTH <= self.half * self._count
