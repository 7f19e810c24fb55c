"""A private RabbitMQ node: everything in one directory, for development, demos and tests.

============  ==========================================
lifecycle     start, stop, kill, status: the public face
node          what is known of a node, and its lock
native        a node as local processes
container     a node under Docker or Podman
install       where RabbitMQ is, or how to get it
process       processes that outlive us, told apart
probe         does it answer
signals       the end of this process, put off
command       one command with a node beside it
============  ==========================================
"""

from amqptool.broker.local.lifecycle import (
    Endpoint,
    RunningNode,
    kill,
    remove,
    start,
    status,
    stop,
    temporary,
)

__all__ = ["Endpoint", "RunningNode", "kill", "remove", "start", "status", "stop", "temporary"]
