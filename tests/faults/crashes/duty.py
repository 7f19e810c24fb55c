"""What a worker is to do: the same as options of the command and as settings of the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from amqptool.retry import wait_queue

QUEUE, DEAD = "work", "dead"
#: Seconds that a copy waits, which is for ever: the test itself moves it back.
_DELAY = 3600
#: The queue in which it waits.
WAITING = wait_queue(QUEUE, _DELAY * 1000)


@dataclass(frozen=True, slots=True)
class Duty:
    """What workers do."""

    handler: str = "handle"
    #: How often a failed message is tried again, and whether it has a place after that.
    retries: int = 0
    is_dead_lettered: bool = False
    is_in_transaction: bool = False
    #: Messages in hand, and handlers at a time; with one, a crash finds one message half done at most.
    at_once: int = 1
    #: Whether the next message waits for the commit of the one before.
    commit: Literal["each", "group"] = "each"

    def options(self) -> list[str]:
        """Return it as options of `consume`."""
        words = ["--handler", self._spec, "--prefetch", str(self.at_once), "--concurrency", str(self.at_once)]
        words += ["--transaction"] if self.is_in_transaction else ["--commit", self.commit]
        words += ["--retry", ",".join([f"{_DELAY}s"] * self.retries)] if self.retries else []
        return [*words, "--dead-letter", DEAD] if self.is_dead_lettered else words

    def settings(self) -> dict[str, Any]:
        """Return it as settings of a `Worker`."""
        return {
            "handler": self._spec,
            "prefetch": self.at_once,
            "concurrency": self.at_once,
            "commit": self.commit,
            "retry": [_DELAY] * self.retries,
            "dead_letter": DEAD if self.is_dead_lettered else None,
        }

    @property
    def _spec(self) -> str:
        return f"tests.faults.crashes.handlers:{self.handler}"
