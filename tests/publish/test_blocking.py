"""The publisher for threads, against a real broker, and a scripted one for what a real one will not do."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from pika import spec

from amqptool import (
    AmqpUrl,
    BlockingPublisher,
    BrokerUnavailable,
    ConfigError,
    Confirmed,
    Failed,
    InDoubt,
    InputError,
    Message,
    Nacked,
    NotFound,
    Publisher,
    PublishError,
    Unroutable,
)
from amqptool.broker import local
from amqptool.publish import blocking, handover
from tests.support.broker import declare_queue, drain, queue_length
from tests.support.cli import UNMEASURED, cli_environment
from tests.support.ctl import keep_declarations
from tests.support.fake_broker import Peer, fake_broker_in_thread


def to(queue: str, body: bytes = b"") -> Message:
    """Make a message for a queue."""
    return Message(body=body, routing_key=queue)


def ack(peer: Peer, number: int) -> None:
    """Confirm a publish."""
    peer.send(spec.Basic.Ack(number, False))


def run_script(name: str, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script of tests/support to its end."""
    command = [sys.executable, "-m", f"tests.support.{name}", *args]
    root = Path(__file__).parents[2]
    return subprocess.run(
        command, cwd=root, env=cli_environment(env), capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture
def vhost(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


# -- one message --


def test_a_message_is_confirmed(vhost: AmqpUrl) -> None:
    """A message that a durable queue took is confirmed, and the outcome carries it."""
    with BlockingPublisher(vhost) as publisher:
        confirmed = publisher.publish(to("q", b"hello"))
    assert confirmed.message.body == b"hello"
    assert asyncio.run(queue_length(vhost, "q")) == 1


def test_errors_are_those_of_the_asyncio_publisher(vhost: AmqpUrl) -> None:
    """What cannot arrive raises what `Publisher.publish` raises, and the next message is confirmed."""
    asyncio.run(declare_queue(vhost, "full", **{"x-max-length": 1, "x-overflow": "reject-publish"}))
    with BlockingPublisher(vhost) as publisher:
        publisher.publish(to("full"))
        for message, error in (
            (to("nowhere"), Unroutable),
            (to("full"), Nacked),
            (Message(body=b"", exchange="nope"), NotFound),
            (Message(body="text"), InputError),  # type: ignore[arg-type]
            (Message(body=b"", expiration="soon"), InputError),
        ):
            with pytest.raises(error):
                publisher.publish(message)
        assert isinstance(publisher.publish(to("q")), Confirmed)


def test_it_connects_when_first_used(vhost: AmqpUrl) -> None:
    """Without `with` the first publish connects; close settles all."""
    publisher = BlockingPublisher(vhost)
    future = publisher.submit(to("q"))
    publisher.close()
    assert isinstance(future.result(0), Confirmed)


def test_options_are_those_of_the_asyncio_publisher() -> None:
    """Every option of `Publisher` is one of `BlockingPublisher`."""
    options = inspect.signature(Publisher).parameters.keys() - {"urls"}
    assert options == blocking.Options.__annotations__.keys()


def test_a_wrong_url_is_told_at_once() -> None:
    """A mistake in the settings does not wait for the first publish."""
    with pytest.raises(ConfigError):
        BlockingPublisher("http://localhost")


def test_no_broker_is_told_to_all_who_wait() -> None:
    """Whoever waited for one attempt to connect hears how it ended, and the next one tries again."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        url = AmqpUrl(host="127.0.0.1", port=reserved.getsockname()[1])
    publisher = BlockingPublisher(url)
    futures = [publisher.submit(to("q")) for _ in range(20)]
    assert {type(future.exception(60)) for future in futures} == {BrokerUnavailable}
    with pytest.raises(BrokerUnavailable, match="connection refused"), publisher:
        raise AssertionError("it connected")
    publisher.close()


def test_no_confirm_within_the_callers_timeout_is_in_doubt() -> None:
    """The caller's own timeout ends its wait, not the publisher."""
    with fake_broker_in_thread(lambda peer, number: ack(peer, 2) if number == 2 else None) as url:
        publisher = BlockingPublisher(url)
        with pytest.raises(InDoubt, match=r"no confirm within 0\.2 s"):
            publisher.publish(to("q"), timeout=0.2)
        assert isinstance(publisher.publish(to("q"), timeout=60), Confirmed)
        with pytest.raises(KeyboardInterrupt), publisher:
            raise KeyboardInterrupt


def test_what_was_not_sent_within_the_callers_timeout_never_is() -> None:
    """A message that had to wait for others is withdrawn, which is no doubt."""
    sent: list[int] = []
    with fake_broker_in_thread(lambda _peer, number: sent.append(number)) as url:
        publisher = BlockingPublisher(url, window_messages=1)
        first, second = publisher.submit(to("q")), publisher.submit(to("q"))
        with pytest.raises(BrokerUnavailable, match=r"not sent within 0\.2 s"):
            publisher.publish(to("q"), timeout=0.2)
        third = publisher.submit(to("q"))
        assert third.cancel()
        with pytest.raises(KeyboardInterrupt), publisher:
            raise KeyboardInterrupt
    assert sent == [1]
    assert isinstance(first.exception(0), InDoubt)
    assert second.exception(0) is not None


# -- many messages --


def test_a_stream_yields_an_outcome_for_every_message(vhost: AmqpUrl) -> None:
    """Confirmed or not, each message has its own outcome."""
    messages = [to("q" if n % 3 else "nowhere", b"%d" % n) for n in range(300)]
    with BlockingPublisher(vhost) as publisher:
        outcomes = {outcome.message.message_id: outcome for outcome in publisher.publish_many(messages)}
    assert outcomes.keys() == {message.message_id for message in messages}
    for outcome in outcomes.values():
        assert isinstance(outcome, Confirmed if outcome.message.routing_key == "q" else Failed)


def test_a_stream_is_read_as_outcomes_are_taken(vhost: AmqpUrl) -> None:
    """No more than a window of messages is drawn ahead of what the caller has taken, and none at first."""
    drawn = 0

    def messages() -> Iterator[Message]:
        nonlocal drawn
        for _ in range(500):
            drawn += 1
            yield to("q", b"x")

    with BlockingPublisher(vhost, window_messages=10) as publisher:
        outcomes = publisher.publish_many(messages())
        assert drawn == 0
        ahead = [drawn - taken for taken, _ in enumerate(outcomes)]
    assert len(ahead) == 500
    assert max(ahead) <= 11


def test_an_error_of_the_input_comes_after_the_outcomes_of_all_before_it(vhost: AmqpUrl) -> None:
    """When the stream of messages fails, everything sent before is confirmed first."""

    def broken() -> Iterator[Message]:
        for _ in range(20):
            yield to("q")
        raise InputError("line 21 is broken")

    taken = []
    with BlockingPublisher(vhost) as publisher, pytest.raises(InputError, match="line 21"):
        taken.extend(publisher.publish_many(broken()))
    assert asyncio.run(queue_length(vhost, "q")) == 20


def test_a_message_that_cannot_be_sent_ends_the_stream(vhost: AmqpUrl) -> None:
    """Nothing behind it is sent, and everything that was taken has its outcome, as it has itself."""
    messages = iter([to("q"), to("q"), Message(body=b"", exchange="nope"), *(to("q") for _ in range(100))])
    outcomes = []
    with BlockingPublisher(vhost) as publisher:
        with pytest.raises(NotFound, match="'nope'"):
            for outcome in publisher.publish_many(messages):
                outcomes.append(outcome)
        assert isinstance(publisher.publish(to("q")), Confirmed)
    unsent = [outcome.error for outcome in outcomes if isinstance(outcome, Failed)]
    assert len(outcomes) - len(unsent) == 2
    assert [type(error) for error in unsent] == [NotFound, *[PublishError] * (len(unsent) - 1)]
    assert len(outcomes) + len(list(messages)) == 103
    assert asyncio.run(queue_length(vhost, "q")) == 3


def test_a_message_that_cannot_be_sent_is_an_outcome_if_told_so(vhost: AmqpUrl) -> None:
    """With `skip_refused` the stream goes on behind it."""
    refused = [Message(body=b"", exchange="nope"), Message(body=b"", expiration="soon")]
    with BlockingPublisher(vhost) as publisher:
        outcomes = list(publisher.publish_many([to("q"), *refused, to("q")], skip_refused=True))
    failed = [type(outcome.error) for outcome in outcomes if isinstance(outcome, Failed)]
    assert failed == [NotFound, InputError]
    assert len(outcomes) == 4


def test_leaving_the_outcomes_early_leaves_the_publisher_usable(vhost: AmqpUrl) -> None:
    """A caller that breaks out of publish_many can go on with the same publisher."""
    with BlockingPublisher(vhost) as publisher:
        for _ in publisher.publish_many(to("q") for _ in range(100)):
            break
        assert isinstance(publisher.publish(to("q")), Confirmed)


# -- many threads --


def test_threads_share_one_pipelined_connection() -> None:
    """A broker that confirms only when eight messages are out serves eight threads that publish one each."""
    peers = set()

    def when_eight(peer: Peer, number: int) -> None:
        peers.add(peer)
        if number == 8:
            peer.send(spec.Basic.Ack(0, True))

    messages = [to("q", b"%d" % n) for n in range(8)]
    with (
        fake_broker_in_thread(when_eight) as url,
        BlockingPublisher(url, confirm_timeout=60) as publisher,
        ThreadPoolExecutor(8) as threads,
    ):
        confirmed = list(threads.map(publisher.publish, messages))
    assert [each.message.body for each in confirmed] == [b"%d" % n for n in range(8)]
    assert len(peers) == 1


def test_each_thread_gets_its_own_outcomes(vhost: AmqpUrl) -> None:
    """Whatever eight threads publish at once, each message's outcome goes to its own caller, in its own order."""

    def work(thread: int) -> list[bytes]:
        futures = [publisher.submit(to("q", b"%d.%d" % (thread, n))) for n in range(200)]
        return [future.result(60).message.body for future in futures]

    with BlockingPublisher(vhost, window_messages=50) as publisher, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [[b"%d.%d" % (t, n) for n in range(200)] for t in range(8)]
    bodies = [delivery.body for delivery in asyncio.run(drain(vhost, "q"))]
    for thread in range(8):
        mine = [body for body in bodies if body.startswith(b"%d." % thread)]
        assert mine == [b"%d.%d" % (thread, n) for n in range(200)]


def test_submitting_is_bounded() -> None:
    """With a broker that confirms nothing, a thread that goes on submitting waits."""
    count = 0
    stuck = threading.Event()

    def submit_for_ever(publisher: BlockingPublisher) -> None:
        nonlocal count
        while True:
            future = publisher.submit(to("q"))
            count += 1
            future.add_done_callback(lambda _: stuck.set())

    def endlessly() -> None:
        with pytest.raises(RuntimeError, match="closed"):
            submit_for_ever(publisher)

    with fake_broker_in_thread(lambda _peer, _number: None) as url:
        publisher = BlockingPublisher(url, window_messages=10, confirm_timeout=2, reconnect_timeout=0)
        thread = threading.Thread(target=endlessly)
        thread.start()
        assert stuck.wait(60)
        assert 10 < count < 2 * handover.MAX_MESSAGES + 50
        with pytest.raises(KeyboardInterrupt), publisher:
            raise KeyboardInterrupt
        thread.join()


def test_a_callback_of_a_future_may_submit_but_not_wait(vhost: AmqpUrl) -> None:
    """Callbacks run in the publisher's own thread, which cannot wait for itself."""
    results: queue.SimpleQueue[object] = queue.SimpleQueue()

    def go_on(_done: Future[Confirmed]) -> None:
        results.put(publisher.submit(to("q")))
        try:
            publisher.publish(to("q"))
        except RuntimeError as error:
            results.put(error)

    with BlockingPublisher(vhost) as publisher:
        publisher.submit(to("q")).add_done_callback(go_on)
        submitted, refused = results.get(timeout=60), results.get(timeout=60)
        assert isinstance(submitted, Future)
        assert isinstance(submitted.result(60), Confirmed)
        assert "use submit()" in str(refused)


# -- interrupts --


def test_an_interrupted_publish_gives_no_false_confirm() -> None:
    """The late confirm of a message whose caller was interrupted does not confirm the next one."""
    main = threading.main_thread().ident
    assert main is not None

    def late(peer: Peer, number: int) -> None:
        if number == 1:
            signal.pthread_kill(main, signal.SIGINT)
        elif number == 2:
            ack(peer, 1)
        else:
            peer.send(spec.Basic.Ack(0, True))

    with fake_broker_in_thread(late) as url, BlockingPublisher(url) as publisher:
        with pytest.raises(KeyboardInterrupt):
            publisher.publish(to("q", b"A"))
        with pytest.raises(InDoubt, match="no confirm within"):
            publisher.publish(to("q", b"B"), timeout=0.3)
        assert publisher.publish(to("q", b"C")).message.body == b"C"


@pytest.mark.parametrize("step", ["publish", "submit"])
def test_interrupts_at_any_moment_leave_it_usable(vhost: AmqpUrl, step: str) -> None:
    """A process interrupted hundreds of times while it publishes ends in order, and what was confirmed is there."""
    # Coverage keeps its data under a lock of Python's, which such an interrupt leaves locked.
    done = run_script("interrupted", step, vhost.reveal(), env=UNMEASURED)
    assert (done.returncode, done.stderr) == (0, "")
    confirmed = set(done.stdout.split())
    assert confirmed <= {delivery.message_id for delivery in asyncio.run(drain(vhost, "q"))}
    assert len(confirmed) > 10


def test_interrupts_while_it_connects_leave_it_closable(vhost: AmqpUrl) -> None:
    """A process interrupted while its publishers connect closes each of them, and none of their threads fails."""
    done = run_script("interrupted", "connect", vhost.reveal(), env=UNMEASURED)
    assert done.returncode == 0, done.stderr
    assert " in thread" not in done.stderr  # "Exception in thread", "Exception ignored in thread started by"


# -- processes --


def test_a_forked_child_has_a_connection_of_its_own() -> None:
    """Children publish over their own connections, and the parent's lives on with what it had in flight."""
    seen: list[Peer] = []

    def script(peer: Peer, number: int) -> None:
        if peer not in seen:
            seen.append(peer)
        if number == 2 and peer is seen[0]:
            return  # the parent's, in flight while it forks
        peer.send(spec.Basic.Ack(0, True))

    with fake_broker_in_thread(script) as url:
        done = run_script("forked", url.reveal())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["child 0: InDoubt, 20", "child 1: InDoubt, 20", "parent: 3 confirmed"]
    assert len(seen) == 3


def test_a_child_that_is_forked_while_it_connects_has_no_connection() -> None:
    """Between any two turns of the loop, or the broker would not see the parent's end."""
    done = run_script("forked_early")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_the_end_of_the_process_settles_what_is_out(vhost: AmqpUrl) -> None:
    """A script that submits, and ends without closing, loses nothing."""
    done = run_script("unclosed", vhost.reveal(), "500")
    assert (done.returncode, done.stderr) == (0, "")
    assert asyncio.run(queue_length(vhost, "q")) == 500


def test_the_end_of_the_process_does_not_wait_for_ever() -> None:
    """With a broker that confirms nothing, a script still ends, and says so."""
    with fake_broker_in_thread(lambda _peer, _number: None) as url:
        done = run_script("unclosed", url.reveal(), "1")
    assert done.returncode == 0
    assert done.stdout == "InDoubt\n"
    assert done.stderr == "not everything was confirmed within 5 s of the exit\n"


# -- its end --


def test_closed_is_closed(vhost: AmqpUrl) -> None:
    """Closing twice is nothing; publishing afterwards is a mistake that is told."""
    publisher = BlockingPublisher(vhost)
    publisher.close()
    publisher.close()
    with BlockingPublisher(vhost) as publisher:
        pass
    publisher.close()
    for use in (publisher.publish, publisher.submit, lambda message: list(publisher.publish_many([message]))):
        with pytest.raises(RuntimeError, match="closed"):
            use(to("q"))


def test_one_that_is_dropped_ends_its_thread(vhost: AmqpUrl) -> None:
    """A publisher that nobody refers to settles what it has and goes away."""
    before = set(threading.enumerate())
    future = BlockingPublisher(vhost).submit(to("q"))
    (thread,) = set(threading.enumerate()) - before
    gc.collect()
    thread.join(60)
    assert isinstance(future.result(0), Confirmed)


def test_a_lost_connection_is_made_anew() -> None:
    """What a lost connection left in doubt, and everything after it, goes over another one."""
    peers: list[Peer] = []

    def once(peer: Peer, number: int) -> None:
        peers.append(peer)
        if len(peers) == 1:
            peer.hang_up()
        else:
            ack(peer, number)

    with fake_broker_in_thread(once) as url, BlockingPublisher(url) as publisher:
        assert [publisher.publish(to("q")).sends for _ in range(2)] == [2, 1]


def test_whatever_was_confirmed_to_four_threads_survives_a_killed_broker(
    mortal_node: local.RunningNode, mortal_vhost: AmqpUrl
) -> None:
    """Every message that `publish` said was confirmed is in the queue after SIGKILL."""
    confirmed: list[str | None] = []
    over = threading.Event()
    workers: list[Future[None]] = []

    def work(publisher: BlockingPublisher) -> None:
        while not over.is_set():
            message = to("q", os.urandom(16))
            try:
                publisher.publish(message)
            except (InDoubt, BrokerUnavailable):
                over.wait(0.05)
            else:
                confirmed.append(message.message_id)

    def grows() -> None:
        target = len(confirmed) + 200
        while len(confirmed) < target:
            for ended in filter(Future.done, workers):
                ended.result()
            over.wait(0.05)

    asyncio.run(declare_queue(mortal_vhost, "q"))
    keep_declarations(mortal_node)
    with BlockingPublisher(mortal_vhost) as publisher, ThreadPoolExecutor(4) as threads:
        workers += [threads.submit(work, publisher) for _ in range(4)]
        try:
            grows()
            local.kill(mortal_node.directory)
            local.start(mortal_node.directory)
            grows()
        finally:
            over.set()
        for worker in workers:
            worker.result()
    queued = {delivery.message_id for delivery in asyncio.run(drain(mortal_vhost, "q"))}
    assert set(confirmed) <= queued
    assert len(confirmed) >= 400
