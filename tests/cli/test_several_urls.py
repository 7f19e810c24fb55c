"""Several broker URLs: a command goes by the first that answers, by its vhost and its management API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import Endpoint
from tests.support.cli import run_cli
from tests.support.hosts import host_of

FILE = "queues: {q: {}}"


@pytest.fixture
def urls(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> Iterator[str]:
    """Give the URL of a broker that is away, with a vhost that is nowhere, and that of one that is there."""
    with host_of(amqptool_node, amqptool_vhost, has_management=True) as host:
        yield f"amqp://guest:guest@127.0.0.1:1/nowhere,{host.url.reveal()}"


@pytest.mark.parametrize(
    "words",
    [
        ("declare", "FILE"),
        ("declare", "--amqp-only", "FILE"),
        ("declare", "--migrate", "q", "FILE"),
        ("plan", "FILE"),
        ("plan", "--amqp-only", "FILE"),
        ("delete", "--yes", "FILE"),
        ("export",),
        ("graph", "--live"),
        ("status",),
        ("status", "q"),
        ("tap", "amq.topic", "--timeout", "100ms"),
        ("peek", "q"),
        ("wait", "--queue", "q"),
        ("purge", "--yes", "q"),
    ],
)
def test_the_one_that_answers_counts(urls: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever a command does."""
    file = tmp_path / "topology.yaml"
    file.write_text(FILE)
    assert run_cli("declare", "-q", str(file), env={"AMQPTOOL_URL": urls}).returncode == 0
    done = run_cli(*[str(file) if word == "FILE" else word for word in words], env={"AMQPTOOL_URL": urls})
    assert (done.returncode, "nowhere" in done.stdout + done.stderr) == (0, False), done.stderr
