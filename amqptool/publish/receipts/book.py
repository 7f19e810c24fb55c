"""Receipts, as a run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.publish.journal import Journal
from amqptool.publish.making import SourcedMessage
from amqptool.publish.outcome import Confirmed
from amqptool.publish.receipts.record import CONFIRMED, INVALID, outcome_of, receipt

if TYPE_CHECKING:
    from amqptool.errors import InputError
    from amqptool.publish.outcome import Outcome
    from amqptool.publish.receipts.file import Receipts
    from amqptool.publish.sources.interface import Source


class ReceiptsBook:
    """Writes a receipt for each item of a source."""

    def __init__(self, receipts: Receipts, source: Source) -> None:
        self.journal = Journal(receipts.descriptor, receipts.path)
        self._receipts = receipts
        self._source = source

    def title(self) -> str:
        """Return what names the run, unless the file has it already."""
        return self._receipts.run.line() if self._receipts.is_new else ""

    def line(self, outcome: Outcome) -> str:
        """Return a message's receipt."""
        message = outcome.message
        where = self._source.where(message.number) if isinstance(message, SourcedMessage) else ""
        if isinstance(outcome, Confirmed):
            return receipt(message.message_id, where, CONFIRMED)
        return receipt(message.message_id, where, outcome_of(outcome.error), str(outcome.error))

    def bad_line(self, number: int, error: InputError | OSError) -> str:
        """Return the receipt of an item that was not sent."""
        return receipt(None, self._source.where(number), INVALID, str(error))
