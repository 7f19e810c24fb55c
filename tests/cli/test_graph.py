"""`amqptool graph`, as a user runs it: on files, and on a broker."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message, Publisher, Topology, declare
from amqptool.broker.figures import read_figures
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from tests.support.cli import run_cli

APP = """
exchanges: {incoming: topic}
queues:
  playstore:
    retry: [5s, 1m]
    dead_letter: true
    bindings: [{source: incoming, routing_key: publish.playstore}]
  notifications: {bindings: [{source: incoming, routing_key: "publish.*"}]}
"""
TREE = """\
incoming (topic)
├─ publish.playstore → playstore (classic)
│  ├─ retry 5s, 1m
│  └─ dead letters → playstore.dead (quorum)
└─ publish.* → notifications (classic)
"""


def graph(*words: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool graph`."""
    return run_cli("graph", *words, **options)


def live(node: Endpoint, url: AmqpUrl, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool graph --live` on the suite's broker."""
    env = {"AMQPTOOL_URL": url.reveal(), "AMQPTOOL_MANAGEMENT_URL": node.management_url}
    return run_cli("graph", "--live", *words, env=env)


@pytest.fixture
def app(tmp_path: Path) -> str:
    """Give the path of a topology file."""
    path = tmp_path / "app.yaml"
    path.write_text(APP)
    return str(path)


def test_a_tree_is_the_default(app: str) -> None:
    """The picture is on stdout, and what it shows on stderr."""
    done = graph(app)
    assert (done.returncode, done.stdout, done.stderr) == (0, TREE, "1 exchange, 3 queues\n")


def test_stdin() -> None:
    """`-` is standard input."""
    assert graph("-", input=APP).stdout == TREE


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", "<svg "), ("a.dot", "digraph"), ("a.GV", "digraph"), ("a.mmd", "flowchart"), ("a.txt", "incoming")],
)
def test_a_file_is_written_in_the_format_of_its_name(app: str, tmp_path: Path, name: str, start: str) -> None:
    """Stdout stays empty; -f says otherwise."""
    path = tmp_path / name
    done = graph(app, "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{path}: 1 exchange, 3 queues\n"
    assert path.read_text().startswith(start)
    assert path.read_text().endswith("\n")
    assert graph(app, "-o", str(path), "-f", "tree").returncode == 0
    assert path.read_text() == TREE


def test_a_file_that_cannot_be_written_is_74(app: str, tmp_path: Path) -> None:
    """As everywhere."""
    done = graph(app, "-o", str(tmp_path / "none" / "a.svg"))
    assert done.returncode == 74
    assert done.stderr.endswith("none/a.svg: No such file or directory\n")


def test_json(app: str) -> None:
    """With --json, nodes and edges."""
    document = json.loads(graph(app, "--json").stdout)
    assert (document["kind"], document["code"], document["file"]) == ("graph", 0, None)
    names = {node["id"]: node["name"] for node in document["nodes"]}
    edges = [(names[edge["source"]], edge["kind"], names[edge["target"]]) for edge in document["edges"]]
    assert edges == [
        ("incoming", "binding", "playstore"),
        ("incoming", "binding", "notifications"),
        ("playstore", "retry", "playstore"),
        ("playstore", "dead-letter", "playstore.dead"),
    ]
    (ladder,) = [node for node in document["nodes"] if node["kind"] == "ladder"]
    assert (ladder["delays_seconds"], ladder["figures"], ladder["lit"]) == ([5.0, 60.0], None, False)


def test_json_names_the_file(app: str, tmp_path: Path) -> None:
    """That the picture was written to."""
    path = tmp_path / "app.svg"
    assert json.loads(graph(app, "--json", "-o", str(path)).stdout)["file"] == str(path)
    assert path.read_text().startswith("<svg")


def test_expanded(app: str) -> None:
    """Each wait queue has a line."""
    assert "├─ retry 5s → amqptool.retry.playstore.5000 (quorum)\n" in graph(app, "--expanded").stdout


def test_filter(app: str) -> None:
    """A part of a picture; a name that does not occur leaves nothing, and says so."""
    assert graph(app, "--filter", "notif").stdout == "incoming (topic)\n└─ publish.* → notifications (classic)\n"
    nothing = graph(app, "--filter", "none")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "nothing to draw\n")


def test_set(tmp_path: Path) -> None:
    """Variables have their values."""
    path = tmp_path / "app.yaml"
    path.write_text("queues: {'${NAME}': }")
    assert "└─ jobs (classic)" in graph(str(path), "--set", "NAME=jobs").stdout


def test_a_route_is_highlighted(app: str) -> None:
    """Exchange and key are the message's; its lines are marked."""
    assert graph(app, "--highlight-route", "incoming", "publish.news").stdout.splitlines() == [
        "► incoming (topic)",
        "  ├─ publish.playstore → playstore (classic)",
        "  │  ├─ retry 5s, 1m",
        "  │  └─ dead letters → playstore.dead (quorum)",
        "► └─ publish.* → notifications (classic)",
    ]


def test_the_default_exchange_is_highlighted(app: str) -> None:
    """Its name is empty; the way from it is drawn for the message's sake."""
    assert graph(app, "--highlight-route", "", "playstore").stdout.endswith(
        "► (default exchange)\n► └─ playstore (classic) ↑\n"
    )


def test_headers_of_the_message(tmp_path: Path) -> None:
    """They are typed, as `publish` takes them."""
    path = tmp_path / "app.yaml"
    path.write_text("exchanges: {h: headers}\nqueues: {q: {bindings: [{source: h, arguments: {x-match: all, n: 7}}]}}")
    assert "► └─" in graph(str(path), "--highlight-route", "h", "", "-H", "n:=7").stdout
    assert "► └─" not in graph(str(path), "--highlight-route", "h", "", "-H", "n=7").stdout


def test_an_unknown_exchange_has_no_route(app: str) -> None:
    """It is a definite failure, with a suggestion."""
    done = graph(app, "--highlight-route", "incomin", "k")
    assert (done.returncode, "did you mean 'incoming'?" in done.stderr) == (1, True)


def test_vhosts(tmp_path: Path) -> None:
    """One may be chosen, and a route needs one."""
    path = tmp_path / "app.yaml"
    path.write_text("exchanges: [{name: e, type: topic, vhost: a}, {name: e, type: fanout, vhost: b}]")
    assert graph(str(path)).stdout == "vhost a:\n\ne (topic)\n\nvhost b:\n\ne (fanout)\n"
    assert graph(str(path), "--vhost", "b").stdout == "e (fanout)\n"
    assert graph(str(path), "--vhost", "b", "--highlight-route", "e", "").stdout == "► e (fanout)\n"
    assert graph(str(path), "--highlight-route", "e", "").returncode == 65


def test_a_crowd_is_pointed_out(tmp_path: Path) -> None:
    """Mermaid's limits too; trees may be long."""
    path = tmp_path / "app.json"
    bindings = [{"source": "amq.fanout", "destination": f"q{number}"} for number in range(501)]
    path.write_text(json.dumps({"queues": {f"q{number}": {} for number in range(501)}, "bindings": bindings}))
    assert "--filter draws a part" in graph(str(path), "-f", "svg").stderr
    assert "mermaid refuses to draw more than 500 lines" in graph(str(path), "-f", "mermaid").stderr
    assert graph(str(path)).stderr == "1 exchange, 501 queues\n"


@pytest.mark.parametrize("words", [[], ["--live", "app.yaml"], ["app.yaml", "-f", "png"]])
def test_usage(words: list[str]) -> None:
    """Files or a broker, and formats that there are."""
    assert graph(*words).returncode == 2


def test_problems_in_the_file(tmp_path: Path) -> None:
    """As everywhere: each with its place, and exit code 65."""
    path = tmp_path / "app.yaml"
    path.write_text("exchanges: {e: topc}")
    done = graph(str(path))
    assert (done.returncode, f"{path}:1:16:" in done.stderr) == (65, True)


def test_live_draws_what_the_broker_holds(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The broker's tree is the file's, with what the queues hold."""

    async def prepare() -> None:
        await declare(amqptool_vhost, Topology.parse(APP))
        management = Management.at(amqptool_node.management_url, amqptool_node.url)
        # What a closed connection sent is not always counted, so it stays open.
        async with Publisher(amqptool_vhost) as publisher, management as asked:
            for _ in range(3):
                await publisher.publish(Message(body=b"", exchange="incoming", routing_key="publish.news"))
            found = None
            while found is None or found.published is None or found.ready < 3:
                found = (await read_figures(asked, [amqptool_vhost.vhost]))[amqptool_vhost.vhost, "notifications"]

    asyncio.run(asyncio.wait_for(prepare(), 60))
    done = live(amqptool_node, amqptool_vhost)
    assert done.returncode == 0
    plain = re.sub(r"  \d+ ready, \d+ unacked(, [\d.]+/s in, [\d.]+/s out)?", "", done.stdout)
    assert plain == (
        "incoming (topic)\n"
        "├─ publish.* → notifications (classic)\n"
        "└─ publish.playstore → playstore (classic)\n"
        "   ├─ retry 5s, 1m\n"
        "   └─ dead letters → playstore.dead (quorum)\n"
    )
    assert re.search(r"notifications \(classic\)  3 ready, 0 unacked, [\d.]+/s in, [\d.]+/s out\n", done.stdout)


def test_live_without_such_a_vhost_is_77(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """It is named."""
    done = live(amqptool_node, amqptool_vhost, "--vhost", "nowhere")
    assert (done.returncode, "no such vhost" in done.stderr, "nowhere" in done.stderr) == (77, True, True)
