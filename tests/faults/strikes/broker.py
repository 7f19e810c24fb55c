"""Faults of the broker's nodes, and what their operator does to clients."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from amqptool import AmqpUrl, ManagementError
from amqptool.broker import local
from amqptool.broker.local import RunningNode
from tests.faults.attended import send
from tests.faults.commands import QUEUE
from tests.faults.node_log import alarms_in
from tests.faults.schedule import Kind
from tests.faults.strikes.interface import Fault, HasBitten, NobodyThereError, surely
from tests.faults.world import Site, World
from tests.support.broker import close_connections
from tests.support.ctl import rabbitmqctl

#: Settings of a node that has nothing left, and those that a private node has.
_NO_MEMORY, _MEMORY = ("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.4")
_NO_DISK, _DISK = ("set_disk_free_limit", "1000000GB"), ("set_disk_free_limit", "50MB")


def _site(world: World, whom: int) -> Site:
    return world.sites[whom % len(world.sites)]


@contextmanager
def _without(site: Site, end: Callable[[Path], object]) -> Iterator[HasBitten]:
    end(site.node.directory)
    try:
        yield surely
    finally:
        site.node = local.start(site.node.directory)


@contextmanager
def _without_node(world: World, whom: int, *, end: Callable[[Path], object]) -> Iterator[HasBitten]:
    with _without(_site(world, whom), end):
        yield surely


@contextmanager
def _without_leader(world: World, _whom: int) -> Iterator[HasBitten]:
    words = ("list_queues", "--vhost", world.urls[0].vhost, "--formatter", "json", "name", "leader")
    queues = json.loads(rabbitmqctl(world.sites[0].node, *words))
    leader = next((queue["leader"] for queue in queues if queue["name"] == QUEUE), None)
    if not leader:
        raise NobodyThereError
    port = int(leader.partition("@")[0].removeprefix("amqptool-"))
    with _without(next(site for site in world.sites if site.node.url.port == port), local.kill):
        yield surely


@contextmanager
def _stopped_node(world: World, whom: int) -> Iterator[HasBitten]:
    process = _site(world, whom).node.pid
    assert process is not None
    send(process, signal.SIGSTOP)
    try:
        yield surely
    finally:
        send(process, signal.SIGCONT)


@contextmanager
def _close_by_ctl(world: World, whom: int) -> Iterator[HasBitten]:
    if not any(site.proxy.connections for site in world.sites):
        raise NobodyThereError
    rabbitmqctl(_site(world, whom).node, "close_all_connections", "a fault")
    yield surely


@contextmanager
def _close_by_management(world: World, whom: int) -> Iterator[HasBitten]:
    world.until(lambda: _are_closed(_site(world, whom).node, world.urls[0]))
    yield surely


def _are_closed(node: RunningNode, url: AmqpUrl) -> bool:
    """Close all connections, unless the node has not found its vhosts yet, as just after a start."""
    with suppress(ManagementError):
        asyncio.run(close_connections(node, url))
        return True
    return False


@contextmanager
def _set(world: World, whom: int, *, to: tuple[str, str], back: tuple[str, str]) -> Iterator[HasBitten]:
    node = _site(world, whom).node
    log = node.directory / "log" / "node.log"
    before = len([*alarms_in(log)])
    rabbitmqctl(node, *to)
    try:
        yield lambda: len([*alarms_in(log)]) > before
    finally:
        world.alarms += [*alarms_in(log)][before:]
        rabbitmqctl(node, *back)


FAULTS: dict[Kind, Fault] = {
    Kind.KILL_BROKER: partial(_without_node, end=local.kill),
    Kind.KILL_LEADER: _without_leader,
    Kind.RESTART_BROKER: partial(_without_node, end=local.stop),
    Kind.STOP_BROKER: _stopped_node,
    Kind.CLOSE_BY_CTL: _close_by_ctl,
    Kind.CLOSE_BY_MANAGEMENT: _close_by_management,
    Kind.MEMORY_ALARM: partial(_set, to=_NO_MEMORY, back=_MEMORY),
    Kind.DISK_ALARM: partial(_set, to=_NO_DISK, back=_DISK),
}
