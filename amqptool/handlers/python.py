"""Handlers that are Python callables: async ones run on the loop, all others in threads."""

from __future__ import annotations

import asyncio
import inspect
import os
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from amqptool.errors import HandlerError
from amqptool.handlers.forks import end_unless
from amqptool.handlers.timing import time_limit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery

T = TypeVar("T")


def load_callable(spec: str, takes: Sequence[str] = ("the delivery",)) -> Callable[..., Any]:
    """Import the callable that `package.module:name` names; the name may have dots, and `takes` are its arguments.

    Raises:
        HandlerError: the module is not there, does not import, or holds no such callable.
    """
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise HandlerError(f"handler {spec!r} must be written package.module:callable")
    target: Any = _import(spec, module_name)
    for part in name.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise HandlerError(f"handler {spec!r}: {module_name!r} has no {name!r}") from None
    if not callable(target):
        raise HandlerError(f"handler {spec!r} is not callable but {type(target).__name__}")
    check_takes(repr(spec), target, takes)
    return target  # type: ignore[no-any-return]  # checked to be callable


def _import(spec: str, module_name: str) -> object:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            hint = "is it installed, or do you need --app-dir?"
            raise HandlerError(f"handler {spec!r}: there is no module {error.name!r}; {hint}") from error
        raise HandlerError(f"handler {spec!r}: importing {module_name!r} failed: {error}") from error
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise HandlerError(f"handler {spec!r}: importing {module_name!r} failed: {reason}") from error


def check_takes(name: str, function: Callable[..., Any], arguments: Sequence[str]) -> None:
    """Check that a function can be called with so many arguments.

    Raises:
        HandlerError: it cannot; the message tells its name, and what the arguments are.
    """
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        count = "one argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        raise HandlerError(f"handler {name} must take {count}, {' and '.join(arguments)}") from None
    except ValueError:
        return  # a builtin that does not tell its signature


def python_handler(
    function: Callable[..., Any], *, spec: str | None = None, timeout: float | None = None
) -> Handler | BlockingHandler:
    """Make a handler of a callable that takes a delivery; `timeout` are the seconds that a call may take.

    Errors call it by the text that named it, `spec`, if one did.

    Raises:
        HandlerError: it is not callable, or a generator function, or a blocking one with a timeout.
    """
    if not callable(function):
        raise HandlerError(f"a handler must be callable with a delivery, not {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HandlerError(f"handler {spec or function!r} is a generator: calling it would handle nothing")
    call = type(function).__call__ if not inspect.isroutine(function) else function
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call):
        return AsyncHandler(function, timeout=timeout)
    if timeout is not None:
        raise HandlerError("a blocking function runs in a thread, which no timeout can stop: make it async")
    return BlockingHandler(function)


class AsyncHandler:
    """Awaits a coroutine function on the worker's own loop."""

    stops_when_cancelled = True
    reads_ahead = True

    def __init__(self, function: Callable[[Delivery], Any], *, timeout: float | None = None) -> None:
        self._function = function
        self._timeout = timeout

    async def handle(self, delivery: Delivery) -> None:
        """Await the function."""
        if self._timeout is None:
            await finish(self._function(delivery))
            return
        async with time_limit(self._timeout):
            await finish(self._function(delivery))

    async def close(self) -> None:
        """Do nothing: there is nothing to free."""


class BlockingHandler:
    """Calls a function that may block; whoever has threads for it calls it there."""

    reads_ahead = True

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def call(self, *arguments: Any) -> Awaitable[object] | Exception | None:
        """Call the function; return its error, or what is still to be awaited if it merely wraps an async one."""
        process = os.getpid()
        try:
            returned = self._function(*arguments)
        except BaseException as error:  # SystemExit too is a failure of the message, not of the worker
            end_unless(process, error)
            return _storable(error)
        end_unless(process)
        return returned if inspect.isawaitable(returned) else None

    async def close(self) -> None:
        """Do nothing: there is nothing to free."""


class ThreadEach:
    """Awaits a blocking handler, each call in a thread of its own: for few calls.

    The threads are daemons, so a function that never returns cannot keep the process from ending.
    """

    stops_when_cancelled = False
    reads_ahead = True

    def __init__(self, handler: BlockingHandler) -> None:
        self._handler = handler

    async def handle(self, delivery: Delivery) -> None:
        """Call the function in a thread and wait for it."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Awaitable[object] | Exception | None] = loop.create_future()

        def call() -> None:
            ending = self._handler.call(delivery)
            with suppress(RuntimeError):  # the loop is closed: nobody waits for the ending
                loop.call_soon_threadsafe(_resolve, ended, ending)

        Thread(target=call, name="amqptool-handler", daemon=True).start()
        ending = await ended
        if isinstance(ending, Exception):
            raise ending
        if ending is not None:
            await finish(ending)

    async def close(self) -> None:
        """Do nothing: the threads end with their calls."""


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


async def finish(awaitable: Awaitable[object]) -> None:
    """Await what a handler returned; whatever it raises is an error of its message."""
    process = os.getpid()
    try:
        await awaitable
    except BaseException as error:
        end_unless(process, error)
        if isinstance(error, (Exception, asyncio.CancelledError)):
            raise
        raise _storable(error) from error  # SystemExit and the like would end the loop
    end_unless(process)


def _storable(error: BaseException) -> Exception:
    # A future must not carry SystemExit or KeyboardInterrupt (the loop would end) nor StopIteration.
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return HandlerError(f"the handler raised {type(error).__name__}: {error}")
