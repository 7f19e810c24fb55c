"""`amqptool publish` with more than one message: where they come from, at which pace, with which ids."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from amqptool import AmqpUrl, Delivery
from amqptool.publish.ids import BODY_NAMESPACE
from tests.support.broker import declare_queue, drain
from tests.support.cli import run_cli


def publish(url: AmqpUrl, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `amqptool publish` with the key of `q`."""
    return run_cli("publish", "-k", "q", *words, env={"AMQPTOOL_URL": url.reveal()}, input=stdin)


@pytest.fixture
def queue(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


def taken(url: AmqpUrl) -> list[Delivery]:
    """Take everything out of `q`."""
    return asyncio.run(drain(url, "q"))


def bodies(url: AmqpUrl) -> list[bytes]:
    """Take everything out of `q` and return the bodies."""
    return [delivery.body for delivery in taken(url)]


# -- files --


def test_files_and_directories_are_messages(queue: AmqpUrl, tmp_path: Path) -> None:
    """Each file is a message, a directory is its files in name order, and the summary counts them."""
    for name, content in {"one": b"1\n", "many/b": b"\xff", "many/a": b"", "many/deep/c": b"c"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    done = publish(queue, "--file", f"{tmp_path}/one", "--file", f"{tmp_path}/many")
    assert (done.returncode, done.stdout) == (0, "")
    assert "left out the directories in it (1); --recursive takes them too" in done.stderr
    assert "3 confirmed" in done.stderr
    assert bodies(queue) == [b"1\n", b"", b"\xff"]
    assert publish(queue, "--recursive", "--file", f"{tmp_path}/many").returncode == 0
    assert bodies(queue) == [b"", b"\xff", b"c"]


def test_an_empty_directory_is_nothing_to_do(queue: AmqpUrl, tmp_path: Path) -> None:
    """No files are no failure."""
    done = publish(queue, "--file", str(tmp_path))
    assert (done.returncode, done.stderr[:11]) == (0, "0 confirmed")


@pytest.mark.parametrize(("on_error", "code", "left"), [("stop", 65, [b"a"]), ("skip", 3, [b"a", b"c"])])
def test_a_file_that_is_too_large(queue: AmqpUrl, tmp_path: Path, on_error: str, code: int, left: list[bytes]) -> None:
    """It is named, and ends the input or is left out."""
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").touch()
    os.truncate(tmp_path / "b", 128 * 1024**2 + 1)
    (tmp_path / "c").write_bytes(b"c")
    done = publish(queue, "--file", str(tmp_path), "--on-error", on_error)
    assert done.returncode == code
    assert f"{tmp_path}/b: larger than the 128 MiB that any broker takes" in done.stderr
    assert bodies(queue) == left


# -- the same message many times --


def test_a_message_is_published_many_times(queue: AmqpUrl, tmp_path: Path) -> None:
    """--count repeats a body, a file or stdin, each time with an id of its own."""
    (tmp_path / "file").write_bytes(b"from a file")
    assert publish(queue, "body", "--count", "3").returncode == 0
    assert publish(queue, "--file", f"{tmp_path}/file", "--count", "2").returncode == 0
    assert publish(queue, "--count", "2", stdin="stdin").returncode == 0
    deliveries = taken(queue)
    assert [each.body for each in deliveries] == [b"body"] * 3 + [b"from a file"] * 2 + [b"stdin"] * 2
    assert len({UUID(each.message_id) for each in deliveries}) == 7


def test_placeholders_are_filled_for_each_message(queue: AmqpUrl) -> None:
    """In the body, the routing key and the headers' values."""
    asyncio.run(declare_queue(queue, "q3"))
    done = publish(
        queue, '{"n": {{count}}, "id": "{{uuid}}", "at": "{{now}}", "x": {{random 1 6}}, "raw": "{{{{"}',
        "--count", "2", "--template", "-H", "number=no. {{count}}", "-H", 'list:=["{{count}}", 1]',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = taken(queue)
    documents = [json.loads(each.body) for each in (first, second)]
    assert [each["n"] for each in documents] == [1, 2]
    assert len({UUID(each["id"]) for each in documents}) == 2
    assert all(1 <= each["x"] <= 6 and each["at"].endswith("Z") and each["raw"] == "{{" for each in documents)
    assert [each.headers for each in (first, second)] == [
        {"number": f"no. {count}", "list": [str(count), 1]} for count in (1, 2)
    ]
    assert publish(queue, "x", "--count", "3", "--template", "-k", "q{{count}}", "--allow-unroutable").returncode == 0
    assert [each.body for each in asyncio.run(drain(queue, "q3"))] == [b"x"]


def test_without_template_braces_are_braces(queue: AmqpUrl) -> None:
    """Nothing is filled that nobody asked for."""
    assert publish(queue, "{{count}} {{nope}}").returncode == 0
    assert bodies(queue) == [b"{{count}} {{nope}}"]


def test_lines_may_be_templates(queue: AmqpUrl) -> None:
    """With --template each line is one, and a bad one is a bad line."""
    done = publish(
        queue, "--template", "--lines", "-", "--on-error", "skip", stdin="a{{count}}\n{{nope}}\nb{{count}}\n"
    )
    assert done.returncode == 3
    assert "stdin:2: unknown placeholder '{{nope}}'" in done.stderr
    assert bodies(queue) == [b"a1", b"b3"]


def test_a_placeholder_may_make_a_key_too_long(queue: AmqpUrl) -> None:
    """What a filled message cannot be is said of that message."""
    done = publish(queue, "x", "--template", "-k", "{{count}}" + "k" * 254, "--count", "10")
    assert done.returncode == 65
    assert "message 10: routing_key is longer than AMQP's 255 bytes" in done.stderr


def test_the_rate_is_kept(queue: AmqpUrl) -> None:
    """Twenty messages at forty a second take half a second, and no message more."""
    document = json.loads(publish(queue, "x", "--count", "21", "--rate", "40/s", "--json").stdout)
    assert document["confirmed"] == 21
    assert 0.4 <= document["seconds"] < 20


# -- ids --


def test_ids_come_from_where_they_are_told_to(queue: AmqpUrl) -> None:
    """Of time, or of the body; and records keep their own unless told."""
    lines = '{"id": "6F1C3B2E9F0A4C3D8E472B1A0C9D8E7F"}\n{"id": 7}\n'
    publish(queue, "--lines", "-", "--id-from", "uuid7", stdin=lines)
    publish(queue, "--lines", "-", "--id-from", "body:/id", stdin=lines)
    record = json.dumps({"body": '{"id": 7}', "properties": {"message_id": "mine"}})
    none = json.dumps({"body": "{}", "properties": {"message_id": None}})
    publish(queue, "--jsonl", "-", stdin=f"{record}\n{none}\n")
    publish(queue, "--jsonl", "-", "--id-from", "body:/id", stdin=record)
    ids = [each.message_id for each in taken(queue)]
    of_seven = str(uuid5(BODY_NAMESPACE, "7"))
    assert [UUID(each).version for each in ids[:2] if each] == [7, 7]
    assert ids[2:] == ["6f1c3b2e-9f0a-4c3d-8e47-2b1a0c9d8e7f", of_seven, "mine", None, of_seven]


def test_a_body_without_an_id_is_a_bad_line(queue: AmqpUrl) -> None:
    """It is named, skipped on demand, and everything else arrives."""
    done = publish(queue, "--lines", "-", "--id-from", "body:/id", "--on-error", "skip", stdin='{"id": 1}\n{}\nx\n')
    assert done.returncode == 3
    assert "stdin:2: the body has no /id" in done.stderr
    assert "stdin:3: the body is no JSON" in done.stderr
    assert "1 confirmed" in done.stderr
    assert "2 invalid" in done.stderr
    assert len(taken(queue)) == 1


# -- bad lines (C14) --

GOOD = json.dumps({"routing_key": "q", "body": "x"})


def test_a_bad_line_stops_the_input_once_all_before_it_is_confirmed(queue: AmqpUrl, tmp_path: Path) -> None:
    """C14: exit 65, with the count of what was confirmed, the line and the reason."""
    (tmp_path / "f").write_text(f"{GOOD}\n" * 499 + "{broken\n" + f"{GOOD}\n")
    done = publish(queue, "--jsonl", f"{tmp_path}/f")
    assert done.returncode == 65
    assert f"amqptool: error: {tmp_path}/f:500: not valid JSON" in done.stderr
    assert done.stderr.count(":500:") == 1
    assert "499 confirmed" in done.stderr
    assert len(taken(queue)) == 499


def test_what_ends_the_input_is_in_the_document(queue: AmqpUrl) -> None:
    """As the kind of error, and what it says."""
    document = json.loads(publish(queue, "--json", "--jsonl", "-", stdin=f"{GOOD}\n{{broken\n").stdout)
    assert (document["code"], document["confirmed"], document["error"]) == (65, 1, "InputError")
    assert document["message"].startswith("stdin:2: not valid JSON")


def test_bad_lines_may_be_skipped(queue: AmqpUrl) -> None:
    """C14: exit 3; ten are told, the rest counted, and the document lists them all."""
    lines = "\n".join([GOOD, *["{"] * 12, GOOD])
    done = publish(queue, "--json", "--jsonl", "-", "--on-error", "skip", stdin=lines)
    document = json.loads(done.stdout)
    assert (done.returncode, document["confirmed"], document["invalid"]) == (3, 2, 12)
    places = [each["message"].split(": ")[0] for each in document["invalid_items"]]
    assert places == [f"stdin:{number}" for number in range(2, 14)]
    assert {each["error"] for each in document["invalid_items"]} == {"InputError"}
    assert "amqptool: error: … and 2 more" in done.stderr
    assert len(taken(queue)) == 2


def test_nothing_but_bad_lines_is_bad_input(queue: AmqpUrl) -> None:
    """If no line was a message, skipping them does not make it a partial success."""
    done = publish(queue, "--jsonl", "-", "--on-error", "skip", stdin="{\n[]\n")
    assert done.returncode == 65
    assert "0 confirmed" in done.stderr


# -- the summary --


def test_the_summary_tells_how_long_confirms_took(queue: AmqpUrl) -> None:
    """Rate and percentiles, for people and in the document."""
    done = publish(queue, "--json", "--lines", "-", stdin="x\n" * 50)
    document = json.loads(done.stdout)
    latency = document["confirm_latency_seconds"]
    assert document["per_second"] == pytest.approx(50 / document["seconds"])
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"] < document["seconds"]
    assert "confirms took p50 " in done.stderr


def test_quiet_says_nothing(queue: AmqpUrl) -> None:
    """With -q there is no summary."""
    done = publish(queue, "-q", "--lines", "-", stdin="x\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
