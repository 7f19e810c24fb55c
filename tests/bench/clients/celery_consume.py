"""Consume with celery, acks late: celery_consume URL QUEUE COUNT; with `fill` at the end, make its tasks first."""

import os
import signal
import sys
import warnings

from celery import Celery

url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = Celery("bench", broker=url)
app.conf.update(
    task_default_queue=queue,
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1000,
    worker_hijack_root_logger=False,
)
warnings.simplefilter("ignore")  # it warns whoever is root
done = 0


@app.task
def handle(_body: str) -> None:
    """Do nothing, and stop after the last one."""
    global done
    done += 1
    if done == count:
        os.kill(os.getpid(), signal.SIGTERM)


if sys.argv[4:] == ["fill"]:
    for _ in range(count):
        handle.delay("x" * 256)
else:
    app.worker_main(
        ["worker", "--pool=solo", "--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )
