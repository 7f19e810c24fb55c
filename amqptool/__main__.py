"""`python -m amqptool`, and the command that is installed."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from typing import NoReturn

#: As shells have it: 128 + SIGINT. Not taken from `cli.exits`, whose import may be what is interrupted.
_INTERRUPTED = 130
#: How many objects more make a garbage collection; with Python's 700, imports alone make dozens that find nothing.
_GARBAGE_THRESHOLD = 50_000


def main() -> NoReturn:
    """Run the command line; Ctrl-C while it is still being imported is no traceback."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    atexit.register(_ignore_signals)  # the first that is registered is the last that is called
    try:
        from amqptool.cli.root import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    finally:
        gc.freeze()  # at its exit Python would look through all that is left, which the system frees at once


def _ignore_signals() -> None:
    """Let the exit code stand: a signal that comes while Python is taken down would change it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    main()
