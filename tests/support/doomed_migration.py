"""Migrations that kill themselves with SIGKILL at a chosen step.

    python -m tests.support.doomed_migration URL MANAGEMENT_URL QUEUE

Reads lines of JSON, `[step, file]`, and answers each with the exit code of a child that had this migration to do.
Children are forked, which spares them Python's start and its imports.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys

from amqptool import Topology, parse_url
from amqptool.broker.management import Management
from amqptool.migrate import migrate
from tests.support.processes import die


async def migrate_until(last: int, text: str, url: str, management_url: str, queue: str) -> None:
    """Migrate until the step comes."""
    steps = itertools.count(1)

    def on_progress(_step: str) -> None:
        if next(steps) == last:
            die()

    broker = parse_url(url)
    async with Management.at(management_url, broker) as management:
        await migrate(broker, Topology.parse(text), queue, management, on_progress=on_progress)


def in_child(step: int, text: str) -> int:
    """Do one migration in a child and return its exit code."""
    child = os.fork()
    if child == 0:
        asyncio.run(migrate_until(step, text, *sys.argv[1:]))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    Topology.parse("queues: {}")  # imports what the children need, as the import below does
    import aiohttp  # noqa: F401

    for line in sys.stdin:
        print(in_child(*json.loads(line)), flush=True)
