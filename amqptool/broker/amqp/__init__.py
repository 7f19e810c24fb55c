"""The seam to the broker: only this package speaks pika's language.

One `Connection` and its `Channel`s live on one running asyncio loop. Replies are awaited; deliveries,
confirms and returns come through callbacks, which run on the loop and must not block.

============  ==================================================
connection    connecting, alarms, closing
hosts         several brokers, of which one is used
channel       publishing and consuming, on top of
topology      declaring, binding, unbinding, deleting
rights        which right is missing when access is refused
calls         awaited replies, and the end of a channel
convert       messages and properties, ours and pika's
fields        values in headers and arguments that pika gets wrong
translate     pika's exceptions, translated into ours
============  ==================================================
"""

from amqptool.broker.amqp.channel import Channel
from amqptool.broker.amqp.connection import Connection, closing, connect
from amqptool.broker.amqp.fields import teach_pika
from amqptool.broker.amqp.hosts import Hosts, any_of, connect_to_any
from amqptool.broker.amqp.topology import QueueCounts

__all__ = ["Channel", "Connection", "Hosts", "QueueCounts", "any_of", "closing", "connect", "connect_to_any"]

teach_pika()
