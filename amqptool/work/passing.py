"""Passing failed messages on to wait queues and to the dead-letter queue."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from amqptool.errors import AmqptoolError
from amqptool.work.batches import Batches
from amqptool.work.copies import copy_of, text_of
from amqptool.work.settle import Release, after_copy
from amqptool.work.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.message import Message
    from amqptool.work.claims import Claims
    from amqptool.work.forwarder import Forwarder
    from amqptool.work.item import Item
    from amqptool.work.ladder import Step
    from amqptool.work.settle import Hold

log = logging.getLogger(__name__)


class PassingOn:
    """Sends copies, in no handler's way; once one is confirmed, the claim of its message is given up.

    `on_passed_on` is called after that, with what will be tried again and with what will not, and `on_kept` with each
    message whose copy is not confirmed, and how long to wait before it is sent again.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        claims: Claims,
        *,
        on_passed_on: Callable[[list[Item], list[Item]], None],
        on_kept: Callable[[Item, Hold], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.ladder = forwarder.ladder
        self._forwarder = forwarder
        self._claims = claims
        self._on_passed_on = on_passed_on
        self._on_kept = on_kept
        # With whether the message is to be forgotten.
        self._passed_on: Batches[tuple[Item, bool]] = Batches()
        self._sending, self._ending = Tasks(on_failure), Tasks(on_failure)
        self._ending.work_off(self._passed_on, self._let_go)

    def pass_on(self, item: Item, step: Step, error: Exception, *, rejected: bool) -> None:
        """Make the copy of a message that failed, and send it."""
        told = replace(item.delivery, attempt=item.original.attempt)
        item.copy = step, copy_of(told, step, error, rejected=rejected, at=datetime.now(UTC))
        self.send(item)

    def send(self, item: Item) -> None:
        """Send the copy of a message, also once more."""
        if item.copy is not None:
            self._sending.start(self._send(item, *item.copy))

    async def stop(self) -> None:
        """Send nothing more, and end with what is confirmed."""
        self._sending.cancel()
        self._passed_on.close()
        await asyncio.gather(self._sending.end(), self._ending.end())

    async def _send(self, item: Item, step: Step, copy: Message) -> None:
        match after_copy(step, confirmed=await self._is_confirmed(item, copy), sendings=item.sendings):
            case Release(forget):
                self._passed_on.put((item, forget))
            case hold:
                item.sendings += 1
                self._on_kept(item, hold)

    async def _is_confirmed(self, item: Item, copy: Message) -> bool:
        if not item.channel.is_open:
            return False
        try:
            await self._forwarder.send(copy)
        except asyncio.CancelledError:
            self._claims.let_go(item, failed=True)
            raise
        except Exception as error:  # whatever it is, the original is kept, and no message ends the worker
            log.warning(
                "message %s: not passed on to %s, so it is kept: %s",
                item.delivery.message_id,
                copy.routing_key,
                error if isinstance(error, AmqptoolError) else text_of(error),
                extra=item.about | {"error": type(error).__name__},
            )
            return False
        return True

    async def _let_go(self, batch: list[tuple[Item, bool]]) -> None:
        dead = [item for item, forget in batch if forget]
        retried = [item for item, forget in batch if not forget]
        await self._claims.give_up_passed_on(retried, dead)
        self._on_passed_on(retried, dead)
