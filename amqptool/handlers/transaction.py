"""Handlers that get a transaction beside the delivery: that in which the dedup store writes DONE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.errors import HandlerError
from amqptool.handlers import is_python
from amqptool.handlers.python import BlockingHandler, check_takes, load_callable, python_handler

if TYPE_CHECKING:
    from amqptool.handlers import AnyHandler

#: What such a handler is called with.
_ARGUMENTS = ("the delivery", "the transaction")
_WANTED = "a handler in a transaction is a blocking function of Python, of two arguments"


class TransactionHandler(BlockingHandler):
    """Calls a function with a delivery and a transaction."""


def as_transaction_handler(handler: AnyHandler) -> TransactionHandler:
    """Make a handler of a blocking function that takes a delivery and a transaction, or of the text that names one.

    Raises:
        HandlerError: it is none, or cannot be loaded.
    """
    if isinstance(handler, TransactionHandler):
        return handler
    spec = handler if isinstance(handler, str) else None
    function = handler if spec is None else _load(spec)
    if not callable(function):
        raise HandlerError(f"{_WANTED}, not {type(function).__name__}")
    check_takes(repr(handler), function, _ARGUMENTS)
    if not isinstance(python_handler(function, spec=spec), BlockingHandler):
        raise HandlerError(f"handler {handler!r} is async; {_WANTED}")
    return TransactionHandler(function)


def _load(spec: str) -> object:
    if not is_python(spec):
        kind = spec.partition(":")[0]  # the rest may hold a secret
        raise HandlerError(f"{_WANTED}, not {kind}:")
    if ":" in spec:
        return load_callable(spec, _ARGUMENTS)
    from amqptool.handlers.entry_points import load_entry_point

    return load_entry_point(spec, _ARGUMENTS)
