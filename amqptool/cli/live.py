"""What is shown on a terminal and looked up again and again."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import RenderableType


class LiveView:
    """Shows what `look` returns, every `interval` seconds from `begin` to the end of its block; then it is gone.

    What is printed meanwhile to the same terminal goes above it.
    """

    def __init__(
        self, look: Callable[[], RenderableType], *, interval: float, on_stderr: bool, color: bool | None
    ) -> None:
        self._look = look
        self._interval = interval
        self._console = Console(stderr=on_stderr, no_color=color is False)
        self._live = Live(
            console=self._console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=not on_stderr or shares_terminal(),
            redirect_stderr=on_stderr,
        )
        self._looking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to show; to be called on the event loop."""
        self._live.start()
        self._console.show_cursor(True)  # a second Ctrl-C ends the process without bringing it back
        self._looking = asyncio.create_task(self._look_again_and_again())

    def __enter__(self) -> Self:
        """Show nothing yet, so that what is said before has its place."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it off the terminal."""
        if self._looking is not None:
            self._looking.cancel()
            self._live.stop()

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._interval)  # first, so that nothing flickers of what is over by then
            self._live.update(self._look(), refresh=True)


def cut(text: str, style: str = "") -> Text:
    """Return text whose lines are cut where they are too long for the terminal."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def shares_terminal() -> bool:
    """Whether stdout is the terminal that stderr is."""
    return sys.stdout.isatty() and os.fstat(sys.stdout.fileno()).st_rdev == os.fstat(sys.stderr.fileno()).st_rdev
