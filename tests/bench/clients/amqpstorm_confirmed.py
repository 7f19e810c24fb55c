"""Publish with AMQPStorm, waiting for the confirm of each: amqpstorm_confirmed URL QUEUE COUNT SIZE."""

import sys
from uuid import uuid4

import amqpstorm

url, queue, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with amqpstorm.UriConnection(url) as connection, connection.channel() as channel:
    channel.confirm_deliveries()
    for _ in range(count):
        properties = {"delivery_mode": 2, "message_id": str(uuid4())}
        if not channel.basic.publish(b"x" * size, queue, properties=properties, mandatory=True):
            sys.exit("not confirmed")
