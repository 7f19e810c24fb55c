"""A script that submits messages and ends without closing anything.

    python -m tests.support.unclosed URL COUNT

It prints the kinds of what went wrong.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future

from amqptool import BlockingPublisher, Confirmed, Message


def tell(done: Future[Confirmed]) -> None:
    """Print an error."""
    if done.exception() is not None:
        print(type(done.exception()).__name__)


publisher = BlockingPublisher(sys.argv[1])
for _ in range(int(sys.argv[2])):
    publisher.submit(Message(body=b"", routing_key="q")).add_done_callback(tell)
