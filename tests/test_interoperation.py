"""amqptool, the C tools of rabbitmq-c (Debian's amqp-tools), and kombu understand each other."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import kombu

from amqptool import AmqpUrl, Delivery, Message
from tests.support.broker import declare_queue, drain, publish, queue_length
from tests.support.cli import run_cli


def test_consume_prints_what_amqp_publish_sends(amqptool_vhost: AmqpUrl) -> None:
    """Body, content type and headers of the C client arrive."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    command = [
        "amqp-publish",
        "--url",
        amqptool_vhost.reveal(),
        "-r",
        "q",
        "-p",
        "-C",
        "text/plain",
        "-b",
        "hällo",
    ]
    subprocess.run([*command, "-H", "origin: c"], check=True)
    done = run_cli("consume", "q", "-n", "1", "--output", "pretty", env={"AMQPTOOL_URL": amqptool_vhost.reveal()})
    assert "hällo" in done.stdout
    assert "content_type: text/plain" in done.stdout
    assert "origin: c" in done.stdout


def test_amqp_get_takes_what_publish_sends(amqptool_vhost: AmqpUrl) -> None:
    """The C client gets our body, byte for byte."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    run_cli("publish", "-k", "q", "hällo", env={"AMQPTOOL_URL": amqptool_vhost.reveal()})
    got = subprocess.run(["amqp-get", "--url", amqptool_vhost.reveal(), "-q", "q"], check=True, capture_output=True)
    assert got.stdout == "hällo".encode()


def test_headers_of_amqp_publish_survive_a_record(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Text that is no UTF-8, as the C client takes it from a terminal, is the same text after a trip as a record."""
    env = {"AMQPTOOL_URL": amqptool_vhost.reveal()}
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    command = [b"amqp-publish", b"--url", amqptool_vhost.reveal().encode(), b"-r", b"q", b"-b", b"hi"]
    subprocess.run([*command, b"-H", b"latin: caf\xe9", b"-H", "utf: čaj".encode()], check=True)

    (first,) = drain_through_a_record(amqptool_vhost, env, tmp_path / "record.jsonl")

    assert first.headers == {"latin": "caf\udce9", "utf": "čaj"}


#: Every type that py-amqp can write; it writes bytes as a long string, which is text.
KOMBU_HEADERS = {
    "text": "čaj",
    "flag": True,
    "small": -5,
    "large": 2**40,
    "float": 0.5,
    "decimal": Decimal("-12.50"),
    "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "nothing": None,
    "list": [1, "a", [2.5, None]],
    "table": {"a": {"b": Decimal("0.1")}},
}


def test_what_kombu_sends_survives_a_record_and_is_decoded(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Headers of every type that Python clients send are equal after a trip as a record, and so is the value."""
    value = {"čaj": [1, 2.5, None]}
    confirmed = {"confirm_publish": True}  # or else the second may be on its way when messages are counted
    with kombu.Connection(amqptool_vhost.reveal(), transport_options=confirmed) as connection:
        queue = connection.SimpleQueue("q")
        queue.put(value, headers=KOMBU_HEADERS)
        queue.put(value, headers={"bytes": b"\xff"}, serializer="msgpack")
        queue.close()

    env = {"AMQPTOOL_URL": amqptool_vhost.reveal()}
    as_json, as_msgpack = drain_through_a_record(amqptool_vhost, env, tmp_path / "records.jsonl")

    assert as_json.headers == KOMBU_HEADERS
    assert {type(item) for item in as_json.headers.values()} == {type(item) for item in KOMBU_HEADERS.values()}
    assert as_json.message.content_encoding == "utf-8"
    assert as_json.decode() == value
    assert as_msgpack.headers == {"bytes": "\udcff"}
    assert (as_msgpack.message.content_type, as_msgpack.message.content_encoding) == ("application/x-msgpack", "binary")
    assert as_msgpack.decode() == value


def test_kombu_reads_what_we_encode(amqptool_vhost: AmqpUrl) -> None:
    """It takes our content types, and the headers as we send them."""
    value = {"čaj": [1, 2.5, None]}
    messages = [
        Message.encode(value, routing_key="q", headers=KOMBU_HEADERS),
        Message.encode(value, routing_key="q", content_type="application/x-msgpack"),
        Message.encode("čaj", routing_key="q", content_type="text/plain"),
    ]
    with kombu.Connection(amqptool_vhost.reveal()) as connection:
        queue = connection.SimpleQueue("q", serializer="json")
        queue.consumer.accept = {"application/json", "application/x-msgpack", "text/plain"}
        asyncio.run(publish(amqptool_vhost, messages))
        got = [queue.get(timeout=30) for _ in messages]
        queue.close()

    assert [each.payload for each in got] == [value, value, "čaj"]
    assert got[0].headers == {**KOMBU_HEADERS, "time": datetime(2026, 1, 2, 3, 4, 5)}


def drain_through_a_record(url: AmqpUrl, env: dict[str, str], file: Path) -> list[Delivery]:
    """Consume a queue into a file of records, publish these, and take what arrives."""
    count = asyncio.run(queue_length(url, "q"))
    file.write_text(run_cli("consume", "q", "-n", str(count), "--output", "jsonl", env=env).stdout)
    done = run_cli("publish", "-e", "", "-k", "q", "--jsonl", str(file), env=env)
    assert done.returncode == 0, done.stderr
    return asyncio.run(drain(url, "q"))
