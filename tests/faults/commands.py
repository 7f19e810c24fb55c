"""The commands under faults, and how they may end."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from amqptool import AmqpUrl
from amqptool.cli.exits import ExitCode
from tests.faults import handlers
from tests.faults.attended import Attended

QUEUE, DEAD = "work", "dead"
RETRY = ("1s", "2s")
#: The files of what is published, and of what became of it.
LINES, RECEIPTS = "lines", "receipts.jsonl"

_KILLED, _TERMINATED = -signal.SIGKILL, -signal.SIGTERM
_PUBLISHER_ENDS = (ExitCode.UNAVAILABLE, ExitCode.TRY_AGAIN, _KILLED)
#: And when it is asked to.
ASKED_TO_END = (ExitCode.TERMINATED, _TERMINATED)
#: And when the queue is deleted, so that some messages find none.
UNROUTABLE_ENDS = (ExitCode.PARTIAL, ExitCode.UNROUTABLE)
#: And when a quorum queue has had no leader for longer than nacked messages are sent again.
_NACKED_ENDS = (ExitCode.PARTIAL, ExitCode.FAILED)
_LAST_ENDS = (ExitCode.DONE, ExitCode.FAILED)
#: A process that has only just started does not know SIGTERM yet.
_WORKER_ENDS = (
    *(ExitCode.DONE, ExitCode.FAILED, ExitCode.UNAVAILABLE, ExitCode.TERMINATED),
    *(handlers.ENDED_BY_HANDLER, _KILLED, _TERMINATED),
)


def at_rate(rate: int) -> Sequence[str]:
    """Return the options of a publisher that sends so many messages a second."""
    return ("--rate", f"{rate}/s")


class Commands:
    """Makes the commands of a world, which write into its directory."""

    def __init__(self, directory: Path, store: str, *, seed: int, pause: float) -> None:
        self._directory = directory
        self._store = store
        self._env = {
            handlers.SEED: str(seed),
            handlers.RECORDS: str(directory),
            handlers.PAUSE: str(pause),
            "AMQPTOOL_LOG_FORMAT": "json",
        }

    def publisher(self, urls: Sequence[AmqpUrl], rate: int) -> Attended:
        """Publish the lines, and go on after whatever ended it until each is confirmed."""
        words = ["publish", "-k", QUEUE, "--lines", str(self._directory / LINES)]
        words += ["--receipts", str(self._directory / RECEIPTS), "--resume"]
        ends = _PUBLISHER_ENDS if len(urls) == 1 else (*_PUBLISHER_ENDS, *_NACKED_ENDS)
        publisher = self._attended("publisher", urls, words, expected=ends, final=(ExitCode.DONE,))
        publisher.options = at_rate(rate)
        return publisher

    def worker(self, name: str, urls: Sequence[AmqpUrl], *words: str) -> Attended:
        """Work for ever."""
        return self._attended(name, urls, self._consume(*words), expected=_WORKER_ENDS, final=())

    def last(self, name: str, urls: Sequence[AmqpUrl], *words: str) -> Attended:
        """Work until there has been nothing to do for some seconds."""
        words = (*words, "--idle-timeout", "5")
        return self._attended(name, urls, self._consume(*words), expected=_WORKER_ENDS, final=_LAST_ENDS)

    def _consume(self, *words: str) -> list[str]:
        return ["consume", QUEUE, "--dedup", self._store, "--retry", ",".join(RETRY), "--dead-letter", DEAD, *words]

    def _attended(
        self, name: str, urls: Sequence[AmqpUrl], words: Sequence[str], *, expected: Sequence[int], final: Sequence[int]
    ) -> Attended:
        return Attended(
            [*words, "-u", ",".join(url.reveal() for url in urls)],
            env={**self._env, handlers.WORKER: name},
            log=self._directory / f"{name}.log",
            expected=expected,
            final=final,
        )
