"""Handlers called within the transaction in which DONE is committed: both are there, or neither is."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from amqptool.dedup import has_transactions
from amqptool.dedup.interface import ClaimLost, Transactional
from amqptool.errors import ConfigError, DedupError, HandlerError
from amqptool.handlers.interface import MissingId, StopWork
from amqptool.handlers.python import BlockingHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from amqptool.dedup.interface import DedupStore
    from amqptool.handlers.interface import Handler
    from amqptool.message import Delivery
    from amqptool.work.item import Item


def check_transactional(store: DedupStore | str | None) -> None:
    """Check that a store, or the one that a URL names, has transactions for handlers.

    Raises:
        ValueError: there is none.
        ConfigError: it has none.
    """
    if store is None:
        raise ValueError("a transaction commits what is done with DONE: dedup must not be None")
    if not has_transactions(store):
        raise ConfigError("a transaction takes a dedup store in SQLite or PostgreSQL")


class NotCommitted(Exception):
    """A transaction was not committed, or may not have been, for no fault of the handler.

    The claim was lost, or the store cannot be used; the next claim of the key tells what is there.
    """


class InTransaction:
    """Calls a handler for each item within a transaction of its own."""

    def __init__(self, handler: Handler | BlockingHandler, store: object) -> None:
        if not isinstance(handler, BlockingHandler) or not isinstance(store, Transactional):
            raise TypeError("a transaction takes a blocking handler and a store that has transactions")
        self._handler = handler
        self._store = store

    def call(self, item: Item) -> Exception | None:
        """Handle an item and commit what was done, with DONE; after any error nothing of it is there.

        An item without a claim has no transaction to be handled in. A handler that ended its transaction can do no
        more work: what it committed is there, and would be there once more after each further attempt.
        """
        if item.claim is None:
            return MissingId("the message id is no UUID")
        error: Exception | None = None
        try:
            with self._store.transaction(item.claim) as transaction:
                error = self._handle(item.original, transaction)
                if error is not None:
                    raise error  # which ends the transaction
        except Exception as raised:
            return raised if raised is error else _ending_of(raised)
        return None

    async def close(self) -> None:
        """Free what the handler holds."""
        await self._handler.close()

    def _handle(self, delivery: Delivery, transaction: Any) -> Exception | None:
        ending = self._handler.call(delivery, transaction)
        return ending if ending is None or isinstance(ending, Exception) else _unfinished(ending)


def _ending_of(raised: Exception) -> Exception:
    """Return how it ends with an item of which the store has raised something."""
    if isinstance(raised, (ClaimLost, DedupError)):
        return NotCommitted(str(raised))
    return _stop(raised) if isinstance(raised, HandlerError) else raised


def _unfinished(returned: Awaitable[object]) -> StopWork:
    if inspect.iscoroutine(returned):
        returned.close()
    return _stop(HandlerError("the handler returned an awaitable, which its transaction cannot wait for"))


def _stop(cause: HandlerError) -> StopWork:
    stop = StopWork()
    stop.__cause__ = cause
    return stop
