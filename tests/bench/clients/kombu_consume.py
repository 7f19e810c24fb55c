"""Consume with kombu, acking each message: kombu_consume URL QUEUE COUNT."""

import sys

import kombu

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
done = 0


def handle(message: kombu.Message) -> None:
    """Do nothing, and ack."""
    global done
    message.ack()
    done += 1


with kombu.Connection(url) as connection:
    taken = kombu.Queue(queue, no_declare=True)
    with connection.Consumer(taken, on_message=handle, prefetch_count=1000, accept=None):
        while done < count:
            connection.drain_events()
