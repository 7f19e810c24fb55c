"""Children that a handler has forked, and that came back from it."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)


def end_unless(process: int, error: BaseException | None = None) -> None:
    """End this process at once, unless it is that one; `error` is what the handler raised in it.

    A child has all that its parent has in hand, and would handle it too.
    """
    if os.getpid() == process:
        return
    if isinstance(error, SystemExit):
        os._exit(error.code if isinstance(error.code, int) else error.code is not None)
    if error is not None:
        log.error("a process that the handler forked has failed: %r", error)
    os._exit(error is not None)
