"""`amqptool route`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import run_cli

TOPOLOGY = """
exchanges:
  incoming: {type: topic, alternate_exchange: lost}
  lost: {type: fanout, internal: true}
  audit: headers
  spread: x-consistent-hash
queues:
  playstore: {bindings: [{source: incoming, routing_key: publish.playstore}, {source: spread, routing_key: "1"}]}
  notifications: {bindings: [{source: incoming, routing_key: "publish.*"}]}
  web: {bindings: [{source: audit, arguments: {platform: web, version: 2}}]}
  unrouted: {bindings: [{source: lost}]}
bindings:
  - {source: incoming, destination: audit, destination_type: exchange, routing_key: "publish.#"}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Write the topology."""
    path = tmp_path / "app.yaml"
    path.write_text(TOPOLOGY)
    return str(path)


def test_queues_are_written_one_a_line(file: str) -> None:
    """Sorted, on stdout; how many there are is talk."""
    done = run_cli("route", file, "incoming", "publish.playstore")
    assert (done.returncode, done.stdout, done.stderr) == (0, "notifications\nplaystore\n", "2 queues\n")


def test_headers_are_typed_as_publish_types_them(file: str) -> None:
    """A number is not a text."""
    assert run_cli("route", file, "audit", "", "-H", "platform=web", "-H", "version:=2").stdout == "web\n"
    assert run_cli("route", file, "audit", "", "-H", "platform=web", "-H", "version=2").returncode == 5
    assert run_cli("route", file, "", "x", "-H", 'CC:=["web"]').stdout == "web\n"


def test_no_queue_is_unroutable(file: str) -> None:
    """Exit code 5, as publishing it would."""
    done = run_cli("route", file, "", "playstor")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == "unroutable: no queue gets the message; --explain shows why\n"


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["incomin", "x"], 1, "there is no exchange 'incomin' in the topology; did you mean 'incoming'?"),
        (["lost", "x"], 77, "the exchange 'lost' is internal: it takes no messages from publishers"),
        (["spread", "x"], 1, "cannot tell: exchange spread (x-consistent-hash) chooses one of: playstore"),
        (
            ["", "x", "-H", "CC=a"],
            65,
            "the header CC must be a list of routing keys: the broker closes the channel (406)",
        ),
    ],
)
def test_what_cannot_be_routed_is_an_error(file: str, words: list[str], code: int, complaint: str) -> None:
    """With the exit code that publishing it would have."""
    done = run_cli("route", file, *words)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"amqptool: error: {complaint}\n")


def test_explain_shows_what_each_exchange_does(file: str) -> None:
    """What matched, and what nearly did."""
    done = run_cli("route", file, "incoming", "publish.playstor", "--explain", "-H", "platform=ios")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "incoming (topic)",
        "  'publish.#' -> exchange audit",
        "  'publish.*' -> queue notifications",
        "  not 'publish.playstore' (queue playstore): word 2 of the key is 'playstor', not 'playstore'",
        "audit (headers)",
        "  nothing matches",
        "  not platform='web' version=2 (queue web): header 'platform' is 'ios', not 'web' (and 1 more)",
    ]


def test_explain_shows_alternate_exchanges_and_choices(file: str) -> None:
    """And what may be reached is marked."""
    lines = run_cli("route", file, "incoming", "other", "--explain").stdout.splitlines()
    assert lines[:2] == ["incoming (topic)", "  nothing matches -> alternate exchange lost"]
    assert lines[-2:] == ["lost (fanout)", "  -> queue unrouted"]
    spread = run_cli("route", file, "spread", "x", "--explain")
    assert spread.stdout.splitlines() == ["spread (x-consistent-hash)", "  perhaps '1' -> queue playstore"]


def test_json(file: str) -> None:
    """The same as one document; with --explain, the steps."""
    done = run_cli("route", "--json", "--explain", file, "audit", "", "-H", "platform=web")
    document = json.loads(done.stdout)
    (step,) = document.pop("steps")
    assert done.returncode == 5
    assert document == {
        "kind": "route",
        "code": 5,
        "exchange": "audit",
        "routing_key": "",
        "queues": [],
        "possible": [],
        "unknown": [],
    }
    assert step["nearest"][0]["arguments"] == {"platform": "web", "version": 2}
    assert step["nearest"][0]["line"] == 10


def test_several_files_and_stdin_make_one_topology(file: str) -> None:
    """Variables too are as in every command that reads topologies."""
    more = "queues: {'${WHO}': {bindings: [{source: amq.fanout}]}}"
    done = run_cli("route", file, "-", "amq.fanout", "", "--set", "WHO=me", input=more)
    assert (done.returncode, done.stdout) == (0, "me\n")


def test_a_vhost_is_chosen_where_there_are_several(tmp_path: Path) -> None:
    """Without it, they are named."""
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps({"queues": [{"name": "q", "vhost": "a"}, {"name": "q", "vhost": "b"}]}))
    assert run_cli("route", str(path), "--vhost", "b", "", "q").stdout == "q\n"
    done = run_cli("route", str(path), "", "q")
    assert done.returncode == 65
    assert "several vhosts, say which one: a, b" in done.stderr


def test_a_bad_file_is_reported_as_validate_does(tmp_path: Path) -> None:
    """With all its problems."""
    path = tmp_path / "bad.yaml"
    path.write_text("exchanges: {x: topc}\n")
    done = run_cli("route", str(path), "x", "y")
    assert done.returncode == 65
    assert "bad.yaml:1:16: type must be one of" in done.stderr
