"""A worker that kills itself with SIGKILL at a chosen step.

    python -m tests.support.doomed URL STEP DIRECTORY

An effect is a line in the file `effects`, on disk before the handler goes on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amqptool import Delivery, SqliteStore, Worker
from amqptool.dedup.interface import Acquired, Claim, Key


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def record_effect(directory: Path, delivery: Delivery) -> None:
    """Write down that a message was handled, durably."""
    with (directory / "effects").open("ab") as file:
        file.write(delivery.body + b"\n")
        file.flush()
        os.fsync(file.fileno())


class StoreThatDies(SqliteStore):
    """Dies as soon as DONE is on disk, or around giving up the claim of a message whose copy is confirmed."""

    step = ""

    def complete_and_claim(self, claims: Sequence[Acquired], keys: Sequence[Key]) -> tuple[list[bool], list[Claim]]:
        """Write DONE, and die if it is time to."""
        answers = super().complete_and_claim(claims, keys)
        if claims:
            self._come_to("after-done")
        return answers

    def release(self, claims: Sequence[Acquired], *, failed: bool) -> None:
        """Release claims, and die if it is time to."""
        self._come_to("after-copy")
        super().release(claims, failed=failed)
        self._come_to("after-release")

    def _come_to(self, step: str) -> None:
        if self.step == step:
            die()


def main(url: str, step: str, directory: Path) -> None:
    """Work until the step comes; with `poison`, until nothing comes, unless a message of that body does."""

    def handle(delivery: Delivery) -> None:
        if step == "after-claim" or delivery.body == b"poison":
            die()
        if step in ("after-copy", "after-release"):
            raise ValueError
        record_effect(directory, delivery)
        if step == "after-effect":
            die()

    store = StoreThatDies(directory / "dedup.db")
    store.step = step
    limits: dict[str, Any] = {"retry": (60,), "dead_letter": "dead", "idle_timeout": 1} if step == "poison" else {}
    if step in ("after-copy", "after-release"):
        limits = {"retry": (0.1,)}
    Worker(url, "q", handle, dedup=store, dedup_scope="test", commit="each", **limits).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
