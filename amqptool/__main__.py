"""`python -m amqptool`, and the command that is installed."""

from __future__ import annotations

import sys
from typing import NoReturn

#: As shells have it: 128 + SIGINT. Not taken from `cli.exits`, whose import may be what is interrupted.
_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line; Ctrl-C while it is still being imported is no traceback."""
    try:
        from amqptool.cli.root import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
