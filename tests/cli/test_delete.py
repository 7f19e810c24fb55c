"""`amqptool delete`, and the library function behind it, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, Topology
from amqptool import declare as declare_topology
from amqptool.broker.actual import read_actual
from amqptool.broker.amqp import connect
from amqptool.broker.deletion import delete as delete_topology
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.topology.model import Policy
from tests.support.broker import publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.vhost import limited_user

FILE = """
exchanges:
  front: {type: topic, bindings: [{source: amq.topic, routing_key: "#"}]}
  auto: {type: fanout, auto_delete: true, bindings: [{source: front}]}
queues:
  jobs: {retry: [5s], dead_letter: true, bindings: [{source: front, routing_key: "jobs.#"}]}
  letters: {type: quorum, bindings: [{source: auto}]}
"""
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def file(amqptool_vhost: AmqpUrl, tmp_path: Path) -> Path:
    """Give a file that is declared."""
    path = tmp_path / "app.yaml"
    path.write_text(FILE)
    asyncio.run(declare_topology(amqptool_vhost, Topology.parse(FILE)))
    return path


def settings(node: Endpoint, url: AmqpUrl) -> dict[str, str]:
    """Return the environment that leads to a vhost of the suite's broker."""
    return {"AMQPTOOL_URL": url.reveal(), "AMQPTOOL_MANAGEMENT_URL": node.management_url}


def delete(node: Endpoint, url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool delete --yes`."""
    return run_cli("delete", "--yes", *words, env=settings(node, url))


def left(node: Endpoint, url: AmqpUrl) -> set[str]:
    """Return what is in a vhost."""

    async def main() -> Topology:
        async with Management.at(node.management_url, node.url) as management:
            return await read_actual(management, [url.vhost])

    found = asyncio.run(main())
    return {str(each) for each in (*found.exchanges, *found.queues, *found.bindings, *found.policies)}


@asynccontextmanager
async def consumer(url: AmqpUrl, queue: str, *, cancelled: bool = False) -> AsyncIterator[None]:
    """Take a message from a queue and keep it."""
    async with connect(url) as connection:
        channel = await connection.channel()
        taken = asyncio.Event()
        tag = await channel.consume(queue, lambda _: taken.set(), lambda: None, prefetch=1)
        await taken.wait()
        if cancelled:
            await channel.cancel(tag)
        yield


def test_a_file_is_undone_once(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """All that it declares goes, what it implies too; the second time nothing is there, and that is fine."""
    done = delete(amqptool_node, amqptool_vhost, str(file))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "10 deleted"
    assert left(amqptool_node, amqptool_vhost) == set()

    again = delete(amqptool_node, amqptool_vhost, str(file), "--json")
    document = json.loads(again.stdout)
    assert (again.returncode, document["kind"], document["deleted"], document["absent"]) == (0, "delete", 0, 10)
    assert {each["outcome"] for each in document["objects"]} == {"absent"}
    assert {each["vhost"] for each in document["objects"]} == {amqptool_vhost.vhost}


def test_what_the_file_does_not_declare_stays(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """Other objects are nobody's business."""
    other = Topology.parse("queues: {other: {bindings: [{source: amq.topic, routing_key: x}]}}")
    asyncio.run(declare_topology(amqptool_vhost, other))
    assert delete(amqptool_node, amqptool_vhost, str(file)).returncode == 0
    assert left(amqptool_node, amqptool_vhost) == {str(other.queues[0]), str(other.bindings[0])}


def test_a_queue_that_holds_messages_is_kept(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """That is a failure, and says how many; with --if-empty it is none; --delete-messages deletes it."""
    asyncio.run(publish(amqptool_vhost, [Message(body=b"", routing_key="jobs") for _ in range(2)]))
    done = delete(amqptool_node, amqptool_vhost, str(file))
    assert done.returncode == 3
    assert "amqptool: error: queue jobs (classic): kept: it holds 2 messages" in done.stderr
    assert left(amqptool_node, amqptool_vhost) == {"queue jobs (classic)"}

    again = delete(amqptool_node, amqptool_vhost, str(file))
    assert again.returncode == 1
    allowed = delete(amqptool_node, amqptool_vhost, str(file), "--if-empty")
    assert (allowed.returncode, "error" in allowed.stderr) == (0, False)
    assert "queue jobs (classic): kept: it holds 2 messages" in allowed.stderr
    assert asyncio.run(queue_length(amqptool_vhost, "jobs")) == 2
    assert delete(amqptool_node, amqptool_vhost, str(file), "--delete-messages").returncode == 0
    assert left(amqptool_node, amqptool_vhost) == set()


@pytest.mark.parametrize("queue", ["jobs", "letters"])
def test_unacked_messages_keep_a_queue(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path, queue: str
) -> None:
    """Nothing is ready and nobody consumes, but somebody holds a message: if-empty would have lied."""

    async def main() -> subprocess.CompletedProcess[str]:
        await publish(amqptool_vhost, [Message(body=b"", routing_key=queue)])
        async with consumer(amqptool_vhost, queue, cancelled=True):
            return await asyncio.to_thread(delete, amqptool_node, amqptool_vhost, str(file))

    done = asyncio.run(main())
    assert done.returncode == 3
    assert f"queue {queue} " in done.stderr
    assert asyncio.run(queue_length(amqptool_vhost, queue)) == 1


def test_what_others_use_is_kept_on_demand(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """With --if-unused, consumers save a queue and foreign bindings an exchange, and that is no failure."""

    async def main() -> subprocess.CompletedProcess[str]:
        theirs = "queues: {theirs: {bindings: [{source: front, routing_key: x}]}}\nexchanges: {front: topic}"
        await declare_topology(amqptool_vhost, Topology.parse(theirs))
        await publish(amqptool_vhost, [Message(body=b"", routing_key="jobs")])
        async with consumer(amqptool_vhost, "jobs"):
            return await asyncio.to_thread(delete, amqptool_node, amqptool_vhost, "--if-unused", str(file))

    done = asyncio.run(main())
    assert done.returncode == 0
    assert "exchange front (topic): kept: others are bound to it" in done.stderr
    assert "queue jobs (classic): kept: it holds 1 message (1 of them un-acked) and has 1 consumer" in done.stderr
    kept = {"exchange front (topic)", "queue jobs (classic)", "queue theirs (classic)"}
    assert left(amqptool_node, amqptool_vhost) == {*kept, "binding of queue theirs to front with key 'x'"}


def test_policies_go_over_the_management_api(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """One that is not there is absent; without the API they cannot be deleted."""
    policies = [Policy(name=name, pattern="^a", definition={"max-length": 5}) for name in "pq"]

    async def main() -> list[list[str]]:
        async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
            policy = {"pattern": "^a", "definition": {"max-length": 5}}
            await management._request("test", "PUT", "policies", amqptool_vhost.vhost, "p", json=policy)
            topology = Topology(policies=tuple(policies))
            ways = (None, management, management)
            outcomes = [await delete_topology(amqptool_vhost, topology, way) for way in ways]
        return [[each.outcome for each in way] for way in outcomes]

    assert asyncio.run(main()) == [["failed", "failed"], ["deleted", "absent"], ["absent", "absent"]]
    assert left(amqptool_node, amqptool_vhost) == set()


def test_without_the_management_api_no_classic_queue_is_surely_empty(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path
) -> None:
    """The command says what it cannot see, keeps the queues, and deletes them when told to."""
    done = delete(amqptool_node, amqptool_vhost, str(file), "--amqp-only")
    assert done.returncode == 3
    assert "note: without the management API, policies cannot be deleted" in done.stderr
    assert "queue jobs (classic): kept: it may hold un-acked messages" in done.stderr
    forced = delete(amqptool_node, amqptool_vhost, str(file), "--amqp-only", "--delete-messages")
    assert forced.returncode == 0
    assert left(amqptool_node, amqptool_vhost) == set()


def test_bindings_go_with_their_queue(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Who may delete a queue but not unbind it has deleted its bindings too: exit 0."""
    path = tmp_path / "app.yaml"
    path.write_text("queues: {jobs: {type: quorum, bindings: [{source: amq.topic, routing_key: a}]}}")
    asyncio.run(declare_topology(amqptool_vhost, Topology.load(path)))
    with limited_user(amqptool_node, amqptool_vhost, configure=".*", write="^$", read=".*") as url:
        done = delete(amqptool_node, url, str(path))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "2 deleted")
    assert left(amqptool_node, amqptool_vhost) == set()


def test_a_dead_management_api_that_was_named(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """Nothing is touched before the address is right: exit 69."""
    done = delete(amqptool_node, amqptool_vhost, str(file), "--management-url", NOWHERE)
    assert (done.returncode, f"no management API at {NOWHERE}" in done.stderr) == (69, True)
    assert len(left(amqptool_node, amqptool_vhost)) == 10


def test_nothing_is_deleted_unasked(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """Where nobody can be asked, --yes is needed: exit 2."""
    done = run_cli("delete", str(file), env=settings(amqptool_node, amqptool_vhost))
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    both = delete(amqptool_node, amqptool_vhost, str(file), "--if-empty", "--delete-messages")
    assert (both.returncode, "contradict" in both.stderr) == (2, True)
    assert len(left(amqptool_node, amqptool_vhost)) == 10


@pytest.mark.parametrize(("answer", "code", "remaining"), [(b"n\n", 1, 10), (b"\n", 1, 10), (b"y\n", 0, 0)])
def test_a_person_is_asked(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path, answer: bytes, code: int, remaining: int
) -> None:
    """On a terminal the command shows what will go, and goes by the answer; no answer is no."""
    terminal, stdin = pty.openpty()
    try:
        os.write(terminal, answer)
        done = subprocess.run(
            cli_arguments("delete", str(file)),
            stdin=stdin,
            env=cli_environment(settings(amqptool_node, amqptool_vhost)),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(stdin)
    assert done.returncode == code
    assert f"To be deleted from vhost {amqptool_vhost.vhost} at" in done.stderr
    assert "  queue amqptool.retry.jobs.5000 (quorum)" in done.stderr
    assert len(left(amqptool_node, amqptool_vhost)) == remaining


def test_the_file_may_come_through_standard_input(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """`-` is the file, and `--set` its variables."""
    done = run_cli(
        "delete",
        "--yes",
        "--set",
        "NAME=jobs",
        "-",
        input="queues: {'${NAME}': {}}",
        env=settings(amqptool_node, amqptool_vhost),
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 deleted")
    assert file.exists()
