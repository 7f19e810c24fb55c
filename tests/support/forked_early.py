"""A server that forks while its publisher connects: its children may hold none of the parent's connections.

    python -m tests.support.forked_early

It forks in the publisher's own thread, after so and so many turns of the loop, so that no moment between two turns is
left out. It prints the turns after which a child had a connection open.
"""

from __future__ import annotations

import os
import socket
import stat
import time
import warnings
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from amqptool import AmqpUrl, BlockingPublisher, Message

#: More than it takes from the first turn to the protocol header.
TURNS = 25


def connections_to(address: tuple[str, int]) -> int:
    """Count the sockets of this process that are connected there."""
    count = 0
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # it is gone by now, or not connected
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                with socket.socket(fileno=os.dup(descriptor)) as copy:
                    count += copy.getpeername() == address
    return count


def child_has_connection(publisher: BlockingPublisher, turns: int, address: tuple[str, int]) -> bool:
    """Let a publisher connect, and fork after so many turns of its loop."""
    statuses: SimpleQueue[int] = SimpleQueue()
    loop = publisher._running_host()._loop

    def turn(left: int) -> None:
        if left:
            loop.call_soon(turn, left - 1)
            return
        child = os.fork()
        if child == 0:
            os._exit(connections_to(address) > 0)
        statuses.put(os.waitpid(child, 0)[1])

    def begin() -> None:
        publisher.submit(Message(body=b""))
        turn(turns)

    loop.call_soon_threadsafe(begin)
    had_one = statuses.get() != 0
    # What the next publisher is asked must not be about this one, whose thread may be anywhere within a turn.
    while connections_to(address) <= turns:
        time.sleep(0.001)
    return had_one


def main() -> None:
    """Fork after each number of turns."""
    # Python 3.12 and later say so of every fork of a process with threads.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    with socket.create_server(("127.0.0.1", 0), backlog=TURNS) as silent:
        address = silent.getsockname()
        url = AmqpUrl(host=address[0], port=address[1])
        publishers = [BlockingPublisher(url) for _ in range(TURNS)]
        print([turns for turns in range(TURNS) if child_has_connection(publishers[turns], turns, address)], flush=True)
    os._exit(0)  # nobody answers the parent, so it would wait


if __name__ == "__main__":
    main()
