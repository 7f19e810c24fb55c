"""Which deliveries of a channel await their settlement, and the fewest acks or returns that say which do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Unsettled:
    """The delivery tags of one channel that were neither acked nor given back.

    Tags count upwards. An ack or nack with `multiple` settles all tags up to its own (AMQP 0-9-1, `basic.ack`), so
    there is one only for tags below which nothing is unsettled.
    """

    def __init__(self) -> None:
        self._tags: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._tags)

    def __iter__(self) -> Iterator[int]:
        return iter(self._tags)

    def add(self, tag: int) -> None:
        """Note a delivery."""
        self._tags[tag] = None

    def settle(self, tags: Iterable[int]) -> list[tuple[int, bool]]:
        """Settle deliveries; return what says so: a tag each, and whether it speaks for all below, too.

        A tag that is settled already is left out: settled once more, the broker would close the channel.
        """
        done = [tag for tag in sorted(tags) if self._tags.pop(tag, 0) is None]
        lowest = next(iter(self._tags), None)
        below = [tag for tag in done if lowest is None or tag < lowest]
        together = [(below[-1], len(below) > 1)] if below else []
        return together + [(tag, False) for tag in done if lowest is not None and tag > lowest]
