"""Publishing within a trace: each message has a span, and the span's context in its headers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from amqptool.carried import check_message
from amqptool.errors import InputError, PublishError
from amqptool.publish.engine import Engine
from amqptool.publish.handover import Inbox
from amqptool.publish.outcome import Failed

if TYPE_CHECKING:
    from amqptool.message import Message
    from amqptool.publish.engine import Ticket
    from amqptool.publish.handover import Submission
    from amqptool.publish.outcome import Outcome
    from amqptool.tracing.spans import Tracing


class TracedMessage:
    """A message on its way within its span.

    Outcomes tell of the message that was handed in, which is as it was.
    """

    def __init__(self, tracing: Tracing, message: Message) -> None:
        self._handed_in = message
        self._span = tracing.of_publish(message)
        #: What is sent.
        self.message = replace(message, headers={**message.headers, **self._span.headers()})

    def settle(self, outcome: Outcome) -> Outcome:
        """End with an outcome, and return that of the message that was handed in."""
        if not isinstance(outcome, Failed):
            self._span.end()
            return outcome._replace(message=self._handed_in)
        self._span.end(outcome.error)
        if isinstance(outcome.error, PublishError):
            outcome.error.message = self._handed_in
        return Failed(self._handed_in, outcome.error)

    def fail(self, error: BaseException) -> None:
        """End unsent."""
        self._span.end(error)


def _begin(tracing: Tracing, message: Message) -> TracedMessage | None:
    if not tracing.is_due(message):
        return None
    try:
        check_message(message)
    except InputError:  # which is said where it is sent
        return None
    return TracedMessage(tracing, message)


def engine_of(tracing: Tracing | None, *arguments: Any) -> Engine:
    """Make an engine, which knows nothing of traces if there are none."""
    return Engine(*arguments) if tracing is None else TracedEngine(tracing, *arguments)


class TracedEngine(Engine):
    """Sends what is published within a span as part of its trace, and all else as it is."""

    def __init__(self, tracing: Tracing, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracing = tracing

    async def send(self, message: Message, ticket: Ticket) -> None:
        """Send a message when there is room; see `Engine.send`."""
        traced = _begin(self._tracing, message)
        if traced is None:
            await super().send(message, ticket)
            return
        try:
            await super().send(traced.message, lambda outcome: ticket(traced.settle(outcome)))
        except BaseException as error:
            traced.fail(error)
            raise

    def try_send(self, message: Message, ticket: Ticket) -> bool:
        """Send a message that is part of no trace, unless there is something to wait for."""
        return not self._tracing.is_due(message) and super().try_send(message, ticket)


class TracedInbox(Inbox):
    """Takes what is published within a span of the calling thread as part of its trace, and all else as it is."""

    def __init__(self, tracing: Tracing, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracing = tracing

    def put(self, submission: Submission, deadline: float | None = None, *, wait: bool = True) -> None:
        """Hand a message over, waiting for room; see `Inbox.put` for the errors."""
        put = partial(super().put, deadline=deadline, wait=wait)
        traced = _begin(self._tracing, submission.message)
        if traced is None:
            put(submission)
            return
        try:
            put(_TracedSubmission(submission, traced))
        except BaseException as error:
            traced.fail(error)
            raise


class _TracedSubmission:
    """One message that a thread hands over, within its span."""

    def __init__(self, submission: Submission, traced: TracedMessage) -> None:
        self._submission = submission
        self._traced = traced
        self.message = traced.message

    def begin(self) -> bool:
        """Say whether it is still to be sent."""
        is_wanted = self._submission.begin()
        if not is_wanted:
            self._traced.fail(PublishError("not sent: nobody waits for it any more", self.message))
        return is_wanted

    def settle(self, outcome: Outcome) -> None:
        """Take what became of it."""
        self._submission.settle(self._traced.settle(outcome))

    def fail(self, error: Exception) -> None:
        """Take why it was not sent."""
        self._traced.fail(error)
        self._submission.fail(error)

    def forget(self) -> None:
        """End in a forked child, which is not where the span ends."""
        self._submission.forget()
