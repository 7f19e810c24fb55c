"""Consume with dramatiq: dramatiq_consume URL QUEUE COUNT; with `fill` at the end, make its messages first."""

import sys
import threading

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
broker = RabbitmqBroker(url=url, middleware=[], confirm_delivery=False)
dramatiq.set_broker(broker)
done, over = 0, threading.Event()


@dramatiq.actor(queue_name=queue)
def handle(_body: str) -> None:
    """Do nothing, and stop after the last one."""
    global done
    done += 1
    if done == count:
        over.set()


if sys.argv[4:] == ["fill"]:
    for _ in range(count):
        handle.send("x" * 256)
else:
    worker = dramatiq.Worker(broker, worker_threads=1, queues={queue})
    worker.start()
    over.wait()
    worker.stop()
