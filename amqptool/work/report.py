"""What a worker did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class WorkReport:
    """The counts of one worker's run; a worker hands out the same object when it ends."""

    #: Deliveries that came in, repeated ones included.
    received: int = 0
    #: Handled with success.
    handled: int = 0
    #: Acknowledged without handling, since their id was done.
    duplicates: int = 0
    #: Attempts that ended in an exception.
    failed_attempts: int = 0
    #: Passed on to wait for another attempt, and to the dead-letter queue.
    retried: int = 0
    dead: int = 0
    #: Handled without dedup, since they carried no UUID.
    without_id: int = 0
    #: Given back to the queue: when the worker stopped, or because it had them for too long.
    returned: int = 0
    #: Of these, how many had failed.
    failed: int = 0
    #: Handlers that did not end within the grace.
    abandoned: int = 0
    #: Kept un-acked, since their headers cannot be decoded.
    undecodable: int = 0
    reconnects: int = 0
    #: Processes that died and were started again.
    restarts: int = 0
    #: Messages acknowledged, each once; one that comes again because its ack was lost is not counted again.
    acknowledged: int = 0
    #: How long the worker has served, once it has ended.
    seconds: float = 0.0
    #: Why the worker stopped: stop, max-messages, idle-timeout or timeout.
    stopped_by: str = ""
