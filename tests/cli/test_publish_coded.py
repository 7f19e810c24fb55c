"""`amqptool publish --encode` and `--compress`, as a user or a script runs it."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Delivery, ProtobufCodec
from tests.support.broker import declare_queue, drain, queue_length
from tests.support.cli import run_cli
from tests.support.schema import ORDER, compiled

LONG = json.dumps({"a": ["tea"] * 500})


@pytest.fixture
def url(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


@pytest.fixture
def schema(tmp_path: Path) -> tuple[str, ...]:
    """Give the options that name the schema of an order."""
    path = tmp_path / "shop.pb"
    path.write_bytes(compiled())
    return ("--proto-descriptor", str(path), "--proto-message", ORDER)


def publish(url: AmqpUrl, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Publish to the queue."""
    return run_cli("publish", "-k", "q", *words, input=text, env={"AMQPTOOL_URL": url.reveal()})


def sent(url: AmqpUrl, *words: str, text: str | None = None) -> list[Delivery]:
    """Publish to the queue, insisting that it went well, and take what is there."""
    done = publish(url, *words, text=text)
    assert done.returncode == 0, done.stderr
    return asyncio.run(drain(url, "q"))


@pytest.mark.parametrize(
    ("words", "body", "content_type"),
    [
        (("--encode", "json", '{ "a": 1.50 }'), b'{"a":1.5}', "application/json"),
        (("--encode", "msgpack", '{"a": [1, null]}'), b"\x81\xa1a\x92\x01\xc0", "application/msgpack"),
        (("--encode", "msgpack", "--content-type", "x/y", "1"), b"\x01", "x/y"),
        (("--content-type", "application/json", "{ no json"), b"{ no json", "application/json"),
        (("--content-type", "application/msgpack", "{}"), b"{}", "application/msgpack"),
    ],
)
def test_a_body_is_sent_as_it_is_unless_told_otherwise(
    url: AmqpUrl, words: tuple[str, ...], body: bytes, content_type: str
) -> None:
    """A content type alone is a label; --encode reads JSON and sets the type, if none is given."""
    (delivery,) = sent(url, *words)

    assert (delivery.body, delivery.message.content_type) == (body, content_type)


def test_each_line_is_encoded(url: AmqpUrl) -> None:
    """As is each file, and what a template has filled in."""
    lines = sent(url, "--encode", "msgpack", "--lines", "-", text='{"n": 1}\n{"n": 2}\n')
    filled = sent(url, "--encode", "msgpack", "--template", "--count", "2", '{"n": {{count}}}')

    assert [each.decode() for each in lines] == [each.decode() for each in filled] == [{"n": 1}, {"n": 2}]


def test_a_body_becomes_a_protobuf_message(url: AmqpUrl, schema: tuple[str, ...]) -> None:
    """By the compiled schema, which is all that is needed."""
    (delivery,) = sent(url, "--encode", "protobuf", *schema, '{"name": "tea", "quantity": 2}')

    assert delivery.message.content_type == "application/x-protobuf"
    codec = ProtobufCodec.from_descriptor(compiled(), ORDER)
    assert delivery.decode(codec=codec) == {"name": "tea", "quantity": 2}


@pytest.mark.parametrize(
    ("words", "compressed"),
    [
        (("--content-encoding", "gzip"), True),
        (("--compress", "always"), True),
        (("--compress", "auto"), True),
        (("--compress", "auto", "--content-encoding", "gzip"), True),
        (("--compress", "never"), False),
        ((), False),
    ],
)
def test_bodies_are_compressed(url: AmqpUrl, words: tuple[str, ...], compressed: bool) -> None:
    """gzip is made and said, or neither."""
    (delivery,) = sent(url, *words, "--content-type", "application/json", LONG)

    assert delivery.message.content_encoding == ("gzip" if compressed else None)
    assert (len(delivery.body) < 1000) == compressed
    assert delivery.decode() == json.loads(LONG)


def test_what_does_not_pay_is_not_compressed(url: AmqpUrl) -> None:
    """With auto, a short body goes as it is and says so."""
    (delivery,) = sent(url, "--compress", "auto", "--content-encoding", "gzip", "short")

    assert (delivery.body, delivery.message.content_encoding) == (b"short", None)


def test_what_is_gzip_already_is_only_labelled(url: AmqpUrl, tmp_path: Path) -> None:
    """--compress never leaves the body alone, and the content encoding as it is given."""
    (tmp_path / "body.gz").write_bytes(gzip.compress(b"tea"))
    (delivery,) = sent(url, "--content-encoding", "gzip", "--compress", "never", "--file", str(tmp_path / "body.gz"))

    assert delivery.message.content_encoding == "gzip"
    assert delivery.decode() == b"tea"


def test_another_encoding_is_a_label(url: AmqpUrl) -> None:
    """We make no other one."""
    (delivery,) = sent(url, "--content-encoding", "br", "tea")

    assert (delivery.body, delivery.message.content_encoding) == (b"tea", "br")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{", "not valid JSON: Expecting property name"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1, "a": 2}', "the key 'a' stands there twice"),
        ("[" * 100_000, "nested"),
        ("18446744073709551616", "cannot be encoded as MessagePack"),
        ("\udcff", "not valid JSON"),
    ],
)
def test_what_cannot_be_encoded_is_bad_input(url: AmqpUrl, body: str, complaint: str) -> None:
    """65, with the reason, and nothing is sent."""
    done = publish(url, "--encode", "msgpack", body)

    assert done.returncode == 65
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert asyncio.run(queue_length(url, "q")) == 0


def test_a_bad_line_is_named(url: AmqpUrl) -> None:
    """The lines before it are confirmed, and it can be skipped."""
    lines = '{"n": 1}\n{"n": \n{"n": 3}\n'
    done = publish(url, "--encode", "msgpack", "--lines", "-", text=lines)
    assert done.returncode == 65
    assert "stdin:2: not valid JSON" in done.stderr
    assert asyncio.run(queue_length(url, "q")) == 1

    assert publish(url, "--encode", "msgpack", "--on-error", "skip", "--lines", "-", text=lines).returncode == 3
    assert asyncio.run(queue_length(url, "q")) == 3


def test_a_field_that_the_schema_does_not_have_is_bad_input(url: AmqpUrl, schema: tuple[str, ...]) -> None:
    """A typo does not vanish."""
    done = publish(url, "--encode", "protobuf", *schema, '{"nmae": "tea"}')

    assert done.returncode == 65
    assert "cannot be encoded as shop.Order" in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--encode", "protobuf", "{}"), "--encode protobuf needs the schema"),
        (("--proto-message", "shop.Order", "{}"), "are for --encode protobuf"),
        (("--encode", "json", "--jsonl", "-"), "--encode does not go with --jsonl"),
        (("--compress", "auto", "--jsonl", "-"), "--compress does not go with --jsonl"),
        (("--compress", "auto", "--content-encoding", "br", "x"), "--compress makes gzip, and not br"),
        (("--encode", "yaml", "x"), "'yaml' is not one of"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(words: tuple[str, ...], complaint: str) -> None:
    """Each has its own words, and no broker is asked."""
    done = run_cli("publish", "-k", "q", *words, input="")

    assert done.returncode == 2
    assert complaint in done.stderr


def test_a_schema_that_cannot_be_used_is_said_before_anything_is_sent(schema: tuple[str, ...], tmp_path: Path) -> None:
    """A missing file is 74, one that does not fit 78, one without an end 65."""
    (tmp_path / "bad.pb").write_bytes(b"\xff")
    cases = {str(tmp_path / "none.pb"): 74, str(tmp_path / "bad.pb"): 78, "/dev/zero": 65}
    for path, code in cases.items():
        done = run_cli("publish", "-k", "q", "--encode", "protobuf", "--proto-descriptor", path, *schema[2:], "{}")
        assert done.returncode == code, done.stderr


def test_ids_are_made_of_the_body_as_it_is_given(url: AmqpUrl) -> None:
    """A pointer leads into the JSON, whatever it becomes on its way."""
    unique = "0b4a1c5e-7d5c-4a52-9d0f-0a1f3d6f5b11"
    (delivery,) = sent(
        url, "--encode", "msgpack", "--compress", "always", "--id-from", "body:/id", json.dumps({"id": unique})
    )

    assert delivery.message_id == unique
    assert delivery.decode() == {"id": unique}


def test_a_run_goes_on_in_the_same_form(url: AmqpUrl, tmp_path: Path) -> None:
    """Half an input in one form and half in another is not what was begun."""
    lines, receipts = tmp_path / "lines", str(tmp_path / "receipts")
    lines.write_text('{"n": 1}\n')
    words = ("--lines", str(lines), "--receipts", receipts)

    assert publish(url, "--encode", "json", *words).returncode == 0
    assert publish(url, "--encode", "json", *words, "--resume").returncode == 0
    assert publish(url, "--encode", "msgpack", *words, "--resume").returncode == 65
    assert publish(url, "--encode", "json", "--compress", "always", *words, "--resume").returncode == 65
