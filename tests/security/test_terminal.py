"""Nothing that somebody else has written acts on a terminal, and no log has a record that nobody wrote."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from tests.security.hostile import CORPUS, not_ours
from tests.security.many import Case, Said, run_many
from tests.support.broker import declare_queue, publish
from tests.support.cli import run_cli
from tests.support.fake_broker import Peer, fake_broker_in_thread
from tests.support.terminal import acting, seen_on_terminal

LEVELS = {"debug", "info", "warning", "error"}
#: What can be a word of a command line, and be the name of a queue or an exchange, which is UTF-8.
_WORDS = [
    text
    for text in CORPUS
    if "\0" not in text and text.encode("utf-8", "replace").decode() == text and len(text.encode()) < 200
]
NAMES = [text for text in _WORDS if not {"\n", "\r"} & {*text}]
#: And what cannot be one, as RabbitMQ would remove the line break.
BROKEN_NAMES = [text for text in _WORDS if {"\n", "\r"} & {*text}]


def shown(words: list[str], env: dict[str, str]) -> str:
    """Run a command without colours on a terminal, and return what came there."""
    seen, _ = seen_on_terminal([*words, "--no-color"], env, with_stdout=True)
    return seen


def message(text: str) -> Message:
    """Make a message with the text in every place that has room for it."""
    body = text.encode("utf-8", "surrogatepass")
    short = body.decode("utf-8", "surrogateescape")
    headers = {"h": short, f"n{short[:50]}": [short, {"deep": body}]}
    properties = dict.fromkeys(("message_id", "type", "app_id", "correlation_id", "reply_to"), short[:60])
    return Message(body=body, exchange="amq.fanout", routing_key=short[:60], headers=headers, **properties)


@pytest.fixture
def url(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a message in queue `q` for each of the texts."""

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"first", routing_key="q")])
        from amqptool.broker.amqp import connect

        async with connect(amqptool_vhost) as connection:
            await (await connection.channel()).bind_queue("amq.fanout", "q", "")
        await publish(amqptool_vhost, [message(text) for text in CORPUS])

    asyncio.run(prepare())
    return amqptool_vhost


def test_there_are_two_hundred() -> None:
    """Each another one, and most of them would act."""
    assert len(CORPUS) == 200
    assert sum(bool(acting(text)) for text in CORPUS) > 140


@pytest.mark.parametrize("output", ["body", "jsonl", "pretty"])
def test_of_messages_nothing_acts(url: AmqpUrl, output: str) -> None:
    """In bodies, keys, headers and properties, as it is printed."""
    words = ["consume", "q", "-n", "201", "--requeue", "--output", output]
    seen = shown(words, {"AMQPTOOL_URL": url.reveal()})
    assert "201 looked at" in seen
    assert acting(not_ours(seen, plain=True)) == set()


def test_with_colours_nothing_but_ours_acts(url: AmqpUrl) -> None:
    """What a page is styled with is the same whatever the message is."""
    seen, _ = seen_on_terminal(
        ["consume", "q", "-n", "201", "--requeue", "--output", "pretty"],
        {"AMQPTOOL_URL": url.reveal()},
        with_stdout=True,
    )
    assert "201 looked at" in seen
    assert acting(not_ours(seen, plain=False)) == set()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_record_of_a_log_is_forged(url: AmqpUrl, form: str) -> None:
    """What a handler says of a message, and the message's id, are a part of a line that we wrote."""
    words = [
        "consume",
        "q",
        "-n",
        "201",
        "--handler",
        "exec:sh -c 'cat >&2; exit 1'",
        "--dedup",
        "none",
        "-v",
        "--prefetch",
        "300",
    ]
    done = run_cli(*words, "--concurrency", "4", "--log-format", form, env={"AMQPTOOL_URL": url.reveal()})
    lines = done.stderr.split("\n")[:-1]
    assert sum("attempt 1 failed" in line for line in lines) == 201
    assert acting(done.stderr) == set()
    if form == "json":
        assert {json.loads(line)["level"] for line in lines} <= LEVELS
        assert {json.loads(line)["logger"].split(".")[0] for line in lines} == {"amqptool"}
    else:
        assert [line for line in lines[:-1] if not line.startswith("amqptool: ")] == []


def which_act(said: list[Said], words: str) -> list[Said]:
    """Return what would act on a terminal, of what all say with these words in it."""
    assert [each for each in said if words not in each.said] == []
    return [each for each in said if acting(each.said)]


def test_of_a_queue_that_is_not_there_nothing_acts(amqptool_vhost: AmqpUrl) -> None:
    """Its name comes back in the broker's own words."""
    env = {"AMQPTOOL_URL": amqptool_vhost.reveal()}
    for names, told in ((NAMES, "NOT_FOUND"), (BROKEN_NAMES, "line break")):
        words = [["consume", "-n", "1", "--", name] for name in names]
        words += [["publish", "-e", name, "-k", "k", "x"] for name in names[::10]]
        assert which_act(run_many(Case(each, env) for each in words), told) == []


def test_of_a_topology_file_nothing_acts(tmp_path: Path) -> None:
    """Of names and values in its errors, in what is drawn of it, and of the file's own name."""
    names = {f"n{number}{text}": {"max_length": text} for number, text in enumerate(NAMES)}
    bad, good = tmp_path / "bad\x1b[2J\u202e.yaml", tmp_path / "good.yaml"
    bad.write_text(json.dumps({"queues": names, "\x1b[31m": 1}))
    good.write_text(json.dumps({"queues": dict.fromkeys(names)}))
    for words in (["validate", str(bad)], ["validate", "--show", "expanded", str(good)], ["graph", str(good)]):
        seen = shown(words, {})
        assert len(seen) > 150
        assert acting(not_ours(seen, plain=True)) == set()


def test_of_what_a_broker_says_nothing_acts() -> None:
    """The reason with which it closes a channel."""
    said = iter(CORPUS)

    def refuse(peer: Peer, _number: int) -> None:
        reason = next(said).encode("utf-8", "replace").decode()
        peer.close_channel(403, f"ACCESS_REFUSED - {reason}")

    with fake_broker_in_thread(refuse) as url:
        cases = [Case(["publish", "-k", "k", "x"], {"AMQPTOOL_URL": url.reveal()})] * len(CORPUS)
        assert which_act(run_many(cases), "ACCESS_REFUSED") == []
    assert next(said, None) is None
