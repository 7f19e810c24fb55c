"""Running the event loop of a command, and what signals mean to it."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, TypeVar

from amqptool import loop as loops
from amqptool.cli.exits import ExitCode, StoppedError
from amqptool.cli.logs import configure_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from amqptool.cli.context import Context

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a signal asked the command to stop: the first asks, the second ends the process."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._consequence: Callable[[], object] = lambda: None
        self._at_once: Callable[[], object] = lambda: None

    @property
    def code(self) -> ExitCode | None:
        """The exit code of the signal that came; None when none did."""
        return None if self.signal is None else ExitCode(128 + self.signal)

    def then(self, consequence: Callable[[], object], *, at_once: Callable[[], object] = lambda: None) -> None:
        """Say what a signal does from now on, and what a second one does before it ends the process.

        Before this, a signal cancels the command.
        """
        self._consequence, self._at_once = consequence, at_once

    def on_signal(self, received: signal.Signals) -> None:
        """Take note of a signal."""
        if self.signal is not None:
            # Leave at once: what is un-acked or unconfirmed stays so, and the broker knows.
            self._at_once()
            os._exit(128 + received)
        self.signal = received
        self._consequence()


def run(context: Context, main: Callable[[Stop], Coroutine[object, object, T]], *, connects: bool = True) -> T:
    """Run a command's coroutine, handing it the signals as a `Stop` and its log to stderr.

    Raises:
        StoppedError: a signal cancelled the command.
        AmqptoolError: it `connects`, and the settings do not say where to; see `Context.resolve_urls`.
    """
    configure_logs(verbose=context.verbose, quiet=context.quiet, debug=context.debug, as_json=context.logs_json)
    if connects:
        context.resolve_urls()  # while nothing else waits: a password or etcd may have to be asked for

    async def with_signals() -> T:
        stop = Stop()
        working = asyncio.ensure_future(main(stop))
        stop.then(working.cancel)
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop.on_signal, number)
        try:
            return await working
        except asyncio.CancelledError:
            if stop.code is None:
                raise
            raise StoppedError(stop.code) from None

    def leave() -> None:
        context.leaves_something = True

    return loops.run(with_signals(), on_left=leave)
