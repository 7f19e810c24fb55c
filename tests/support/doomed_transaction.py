"""A handler that is killed in the middle of its transaction.

    python -m tests.support.doomed_transaction URL STEP

It claims the id `id` and writes an effect; STEP is `after-effect` or `after-commit`.
"""

from __future__ import annotations

import sys
from typing import Any

from amqptool.dedup import open_store
from amqptool.dedup.interface import Key
from tests.support.processes import die


def main(url: str, step: str) -> None:
    """Have an effect, and die."""
    store: Any = open_store(url)
    [claim] = store.claim([Key("scope", "id")])
    with store.transaction(claim) as connection:
        connection.execute("INSERT INTO effect VALUES ('killed')")
        if step == "after-effect":
            die()
    die()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
