"""`--validate FILE` of `publish` and `consume`: bodies are checked against the schemas of a topology file."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, Topology, Worker
from amqptool import declare as declare_topology
from amqptool.message import Delivery
from tests.support.broker import drain, publish, queue_length
from tests.support.cli import run_cli

SHOP = """
exchanges: {shop: topic}
queues:
  orders: {dead_letter: true, bindings: [{source: shop, routing_key: order.*}]}
messages:
  - name: order
    exchange: shop
    routing_key: order.new
    schema: {type: object, required: [id], properties: {id: {type: integer}}}
"""
FLAW = "the body does not fit the schema of message order: at /id, 'x' is not of type 'integer'"
GOOD, BAD = b'{"id": 1}', b'{"id": "x"}'
HANDLER = "def handle(delivery):\n    print(delivery.body.decode(), flush=True)\n"


@pytest.fixture
def shop(amqptool_vhost: AmqpUrl, tmp_path: Path) -> Path:
    """Give the directory of a topology file that is declared, and of a handler."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "handlers.py").write_text(HANDLER)
    asyncio.run(declare_topology(amqptool_vhost, Topology.load(tmp_path / "shop.yaml")))
    return tmp_path


def run(url: AmqpUrl, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command at a vhost."""
    return run_cli(*words, env={"AMQPTOOL_URL": url.reveal()}, input=stdin)


def published(url: AmqpUrl, shop: Path, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `amqptool publish --validate`."""
    address = () if "--jsonl" in words else ("-e", "shop", "-k", "order.new")
    return run(url, "publish", *address, "--validate", str(shop / "shop.yaml"), *words, stdin=stdin)


def consumed(url: AmqpUrl, shop: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool consume --validate` with the handler."""
    options = ["--handler", "handlers:handle", "--app-dir", str(shop), "--dedup", "none"]
    return run(url, "consume", "orders", *options, "--validate", str(shop / "shop.yaml"), *words)


def bodies(url: AmqpUrl, queue: str = "orders") -> list[bytes]:
    """Take what is in a queue."""
    return [delivery.body for delivery in asyncio.run(drain(url, queue))]


def send(url: AmqpUrl, *sent: bytes) -> None:
    """Publish without a check."""
    asyncio.run(publish(url, [Message(body=body, exchange="shop", routing_key="order.new") for body in sent]))


def test_a_body_that_does_not_fit_is_not_sent(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """Exit 65, with the place in the body that is wrong."""
    done = published(amqptool_vhost, shop, BAD.decode())
    assert (done.returncode, done.stdout) == (65, "")
    assert done.stderr == f"amqptool: error: message 1: {FLAW}\n"
    assert published(amqptool_vhost, shop, GOOD.decode()).returncode == 0
    assert bodies(amqptool_vhost) == [GOOD]


def test_its_line_is_told(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """The input ends there, as at any line that is no message."""
    done = published(amqptool_vhost, shop, "--lines", "-", stdin=f"{GOOD.decode()}\n{BAD.decode()}\n{GOOD.decode()}\n")
    assert done.returncode == 65
    assert f"stdin:2: {FLAW}" in done.stderr
    assert bodies(amqptool_vhost) == [GOOD]


def test_bad_lines_can_be_skipped(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """With --on-error skip the others are sent, and the bad one is in the document and the receipts."""
    receipts = shop / "receipts"
    words = ("--lines", "-", "--on-error", "skip", "--json", "--receipts", str(receipts))
    done = published(amqptool_vhost, shop, *words, stdin=f"{GOOD.decode()}\n{BAD.decode()}\n{GOOD.decode()}\n")
    document = json.loads(done.stdout)
    assert (done.returncode, document["confirmed"], document["invalid"]) == (3, 2, 1)
    assert document["invalid_items"] == [{"error": "InputError", "message": f"stdin:2: {FLAW}"}]
    assert FLAW in receipts.read_text()
    assert bodies(amqptool_vhost) == [GOOD, GOOD]


def test_records_are_checked_where_each_goes(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """What goes to a key without a schema is sent as it is."""
    records = [{"exchange": "shop", "routing_key": key, "body": "no json"} for key in ("order.paid", "order.new")]
    done = published(amqptool_vhost, shop, "--jsonl", "-", stdin="".join(f"{json.dumps(each)}\n" for each in records))
    assert done.returncode == 65
    assert "stdin:2: the body cannot be checked: not valid JSON" in done.stderr
    assert bodies(amqptool_vhost) == [b"no json"]


def test_what_is_encoded_is_checked_as_it_is_sent(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """Compressed MessagePack too."""
    words = ("--content-type", "application/msgpack", "--encode", "msgpack", "--compress", "always")
    assert published(amqptool_vhost, shop, *words, BAD.decode()).returncode == 65
    assert published(amqptool_vhost, shop, *words, GOOD.decode()).returncode == 0


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("queues: {q: }\n", 65, "describes no messages, so nothing would be checked: it has no 'messages:'"),
        ('queues: {q: }\nmessages: [{exchange: "", schema: {type: x}}]\n', 65, ":2:42: schema /type: 'x' is no type"),
        ("queues: [", 65, "shop.yaml:"),
        (None, 74, "No such file or directory"),
    ],
)
@pytest.mark.parametrize("command", [published, consumed])
def test_a_file_that_cannot_be_used(
    amqptool_vhost: AmqpUrl, shop: Path, command: object, text: str | None, code: int, said: str
) -> None:
    """Nothing is sent, and nothing taken."""
    send(amqptool_vhost, GOOD)
    (shop / "shop.yaml").unlink() if text is None else (shop / "shop.yaml").write_text(text)
    words = (GOOD.decode(),) if command is published else ("-n", "1")
    done = command(amqptool_vhost, shop, *words)  # type: ignore[operator]
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert asyncio.run(queue_length(amqptool_vhost, "orders")) == 1


def test_a_worker_makes_dead_letters_of_bodies_that_do_not_fit(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """At once, without its handler and without a retry, with the reason."""
    send(amqptool_vhost, GOOD, BAD)
    done = consumed(amqptool_vhost, shop, "-n", "2", "--retry", "1h", "--dead-letter", "orders.dead")
    assert (done.returncode, done.stdout) == (1, f"{GOOD.decode()}\n")
    assert "1 dead letter" in done.stderr
    [dead] = asyncio.run(drain(amqptool_vhost, "orders.dead"))
    assert (dead.body, dead.headers["amqptool-error"]) == (BAD, f"Reject: {FLAW}")
    assert dead.headers["amqptool-reason"] == "rejected"


def test_without_a_dead_letter_queue_it_stays(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """As any message that was rejected."""
    send(amqptool_vhost, BAD)
    done = consumed(amqptool_vhost, shop, "-n", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"and there is no dead-letter queue for it: Reject: {FLAW}" in done.stderr
    assert bodies(amqptool_vhost) == [BAD]


@pytest.mark.usefixtures("shop")
def test_a_message_is_checked_by_where_it_was_published(amqptool_vhost: AmqpUrl) -> None:
    """Also when it comes back from a wait queue, by the default exchange."""
    seen: list[int] = []

    async def handle(delivery: Delivery) -> None:
        seen.append(delivery.attempt)
        if delivery.attempt == 1:
            raise ValueError("again")

    send(amqptool_vhost, GOOD)
    worker = Worker(
        amqptool_vhost,
        "orders",
        handle,
        dedup=None,
        retry=[0.1],
        idle_timeout=2,
        validate=Topology.parse(f'{SHOP}  - {{exchange: "", schema: false}}\n'),
    )
    asyncio.run(worker.serve())
    assert seen == [1, 2]


def test_printing_checks_nothing(amqptool_vhost: AmqpUrl, shop: Path) -> None:
    """--validate stands before a handler."""
    done = run(amqptool_vhost, "consume", "orders", "--validate", str(shop / "shop.yaml"))
    assert done.returncode == 2
    assert "--validate is for a handler: give --handler too." in done.stderr
