"""A script that is interrupted again and again while it publishes, or while it connects.

    python -m tests.support.interrupted publish|submit|connect URL

An interrupt comes a few milliseconds after every step began, if it took that long.
"""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from amqptool import BlockingPublisher, Message


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise what SIGINT raises."""
    raise KeyboardInterrupt


def interrupt_in(seconds: float) -> None:
    """Interrupt once, so much later; 0: not at all."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def publish_and_wait(publisher: BlockingPublisher, message: Message) -> None:
    """Publish in one step."""
    publisher.publish(message)


def submit_and_wait(publisher: BlockingPublisher, message: Message) -> None:
    """Publish in two steps."""
    publisher.submit(message).result()


def publish(step: Callable[[BlockingPublisher, Message], None], url: str, moments: random.Random) -> None:
    """Publish under interrupts, and at last without; print the ids of what was confirmed."""
    confirmed = []
    with BlockingPublisher(url) as publisher:
        for _ in range(400):
            message = Message(body=b"", routing_key="q")
            with suppress(KeyboardInterrupt):
                interrupt_in(moments.uniform(0.00001, 0.004))
                step(publisher, message)
                interrupt_in(0)
                confirmed.append(message.message_id)
        last = Message(body=b"", routing_key="q")
        publisher.publish(last, timeout=60)
        confirmed.append(last.message_id)
    print(*confirmed, sep="\n")


def connect(url: str, moments: random.Random) -> None:
    """Connect under interrupts, twice each; each publisher is closed in order, wherever that left it."""
    for number in range(60):
        publisher = BlockingPublisher(url)
        for _ in range(2):
            with suppress(KeyboardInterrupt):
                # Mostly while its thread starts, which is soon done, or else while it connects.
                interrupt_in(moments.uniform(0.00001, 0.02 if number % 3 == 0 else 0.0006))
                publisher.__enter__()
                interrupt_in(0)
        publisher.close()


def main(what: str, url: str) -> None:
    """Do one or the other."""
    signal.signal(signal.SIGALRM, interrupt)
    moments = random.Random(1)
    if what == "connect":
        connect(url, moments)
    else:
        publish({"publish": publish_and_wait, "submit": submit_and_wait}[what], url, moments)


if __name__ == "__main__":
    main(*sys.argv[1:])
