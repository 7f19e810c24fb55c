"""`amqptool status --watch` of several hosts, some of which go away."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pika import spec

from amqptool import AmqpUrl, BrokerUnavailable
from amqptool.broker.local import Endpoint
from amqptool.broker.status import QueueChoice
from amqptool.cli.context import Context
from amqptool.cli.status_lookout import Lookout
from tests.support.broker import declare_queue
from tests.support.cli import cli_arguments, cli_environment
from tests.support.etcd import PrivateEtcd
from tests.support.fake_broker import Peer, fake_broker
from tests.support.hosts import Host, host_of
from tests.support.terminal import rest_of, screen


class Watching:
    """A watch on a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._process = process
        self._terminal = terminal
        self._seen = ""

    def until(self, *texts: str) -> str:
        """Read until all of these came, and return what did."""
        came = ""
        while not all(text in came for text in texts):
            came += os.read(self._terminal, 65_536).decode(errors="replace")
        self._seen += came
        return came

    def end(self) -> str:
        """Press Ctrl-C, and return what stays on the terminal."""
        self._process.send_signal(signal.SIGINT)
        self._seen += rest_of(self._terminal).decode()
        assert self._process.wait() == 130
        return "\n".join(screen(self._seen))


@contextmanager
def watching(urls: str, *words: str) -> Iterator[Watching]:
    """Run `amqptool status q --watch` on a terminal."""
    terminal, ours = pty.openpty()
    env = {
        "AMQPTOOL_URL": urls,
        "TERM": "xterm",
        "COLUMNS": "200",
        "LINES": "20",
        "PYTHONIOENCODING": "utf-8",
    }
    command = cli_arguments("status", "q", "--watch", "--interval", "0.1", *words)
    with subprocess.Popen(command, env=cli_environment(env), stdin=ours, stdout=ours, stderr=ours) as process:
        os.close(ours)
        try:
            yield Watching(process, terminal)
        finally:
            process.kill()
            os.close(terminal)


@pytest.fixture(params=[True, False], ids=["management", "amqp"])
def hosts(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, request: pytest.FixtureRequest) -> Iterator[list[Host]]:
    """Give two hosts with a queue `q`, which are asked by the management API, or over AMQP where there is none."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    with (
        host_of(amqptool_node, amqptool_vhost, has_management=request.param) as first,
        host_of(amqptool_node, amqptool_vhost, has_management=request.param) as second,
    ):
        yield [first, second]


def test_the_next_host_is_asked_when_one_goes_away(hosts: list[Host]) -> None:
    """It says so, once, and goes on there."""
    first, second = hosts
    with watching(",".join(host.url.reveal() for host in hosts)) as watch:
        assert second.url.address not in watch.until(f"{first.url.address}: 1 queue")
        first.go_away()
        for _ in range(2):
            watch.until(f"{second.url.address}: 1 queue")
        warning, *_, heading, _titles, _row = lines = watch.end().splitlines()
        assert warning.startswith(f"amqptool: warning: going on with {second.url.address}: cannot ")
        assert [line for line in lines if ": 1 queue" in line] == [heading]


def test_without_any_host_it_tries_again(hosts: list[Host]) -> None:
    """And says so, until one is there, whichever it is."""
    first, second = hosts
    with watching(",".join(host.url.reveal() for host in hosts)) as watch:
        watch.until(f"{first.url.address}: 1 queue")
        first.go_away()
        second.go_away()
        watch.until("trying again")
        second.come_back()
        watch.until(f"going on with {second.url.address}", f"{second.url.address}: 1 queue")
        watch.end()


def test_a_broker_that_moves_is_followed(hosts: list[Host], etcd: PrivateEtcd) -> None:
    """Where etcd knows its URL, that is asked again."""
    first, second = hosts
    etcd.put(first.url.reveal())
    with watching(etcd.url) as watch:
        watch.until(f"{first.url.address}: 1 queue")
        etcd.put(second.url.reveal())
        first.go_away()
        watch.until(f"going on with {second.url.address}", f"{second.url.address}: 1 queue")
        watch.end()


def test_a_management_api_that_was_named_is_the_only_one(amqptool_node: Endpoint, hosts: list[Host]) -> None:
    """The hosts have nothing to do with it."""
    named = ("--management-url", amqptool_node.management_url)
    with watching(",".join(host.url.reveal() for host in hosts), *named) as watch:
        watch.until(f"{hosts[0].url.address}: 1 queue")
        hosts[0].go_away()
        for _ in range(2):
            watch.until(f"{hosts[0].url.address}: 1 queue")
        assert "going on" not in watch.end()


def has_lost_the_queue(peer: Peer, method: Any, channel: int) -> None:
    """Play a node of a cluster, of which another one, with the queue, is down."""
    if isinstance(method, spec.Queue.Declare):
        peer.channel = channel
        peer.close_channel(
            404, "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible"
        )


def test_a_queue_that_is_down_is_no_reason_to_leave_a_host() -> None:
    """Which is there, and knows more of it than none."""

    async def scenario() -> tuple[int, int]:
        async with fake_broker(on_method=has_lost_the_queue) as one, fake_broker(on_method=has_lost_the_queue) as other:
            context = Context(environ={"AMQPTOOL_URL": f"{one.reveal()},{other.reveal()}"})
            await asyncio.to_thread(context.resolve_urls)
            async with Lookout(context, QueueChoice(("q",)), insist=False) as lookout:
                with pytest.raises(BrokerUnavailable, match="home node"):
                    await lookout.look()
                return lookout.url.port, one.port

    used, first = asyncio.run(scenario())
    assert used == first
