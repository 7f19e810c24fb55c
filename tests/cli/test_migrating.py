"""`amqptool declare --migrate`, as people use it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, Topology
from amqptool import declare as declare_topology
from amqptool.broker.local import Endpoint
from tests.support.broker import drain, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli

FILE = "queues: {q: {type: '${KIND:-classic}', bindings: [{source: amq.fanout}]}}"


@pytest.fixture
def file(amqptool_vhost: AmqpUrl, tmp_path: Path) -> Path:
    """Give a file whose queue is declared and holds three messages."""
    path = tmp_path / "app.yaml"
    path.write_text(FILE)
    asyncio.run(declare_topology(amqptool_vhost, Topology.parse(FILE)))
    asyncio.run(publish(amqptool_vhost, [Message(body=b"", routing_key="q") for _ in range(3)]))
    return path


def migrate(node: Endpoint, url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool declare --migrate`."""
    env = {"AMQPTOOL_URL": url.reveal(), "AMQPTOOL_MANAGEMENT_URL": node.management_url}
    return run_cli("declare", "--set", "KIND=quorum", "--migrate", *words, env=env)


def test_a_migration_tells_its_steps(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path) -> None:
    """They go to stderr; the second time there is nothing to do; JSON says the same."""
    done = migrate(amqptool_node, amqptool_vhost, "q", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    steps = done.stderr.splitlines()
    assert steps[0] == "declared queue amqptool.migrate.q (quorum)"
    assert "moved 3 messages from q to amqptool.migrate.q" in steps
    assert steps[-1] == "queue q is migrated (x-queue-type changed); 6 messages moved, there and back"
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 3

    again = migrate(amqptool_node, amqptool_vhost, "q", str(file), "--json")
    assert json.loads(again.stdout) == {
        "kind": "declare", "code": 0,
        "migration": {"queue": "q", "changed": [], "moved": 0, "resumed": False},
    }  # fmt: skip
    assert again.stderr == "queue q is as the files say; there is nothing to migrate\n"


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("nope", "FILE"), 65, "queue nope is in none of the files"),
        (("q",), 2, "--migrate QUEUE goes with FILE..."),
        (("q", "FILE", "--check"), 2, "no other option"),
        (("q", "FILE", "--allow-replace"), 2, "no other option"),
        (("q", "FILE", "--management-url", "http://127.0.0.1:1"), 69, "no management API at http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path, words: tuple[str, ...], code: int, complaint: str
) -> None:
    """Each mistake has its exit code and one clear line, and nothing is called half migrated."""
    done = migrate(amqptool_node, amqptool_vhost, *(word.replace("FILE", str(file)) for word in words))
    assert (done.returncode, complaint in done.stderr, "half" in done.stderr) == (code, True, False)
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 3


def test_an_interrupted_migration_says_how_to_go_on(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, file: Path
) -> None:
    """Ctrl-C leaves everything where it is, and the same command completes it."""
    many = [Message(body=b"", routing_key="q") for _ in range(5000)]
    asyncio.run(publish(amqptool_vhost, many))
    words = cli_arguments("declare", "--set", "KIND=quorum", "--migrate", "q", str(file))
    env = cli_environment(
        {"AMQPTOOL_URL": amqptool_vhost.reveal(), "AMQPTOOL_MANAGEMENT_URL": amqptool_node.management_url}
    )
    with subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("moved"):
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "queue q is half migrated; the same command goes on from here" in rest

    done = migrate(amqptool_node, amqptool_vhost, "q", str(file))
    assert (done.returncode, "queue q is migrated" in done.stderr) == (0, True)
    ids = {delivery.message_id for delivery in asyncio.run(drain(amqptool_vhost, "q"))}
    assert ids >= {message.message_id for message in many}


def test_force_is_for_migrations(amqptool_vhost: AmqpUrl, file: Path) -> None:
    """By itself it means nothing, so it is an error."""
    done = run_cli("declare", "--force", str(file), env={"AMQPTOOL_URL": amqptool_vhost.reveal()})
    assert (done.returncode, "--force goes with --migrate" in done.stderr) == (2, True)
