"""Publish with kombu, waiting for the confirm of each: kombu_confirmed URL QUEUE COUNT SIZE."""

import sys
from uuid import uuid4

import kombu

url, queue, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with kombu.Connection(url, transport_options={"confirm_publish": True}) as connection:
    producer = connection.Producer()
    for _ in range(count):
        producer.publish(
            b"x" * size,
            routing_key=queue,
            delivery_mode=2,
            content_type="application/octet-stream",
            content_encoding="binary",
            message_id=str(uuid4()),
        )
