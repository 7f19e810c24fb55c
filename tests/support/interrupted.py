"""A script that is interrupted again and again while it publishes.

    python -m tests.support.interrupted URL

It prints the ids of what was confirmed, with an interrupt a few milliseconds after every publish began, if it took
that long.
"""

from __future__ import annotations

import random
import signal
import sys
from contextlib import suppress
from types import FrameType

from amqptool import BlockingPublisher, Message

ROUNDS = 400


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise what SIGINT raises."""
    raise KeyboardInterrupt


def main(url: str) -> None:
    """Publish under interrupts, and at last without."""
    signal.signal(signal.SIGALRM, interrupt)
    moments = random.Random(1)
    confirmed = []
    with BlockingPublisher(url) as publisher:
        for _ in range(ROUNDS):
            message = Message(body=b"", routing_key="q")
            with suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.00001, 0.004))
                publisher.publish(message)
                signal.setitimer(signal.ITIMER_REAL, 0)
                confirmed.append(message.message_id)
        last = Message(body=b"", routing_key="q")
        publisher.publish(last, timeout=60)
        confirmed.append(last.message_id)
    print(*confirmed, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
