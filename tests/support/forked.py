"""A pre-forking server: it publishes, and forks two children that publish with the same publisher.

    python -m tests.support.forked URL

Its second message is in flight while it forks, and is confirmed with the third. One child ends by the interpreter's
exit and one without; each tells what the parent's future is to it, and how many messages were confirmed to it.
"""

from __future__ import annotations

import os
import sys
import warnings
from concurrent.futures import Future
from threading import Thread

from amqptool import BlockingPublisher, Confirmed, Message


def message() -> Message:
    """Make a message."""
    return Message(body=b"", routing_key="q")


def serve(publisher: BlockingPublisher, parents: Future[Confirmed], number: int) -> None:
    """Publish from two threads."""
    confirmed: list[Confirmed] = []

    def work() -> None:
        confirmed.extend(publisher.publish(message()) for _ in range(10))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"child {number}: {type(parents.exception(0)).__name__}, {len(confirmed)}", flush=True)


def main(url: str) -> None:
    """Publish, fork, and go on."""
    # Python 3.12 and later say so of every fork of a process with threads.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    publisher = BlockingPublisher(url)
    first = publisher.publish(message())
    second = publisher.submit(message())
    second.add_done_callback(lambda _: print("called", flush=True) if os.getpid() != parent else None)
    parent = os.getpid()
    for number in range(2):
        child = os.fork()
        if child == 0:
            serve(publisher, second, number)
            if number == 0:
                sys.exit()
            publisher.close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0
    third = publisher.publish(message())
    print(f"parent: {len([first, second.result(60), third])} confirmed")
    publisher.close()


if __name__ == "__main__":
    main(sys.argv[1])
