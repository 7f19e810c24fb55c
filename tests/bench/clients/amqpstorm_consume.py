"""Consume with AMQPStorm, acking each message: amqpstorm_consume URL QUEUE COUNT."""

import sys

import amqpstorm

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
done = 0


def handle(message: amqpstorm.Message) -> None:
    """Do nothing, ack, and stop after the last one."""
    global done
    message.ack()
    done += 1
    if done == count:
        message.channel.stop_consuming()


with amqpstorm.UriConnection(url) as connection, connection.channel() as channel:
    channel.basic.qos(prefetch_count=1000)
    channel.basic.consume(handle, queue, no_ack=False)
    channel.start_consuming()
