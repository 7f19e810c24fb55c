"""Code written for pika-pool runs on amqptool.pool, without the faults that it had on pika-pool."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pika
import pytest
from pika import spec
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, ChannelWrongStateError, NackError

from amqptool import AmqpUrl
from amqptool.broker.local import Endpoint
from amqptool.pool import Connection, Error, NullPool, QueuedPool
from tests.support.broker import close_connections, declare_queue, drain, queue_length
from tests.support.cli import UNMEASURED, cli_environment
from tests.support.fake_broker import Peer, fake_broker_in_thread

# Later versions of pika say so of the connection that code for pika-pool opens.
pytestmark = pytest.mark.filterwarnings("ignore:BlockingConnection is deprecated:DeprecationWarning")


@pytest.fixture(scope="session")
def pika_pool(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Install pika-pool 0.1.3 in a folder of its own, without the pika that it asks for, and import it."""
    folder = tmp_path_factory.mktemp("pika-pool")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), "pika-pool==0.1.3"], check=True, env=cli_environment(UNMEASURED))
    found = importlib.util.spec_from_file_location("pika_pool", folder / "pika_pool.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(params=["amqptool.pool", "pika_pool"])
def pools(request: pytest.FixtureRequest) -> Any:
    """Give what user code imports: ours, or the original."""
    if request.param == "pika_pool":
        return request.getfixturevalue("pika_pool")
    return importlib.import_module(request.param)


class Opener:
    """Opens connections, as a user's `create` does, and knows them."""

    def __init__(self, url: AmqpUrl) -> None:
        self.url = url
        self.opened: list[pika.BlockingConnection] = []

    def __call__(self) -> pika.BlockingConnection:
        """Open one."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url.reveal()))
        self.opened.append(connection)
        return connection

    @property
    def open_now(self) -> int:
        """How many are open."""
        return sum(connection.is_open for connection in self.opened)

    def close(self) -> None:
        """Close what is open."""
        for connection in self.opened:
            if connection.is_open:
                connection.close()


@pytest.fixture
def create(amqptool_vhost: AmqpUrl) -> Iterator[Opener]:
    """Give a `create` for a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    opener = Opener(amqptool_vhost)
    yield opener
    opener.close()


def publish(cxn: Any, body: bytes = b"", exchange: str = "") -> None:
    """Publish to `q`, confirmed."""
    cxn.channel.confirm_delivery()
    properties = pika.BasicProperties(content_type="text/plain", delivery_mode=2)
    cxn.channel.basic_publish(exchange=exchange, routing_key="q", body=body, properties=properties, mandatory=True)


def open_files() -> int:
    """Count this process's files and sockets."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what time will bring."""
    while not condition():
        threading.Event().wait(0.01)


# -- what both do --


def test_a_borrower_publishes(pools: Any, create: Opener) -> None:
    """The example of pika-pool's README, with its options, publishes."""
    pool = pools.QueuedPool(create=create, max_size=10, max_overflow=10, timeout=10, recycle=3600, stale=45)
    with pool.acquire() as cxn:
        publish(cxn, b"yellow")
    assert [delivery.body for delivery in asyncio.run(drain(create.url, "q"))] == [b"yellow"]


def test_the_next_borrower_gets_the_same_channel(pools: Any, create: Opener) -> None:
    """Connection and channel are kept from one borrower to the next."""
    pool = pools.QueuedPool(create=create)
    channels = []
    for _ in range(3):
        with pool.acquire() as cxn:
            channels.append(cxn.channel)
            publish(cxn)
    assert channels[0] is channels[1] is channels[2]
    assert isinstance(channels[0], pika.adapters.blocking_connection.BlockingChannel)
    assert len(create.opened) == 1


def test_borrowers_at_once_have_connections_of_their_own(pools: Any, create: Opener) -> None:
    """Two on loan are two connections, as the pool's `create` opened them."""
    pool = pools.QueuedPool(create=create)
    with pool.acquire() as one, pool.acquire() as other:
        assert [one.fairy.cxn, other.fairy.cxn] == create.opened
        assert isinstance(one, pool.Connection)


def test_an_error_of_the_borrowers_own_passes_and_costs_no_connection(pools: Any, create: Opener) -> None:
    """An exception that says nothing of the connection leaves it in the pool."""
    pool = pools.QueuedPool(create=create)
    with pytest.raises(ValueError, match="mine"), pool.acquire():
        raise ValueError("mine")
    with pool.acquire() as cxn:
        publish(cxn)
    assert len(create.opened) == 1


def test_an_error_of_the_connection_costs_it(pools: Any, create: Opener) -> None:
    """An exception that says that the connection is broken closes it."""
    pool = pools.QueuedPool(create=create)
    with pytest.raises(AMQPConnectionError), pool.acquire() as cxn:
        assert cxn.is_connection_invalidated(AMQPConnectionError())
        assert not cxn.is_connection_invalidated(ValueError())
        raise AMQPConnectionError
    assert create.open_now == 0
    with pool.acquire() as cxn:
        publish(cxn)


def test_no_more_than_allowed_are_open_at_once(pools: Any, create: Opener) -> None:
    """When all are on loan, acquire gives up after its timeout; what is too much to keep is closed."""
    pool = pools.QueuedPool(create=create, max_size=1, max_overflow=1, timeout=0.1)
    with pool.acquire(), pool.acquire():
        with pytest.raises(pools.Timeout):
            pool.acquire()
        with pytest.raises(pools.Error):
            pool.acquire(timeout=0.05)
        assert create.open_now == 2
    assert create.open_now == 1
    assert issubclass(pools.Overflow, pools.Error)


def test_a_waiting_borrower_gets_what_is_given_back(pools: Any, create: Opener) -> None:
    """Four threads share one connection, one after the other."""
    pool = pools.QueuedPool(create=create, max_size=1, max_overflow=0, timeout=60)

    def work(number: int) -> None:
        with pool.acquire() as cxn:
            publish(cxn, b"%d" % number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(20)))
    assert len(create.opened) == 1
    assert asyncio.run(queue_length(create.url, "q")) == 20


@pytest.mark.parametrize(("option", "too_old"), [("recycle", "is_expired"), ("stale", "is_stale")])
def test_old_connections_are_replaced(pools: Any, create: Opener, option: str, too_old: str) -> None:
    """A connection that was opened, or used, too long ago is closed instead of lent."""
    pool = pools.QueuedPool(create=create, **{option: 1})
    with pool.acquire() as cxn:
        fairy = cxn.fairy
    wait_until(lambda: getattr(pool, too_old)(fairy))
    with pool.acquire() as cxn:
        publish(cxn)
    assert [connection.is_open for connection in create.opened] == [False, True]


def test_borrowing_without_a_block(pools: Any, create: Opener) -> None:
    """What is released is lent again; what is closed is not."""
    pool = pools.QueuedPool(create=create)
    cxn = pool.acquire()
    publish(cxn)
    cxn.release()
    cxn = pool.acquire(timeout=5)
    publish(cxn)
    cxn.close()
    assert (len(create.opened), create.open_now) == (1, 0)


def test_a_null_pool_opens_and_closes_every_time(pools: Any, create: Opener) -> None:
    """It has the same interface, and keeps nothing."""
    pool = pools.NullPool(create=create)
    for _ in range(2):
        with pool.acquire() as cxn:
            publish(cxn)
    assert (len(create.opened), create.open_now) == (2, 0)


def test_getting_and_acking(pools: Any, create: Opener) -> None:
    """The channel does all that pika's does."""
    pool = pools.QueuedPool(create=create)
    with pool.acquire() as cxn:
        publish(cxn, b"there")
        method, _, body = cxn.channel.basic_get("q")
        cxn.channel.basic_ack(method.delivery_tag)
    assert body == b"there"
    assert len(create.opened) == 1


# -- the seven faults, in the order of the issue that names them, which ours does not have --


def test_a_closed_channel_is_not_lent_again(create: Opener) -> None:
    """1: ChannelWrongStateError says that the channel is dead; the next borrower gets a live one."""
    pool = QueuedPool(create)
    with pytest.raises(ChannelWrongStateError), pool.acquire() as cxn:
        cxn.channel.close()
        publish(cxn)
    with pool.acquire() as cxn:
        publish(cxn)


def test_a_dead_channel_is_not_lent_again_whoever_swallowed_the_error(create: Opener) -> None:
    """1: It is the channel's state that counts, also when no error leaves the block."""
    pool = QueuedPool(create)
    with pool.acquire() as cxn, pytest.raises(ChannelClosedByBroker):
        publish(cxn, exchange="nope")
    with pool.acquire() as cxn:
        publish(cxn)


@pytest.mark.parametrize("make", [QueuedPool, NullPool])
def test_closing_neither_masks_the_error_nor_leaks_the_socket(
    create: Opener, make: Callable[[Opener], QueuedPool | NullPool]
) -> None:
    """2: The broker's own words leave the block, and the connection is closed."""
    pool = make(create)
    before = open_files()
    with pytest.raises(ChannelClosedByBroker, match="no exchange 'nope'"), pool.acquire() as cxn:
        publish(cxn, exchange="nope")
    assert create.open_now == 0
    assert open_files() == before


def test_losing_the_connection_neither_masks_the_error_nor_leaks_the_socket(
    amqptool_node: Endpoint, create: Opener
) -> None:
    """2: So it does when the connection is lost while it is on loan."""
    pool = QueuedPool(create, max_size=1, max_overflow=0, timeout=1)
    before = open_files()
    with pytest.raises(AMQPConnectionError), pool.acquire() as cxn:
        publish(cxn)
        asyncio.run(close_connections(amqptool_node, create.url))
        publish(cxn)
    assert open_files() == before
    with pool.acquire() as cxn:
        publish(cxn)


def test_a_connection_that_was_closed_while_it_lay_in_the_pool_is_replaced(
    amqptool_node: Endpoint, create: Opener
) -> None:
    """3: The borrower's first publish does not go into a dead socket."""
    pool = QueuedPool(create)
    with pool.acquire() as cxn:
        publish(cxn)
    asyncio.run(close_connections(amqptool_node, create.url))
    with pool.acquire() as cxn:
        cxn.channel.basic_publish("", "q", b"unconfirmed")
    assert len(create.opened) == 2
    with pool.acquire() as cxn:
        publish(cxn)
    assert asyncio.run(queue_length(create.url, "q")) == 3


def test_a_connection_that_does_not_answer_is_replaced() -> None:
    """3: One that a firewall cut in two looks alive; after lying idle it must answer once before it is lent."""
    peers: list[Peer] = []

    def go_silent(peer: Peer, number: int) -> None:
        peers.append(peer)
        peer.send(spec.Basic.Ack(number, False))
        peer.is_silent = len(peers) == 1

    with fake_broker_in_thread(go_silent) as url:
        create = Opener(url)
        pool = QueuedPool(create)
        pool.check_after, pool.check_timeout = 0, 0.2
        for _ in range(3):
            with pool.acquire() as cxn:
                publish(cxn)
        create.close()
    assert len(create.opened) == 2
    assert peers[0] is not peers[1]
    assert peers[1] is peers[2]


def interrupt_main_thread() -> None:
    """Do what Ctrl-C does."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_channel_with_a_pending_confirm_is_never_lent_again(swallowed: bool) -> None:
    """4: After an interrupted publish its late confirm is nobody's, whoever saw the interrupt."""

    def late(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) == 1:
            interrupt_main_thread()
        elif number == 1:
            peer.send(spec.Basic.Nack(1, False, False))
        else:
            peer.send(spec.Basic.Ack(1, False))  # on the same channel, this would be for the first message

    def interrupted(pool: QueuedPool) -> None:
        with pool.acquire() as cxn:
            try:
                publish(cxn)
            except KeyboardInterrupt:
                if not swallowed:
                    raise

    peers: list[Peer] = []
    with fake_broker_in_thread(late) as url:
        create = Opener(url)
        pool = QueuedPool(create)
        if swallowed:
            interrupted(pool)
        else:
            with pytest.raises(KeyboardInterrupt):
                interrupted(pool)
        with pytest.raises(NackError), pool.acquire() as cxn:
            publish(cxn)
        create.close()
    assert peers[0] is not peers[1]
    assert create.open_now == 0


def test_closing_does_not_wait_for_ever() -> None:
    """2: A connection is dropped when its broker does not answer the closing handshake."""

    def silent(peer: Peer, number: int) -> None:
        peer.send(spec.Basic.Ack(number, False))
        peer.is_silent = True

    with fake_broker_in_thread(silent) as url:
        create = Opener(url)
        with NullPool(create).acquire() as cxn:
            publish(cxn)
    assert create.open_now == 0


def test_a_fairy_can_be_shown(create: Opener) -> None:
    """5: Its text says where it is connected, without the password, and how old it is."""
    for pool in (QueuedPool(create), NullPool(create)):
        with pool.acquire() as cxn:
            assert cxn.channel
            text = str(cxn.fairy)
        assert text.startswith(f"cxn={create.url.host}:{create.url.port}/{create.url.vhost}, channel=1")
    assert str(QueuedPool(create).Fairy(create())).endswith("channel=None, opened 0 s ago, last used 0 s ago")


def test_a_closed_connection_makes_room_for_a_waiting_borrower(create: Opener) -> None:
    """6: Closing wakes whoever waits in acquire, at once."""
    pool = QueuedPool(create, max_size=1, max_overflow=0, timeout=100)
    cxn = pool.acquire()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pool.acquire)
        assert not waiting.done()
        cxn.close()
        publish(waiting.result(60))
    assert len(create.opened) == 2


def test_a_connection_that_cannot_be_opened_takes_no_place() -> None:
    """6: When `create` fails, so does acquire, and the next one may try again."""

    def fail() -> pika.BlockingConnection:
        raise AMQPConnectionError

    pool = QueuedPool(fail, max_size=1, max_overflow=0, timeout=1)
    for _ in range(3):
        with pytest.raises(AMQPConnectionError):
            pool.acquire()


def test_acquire_ends_when_every_connection_is_too_old(create: Opener) -> None:
    """6: A new connection is lent however short `recycle` is."""
    pool = QueuedPool(create, recycle=-1)
    for _ in range(3):
        with pool.acquire() as cxn:
            publish(cxn)
    assert (len(create.opened), create.open_now) == (3, 1)


def test_ages_do_not_depend_on_the_time_of_day(create: Opener) -> None:
    """7: They are told by the clock that nobody sets."""
    pool = QueuedPool(create)
    before = time.monotonic()
    with pool.acquire() as cxn:
        fairy = cxn.fairy
    assert isinstance(fairy, QueuedPool.Fairy)
    assert before <= fairy.created_at <= fairy.released_at <= time.monotonic()


def test_all_names_can_be_imported() -> None:
    """7: A star import has each of them."""
    names: dict[str, object] = {}
    exec("from amqptool.pool import *", names)
    assert {"Connection", "Error", "NullPool", "Overflow", "Pool", "QueuedPool", "Timeout"} < names.keys()


# -- what pika-pool says nothing of --


def test_giving_back_twice_is_nothing(create: Opener) -> None:
    """A connection that was given back, in a block or not, is in the pool once, and its channel out of reach."""
    pool = QueuedPool(create)
    with pool.acquire() as cxn:
        cxn.release()
    cxn.close()
    with pytest.raises(Error, match="given back"):
        cxn.channel.basic_publish("", "q", b"")
    with pool.acquire() as one, pool.acquire() as other:
        assert one.channel is not other.channel


def test_a_channel_with_a_consumer_is_not_lent_again(create: Opener) -> None:
    """The next borrower would get the last one's deliveries."""
    pool = QueuedPool(create)
    with pool.acquire() as cxn:
        cxn.channel.basic_consume("q", lambda *_: None)
    assert create.open_now == 0


def test_a_pool_has_its_own_kind_of_connection(create: Opener) -> None:
    """Subclasses may lend something else, as with pika-pool."""

    class Mine(Connection):
        pass

    class MyPool(QueuedPool):
        Connection = Mine

    with MyPool(create).acquire() as cxn:
        assert isinstance(cxn, Mine)
