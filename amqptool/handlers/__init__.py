"""What a worker does with a delivery: the kinds of handlers, and how each is written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

from amqptool.errors import HandlerError
from amqptool.handlers.interface import Handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.handlers.python import BlockingHandler
    from amqptool.message import Delivery

    #: What a worker takes for a handler: a callable, a handler, or how one is written.
    AnyHandler: TypeAlias = Callable[[Delivery], Any] | Callable[[Delivery, Any], Any] | Handler | BlockingHandler | str

#: Seconds that a command may take: after these RabbitMQ gives the message to somebody else (consumer_timeout).
COMMAND_TIMEOUT = 1800.0
#: Seconds until a server must have answered.
HTTP_TIMEOUT = 60.0


def as_handler(handler: AnyHandler) -> Handler | BlockingHandler:
    """Make a handler of anything that a worker takes for one.

    Raises:
        HandlerError: it is none, or cannot be loaded.
    """
    from amqptool.handlers.python import BlockingHandler, python_handler

    if isinstance(handler, str):
        return load_handler(handler)
    return handler if isinstance(handler, (Handler, BlockingHandler)) else python_handler(handler)


def load_handler(spec: str, *, timeout: float | None = None, gzip: bool = False) -> Handler | BlockingHandler:
    """Load the handler that a text names.

    ===========================  ========================================================
    text                         handler
    ===========================  ========================================================
    `package.module:callable`    a callable of Python
    `name`                       a callable that a package offers, in the entry points of
                                 group `amqptool.handlers`
    `exec:COMMAND`               a process for each message
    `exec-lines:COMMAND`         processes that stay, asked by lines of JSON
    `http://…`, `https://…`      a POST for each message
    ===========================  ========================================================

    `timeout` are the seconds that one message may take: by default any number in Python, 30 minutes in a command, and
    a minute over HTTP. `gzip` compresses bodies that are worth it, and is for HTTP.

    Raises:
        HandlerError: there is no such handler, or it cannot be loaded.
    """
    if is_url(spec):
        return _http(spec, timeout, gzip=gzip)
    kind, colon, rest = spec.partition(":")
    loaders = {"exec": _command, "exec-lines": _lines}
    if kind not in loaders and ("/" in spec or "@" in spec):  # what is written there may hold a password
        raise HandlerError("a handler that is a URL begins with http:// or https://, and no other has a '/' or an '@'")
    if not colon:
        return _installed(spec, timeout)
    if gzip:
        raise HandlerError("gzip is for handlers that are URLs")
    return loaders.get(kind, _python)(spec, rest, timeout)


def is_url(spec: str) -> bool:
    """Whether a text names a handler that is called over HTTP."""
    return spec.lower().startswith(("http://", "https://"))


def is_python(spec: str) -> bool:
    """Whether a text names a handler that is a callable of Python."""
    return not is_url(spec) and not spec.startswith(("exec:", "exec-lines:"))


def _installed(name: str, timeout: float | None) -> Handler | BlockingHandler:
    from amqptool.handlers.entry_points import load_entry_point
    from amqptool.handlers.python import python_handler

    return python_handler(load_entry_point(name), spec=name, timeout=timeout)


def _python(spec: str, _rest: str, timeout: float | None) -> Handler | BlockingHandler:
    from amqptool.handlers.python import load_callable, python_handler

    return python_handler(load_callable(spec), spec=spec, timeout=timeout)


def _http(url: str, timeout: float | None, *, gzip: bool) -> Handler:
    from amqptool.handlers.http import HttpHandler

    return HttpHandler(url, timeout=HTTP_TIMEOUT if timeout is None else timeout, gzip=gzip)


def _command(spec: str, command: str, timeout: float | None) -> Handler:
    from amqptool.handlers.command import CommandHandler

    return CommandHandler(_argv(spec, command), os.environ, timeout=COMMAND_TIMEOUT if timeout is None else timeout)


def _lines(spec: str, command: str, timeout: float | None) -> Handler:
    from amqptool.handlers.lines import LinesHandler

    return LinesHandler(_argv(spec, command), os.environ, timeout=COMMAND_TIMEOUT if timeout is None else timeout)


def _argv(spec: str, command: str) -> list[str]:
    import shlex
    import shutil

    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise HandlerError(f"the handler's command cannot be split into words: {error}") from None
    if not argv:
        raise HandlerError(f"handler {spec!r} names no command")
    if shutil.which(argv[0]) is None:  # the rest of the command may hold a secret
        raise HandlerError(f"there is no command {argv[0]!r} to be a handler, or it may not be run")
    return argv
