"""Publish with pika's BlockingConnection, waiting for the confirm of each: pika_blocking URL QUEUE COUNT SIZE."""

import sys
from uuid import uuid4

import pika

url, queue, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()
for _ in range(count):
    properties = pika.BasicProperties(delivery_mode=2, message_id=str(uuid4()))
    channel.basic_publish("", queue, b"x" * size, properties, mandatory=True)
connection.close()
