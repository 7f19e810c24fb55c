"""How queues are doing.

============  ==================================================
queue         the figures of one queue, and what follows from them
choice        which queues are meant
reading       asking the management API, or AMQP, for them
limits        which of them are beyond what is wanted
============  ==================================================
"""

from amqptool.broker.status.choice import QueueChoice
from amqptool.broker.status.limits import Limits, Verdict
from amqptool.broker.status.queue import QueueStatus
from amqptool.broker.status.reading import counted_queues, read_queues

__all__ = ["Limits", "QueueChoice", "QueueStatus", "Verdict", "counted_queues", "read_queues"]
