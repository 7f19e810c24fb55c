"""pika-pool's interface on pika 1.x: code written for `pika_pool` runs by changing the import.

It serves such code only. A blocking channel waits a round trip for each confirm, with no deadline; what is new is
better off with `BlockingPublisher`. Make pools after `os.fork`, not before.

========  =====================================================
lending   what a borrower has, and what all pools have
queued    the pool that keeps connections for the next borrower
fairy     a pika connection and what is known of its state
========  =====================================================
"""

from amqptool.pool.lending import Connection, Error, NullPool, Overflow, Pool, Timeout
from amqptool.pool.queued import QueuedPool

__all__ = ["Connection", "Error", "NullPool", "Overflow", "Pool", "QueuedPool", "Timeout"]
