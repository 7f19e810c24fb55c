"""`amqptool plan`, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Topology
from amqptool import declare as declare_topology
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.topology.diff.saved import read_saved
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.vhost import VhostUnderTest

TOPOLOGIES = Path(__file__).parents[2] / "topologies"

HELD = """
exchanges: {orders: topic}
queues: {jobs: {max_length: 10, bindings: [{source: orders, routing_key: a}]}}
"""
WANTED = """
exchanges:
  orders: topic
  events: fanout
queues:
  jobs: {max_length: 20, bindings: [{source: orders, routing_key: a}]}
policies:
  - {name: ttl, pattern: "^jobs$", definition: {message-ttl: 5000}}
"""


@pytest.fixture
def broker(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give an empty vhost."""
    return VhostUnderTest(amqptool_node, amqptool_vhost)


def test_changes_are_lines_with_symbol_values_and_place(broker: VhostUnderTest) -> None:
    """Each change says what is to be done, from which value to which, and where the file says so."""
    broker.holds(HELD)
    done = broker.run("plan", "-", text=WANTED)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "+ exchange events (fanout)  <stdin>:4",
            "∓ queue jobs (classic)  <stdin>:6",
            "    x-max-length: 10 → 20",
            "+ policy ttl  <stdin>:8",
        ],
    )
    assert done.stderr == "Plan: 2 to create, 0 to update, 1 to replace, 0 to delete; 2 unchanged\n"


def test_nothing_is_changed(broker: VhostUnderTest) -> None:
    """A plan is a look: the same plan comes again."""
    plans = {broker.run("plan", "-", text=WANTED).stdout for _ in range(2)}
    assert len(plans) == 1
    assert plans.pop().count("+ ") == 5


@pytest.mark.parametrize("path", sorted(TOPOLOGIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_that_was_declared_needs_nothing(broker: VhostUnderTest, path: Path) -> None:
    """What was declared is there as the file says; with --detailed-exitcode that is exit 0."""
    assert broker.run("plan", "--detailed-exitcode", str(path)).returncode == 4
    topology = Topology.load(path)
    asyncio.run(declare_topology(broker.url, topology))
    done = broker.run("plan", "--detailed-exitcode", str(path))
    assert (done.returncode, done.stdout) == (4 if topology.policies else 0, done.stdout)
    assert [line for line in done.stdout.splitlines() if "policy" not in line] == []


def test_an_updated_policy(broker: VhostUnderTest) -> None:
    """A policy changes in place, key by key."""
    broker.has_policy("ttl", "^jobs$", **{"message-ttl": 9})
    lines = broker.run("plan", "-", text=WANTED).stdout.splitlines()
    assert "~ policy ttl  <stdin>:8" in lines
    assert "    message-ttl: 9 → 5000" in lines


def test_policies_that_the_file_does_not_have_are_noted(broker: VhostUnderTest) -> None:
    """What the broker adds to a queue of the file is said, once for all queues that it is true of."""
    broker.has_policy("cap", "^q", **{"max-length": 5})
    done = broker.run("plan", "-", text="queues: {q1: , q2: }")
    assert (
        "note: queue q1 (classic), queue q2 (classic): policy 'cap' of the broker (not in the file) "
        "sets max-length: 5\n" in done.stderr
    )


def test_prune_plans_to_delete_what_is_owned(broker: VhostUnderTest) -> None:
    """Only names with the prefix are planned to go."""
    broker.holds("queues: {shop.old: , shop.new: , other: }")
    done = broker.run("plan", "--prune", "--owns", "shop.", "-", text="queues: {shop.new: }")
    assert done.stdout == "- queue shop.old (classic)\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--prune"], "--owns PREFIX, or --owns-vhost"),
        (["--owns", "x"], "without it they mean nothing"),
        (["--prune", "--owns", ""], "--owns needs a prefix"),
    ],
)
def test_ownership_that_makes_no_sense_is_wrong_usage(words: list[str], complaint: str) -> None:
    """What may be deleted must be said, and only where something is to be deleted."""
    done = run_cli("plan", *words, "-", input="queues: {q: }")
    assert done.returncode == 2
    assert complaint in done.stderr


def test_a_missing_vhost_is_named_with_the_way_out(broker: VhostUnderTest) -> None:
    """Without --create-vhosts it is an error, with it a change like others."""
    text = "queues: [{name: q, vhost: not-there}]"
    done = broker.run("plan", "-", text=text)
    assert done.returncode == 77
    assert "vhost 'not-there' does not exist" in done.stderr
    assert "--create-vhosts" in done.stderr
    created = broker.run("plan", "--create-vhosts", "-", text=text)
    assert created.stdout.splitlines()[0] == "+ vhost not-there"
    assert created.stdout.splitlines()[1].startswith("+ queue q (classic) in vhost not-there")


def test_the_plan_as_json(broker: VhostUnderTest) -> None:
    """One document holds the changes with typed values, the counts and the notes."""
    broker.holds(HELD)
    broker.has_policy("rest", "^orders$", **{"alternate-exchange": "rest"})
    document = json.loads(broker.run("plan", "--json", "-", text=WANTED).stdout)
    assert (document["kind"], document["code"]) == ("plan", 0)
    assert document["counts"] == {"create": 2, "update": 0, "replace": 1, "delete": 0, "unchanged": 2, "unknown": 0}
    (replaced,) = [each for each in document["changes"] if each["action"] == "replace"]
    assert replaced["differences"] == [{"property": "x-max-length", "before": 10, "after": 20}]
    assert (replaced["type"], replaced["name"], replaced["line"]) == ("queue", "jobs", 6)
    assert [note["name"] for note in document["notes"]] == ["orders"]


def test_no_management_api_is_exit_69_with_the_way_out(broker: VhostUnderTest) -> None:
    """AMQP alone cannot tell what differs, so the plan needs the API and says where it looked."""
    done = broker.run("plan", "--management-url", "http://127.0.0.1:1", "-", text="queues: {q: }")
    assert done.returncode == 69
    assert "no management API at http://127.0.0.1:1" in done.stderr


def test_something_else_at_the_address_is_told(broker: VhostUnderTest) -> None:
    """A port where AMQP is spoken is no management API."""
    done = broker.run(
        "plan", "--management-url", f"http://{broker.url.host}:{broker.url.port}", "-", text="queues: {q: }"
    )
    assert done.returncode == 69
    assert "Traceback" not in done.stderr


def test_amqp_alone_tells_only_what_does_not_exist(broker: VhostUnderTest) -> None:
    """The rest is said not to be known, in words and in the count."""
    broker.holds("exchanges: {orders: fanout}")
    done = broker.run("plan", "--amqp-only", "-", text=WANTED)
    assert done.stdout.splitlines() == [
        "+ exchange events (fanout)  <stdin>:4",
        "+ queue jobs (classic)  <stdin>:6",
        "+ binding of queue jobs to orders with key 'a'  <stdin>:6",
    ]
    assert "does not tell whether the exchanges and queues that exist have the properties" in done.stderr
    assert done.stderr.endswith("0 to delete; 2 not known\n")


def test_amqp_alone_cannot_prune(broker: VhostUnderTest) -> None:
    """AMQP cannot list what is there."""
    assert broker.run("plan", "--amqp-only", "--prune", "--owns-vhost", "-", text=WANTED).returncode == 2


def test_a_saved_plan_is_a_file(broker: VhostUnderTest) -> None:
    """It is for `declare --plan`: `-` is no file, which is better said than made one of that name."""
    done = broker.run("plan", "--out", "-", "-", text=WANTED)
    assert (done.returncode, "--json prints the plan" in done.stderr) == (2, True)


def save(broker: VhostUnderTest, path: Path, *words: str, text: str = WANTED) -> str:
    """Save a plan and return its path."""
    assert broker.run("plan", "--out", str(path), *words, "-", text=text).returncode == 0
    return str(path)


def test_a_saved_plan_is_done(broker: VhostUnderTest, tmp_path: Path) -> None:
    """What was planned is done, deletions included, and nothing else needs to be given again."""
    broker.holds("queues: {shop.old: }")
    path = save(broker, tmp_path / "plan.json", "--prune", "--owns", "shop.")
    done = broker.run("declare", "--plan", path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "5 created, 1 deleted")
    assert broker.run("plan", "--detailed-exitcode", "-", text=WANTED).returncode == 0


def test_a_saved_plan_replaces_only_where_allowed(broker: VhostUnderTest, tmp_path: Path) -> None:
    """That something is to be replaced was planned; that it may be is said when it is done."""
    broker.holds(HELD)
    path = save(broker, tmp_path / "plan.json")
    assert broker.run("declare", "--plan", path, "--allow-replace").returncode == 0
    assert broker.run("plan", "--detailed-exitcode", "-", text=WANTED).returncode == 0


def test_how_to_do_a_saved_plan_is_told_in_full(broker: VhostUnderTest, tmp_path: Path) -> None:
    """The command line can be pasted, and does what was planned."""
    broker.holds(HELD)
    path = tmp_path / "a plan.json"
    told = broker.run("plan", "--out", str(path), "-", text=WANTED).stderr
    assert f"amqptool declare --plan '{path}' --allow-replace\n" in told


def test_the_document_names_the_file_of_a_saved_plan(broker: VhostUnderTest, tmp_path: Path) -> None:
    """As with every command that writes one."""
    path = str(tmp_path / "plan.json")
    assert json.loads(broker.run("plan", "--json", "--out", path, "-", text=WANTED).stdout)["file"] == path


def test_bindings_that_differ_in_their_arguments_can_be_told_apart(broker: VhostUnderTest) -> None:
    """A reviewer sees which of them would go."""
    broker.holds("queues: {jobs: {bindings: [{source: amq.headers, arguments: {n: '1'}}]}}")
    text = "queues: {jobs: {bindings: [{source: amq.headers, arguments: {n: 1}}]}}"
    planned = broker.run("plan", "--prune", "--owns-vhost", "-", text=text).stdout
    lines = [line.split("  ")[0] for line in planned.splitlines()]
    assert lines == [
        '+ binding of queue jobs to amq.headers with arguments {"n": 1}',
        '- binding of queue jobs to amq.headers with arguments {"n": "1"}',
    ]


def test_a_plan_is_not_done_when_the_broker_has_moved(broker: VhostUnderTest, tmp_path: Path) -> None:
    """Nothing is changed, and what moved is named."""
    path = save(broker, tmp_path / "plan.json")
    broker.holds("queues: {jobs: {max_length: 20}}")
    done = broker.run("declare", "--plan", path)
    assert done.returncode == 4
    assert "queue jobs (classic) was to be created, and needs nothing now" in done.stderr
    assert broker.names() == {"queue jobs (classic)"}


def test_a_plan_for_another_vhost_or_cluster_is_refused(broker: VhostUnderTest, tmp_path: Path) -> None:
    """A plan is for one broker."""
    path = save(broker, tmp_path / "plan.json")
    elsewhere = replace(broker.url, vhost="/").reveal()
    assert broker.run("declare", "--plan", path, env={"AMQPTOOL_URL": elsewhere}).returncode == 65
    saved = read_saved(Path(path).read_bytes(), path)
    Path(path).write_text(replace(saved, cluster="rabbit@other").to_json())
    done = broker.run("declare", "--plan", path)
    assert done.returncode == 65
    assert "rabbit@other" in done.stderr


@pytest.mark.parametrize("content", ["", "queues: {q: }", '{"kind": "amqptool-plan", "format": 1, "checksum": "0"}'])
def test_a_damaged_plan_is_bad_input(broker: VhostUnderTest, tmp_path: Path, content: str) -> None:
    """Nothing is done with it, and no traceback comes of it."""
    path = tmp_path / "plan.json"
    path.write_text(content)
    done = broker.run("declare", "--plan", str(path))
    assert (done.returncode, done.stderr.count("\n")) == (65, 1)


def test_a_plan_without_an_end_is_bad_input(broker: VhostUnderTest) -> None:
    """A device is read no further than any file may be long."""
    done = broker.run("declare", "--plan", "/dev/zero")
    assert (done.returncode, done.stderr) == (65, "amqptool: error: /dev/zero: this is too large for a plan file\n")


def test_a_plan_that_is_not_there_is_local_io(broker: VhostUnderTest, tmp_path: Path) -> None:
    """A missing file is exit 74, as elsewhere."""
    assert broker.run("declare", "--plan", str(tmp_path / "none")).returncode == 74


@pytest.mark.parametrize("words", [["-"], ["--prune", "--owns-vhost"], ["--check"], ["--set", "A=b"]])
def test_a_saved_plan_goes_with_nothing_that_plans(broker: VhostUnderTest, words: list[str]) -> None:
    """What to do stands in the plan."""
    assert broker.run("declare", "--plan", "plan.json", *words).returncode == 2


def test_operators_policies_are_noted(broker: VhostUnderTest) -> None:
    """What the broker's operators overrule is as effective as a policy."""

    async def main() -> None:
        async with Management.at(broker.node.management_url, broker.node.url) as management:
            policy = {"pattern": "^q$", "definition": {"max-length": 5}, "apply-to": "queues"}
            await management._request("test", "PUT", "operator-policies", broker.url.vhost, "cap", json=policy)

    asyncio.run(main())
    done = broker.run("plan", "-", text="queues: {q: {max_length: 9}}")
    assert "note: queue q (classic): operator policy 'cap' sets max-length: 5, which is stronger than 9" in done.stderr


def test_colour_is_for_terminals(broker: VhostUnderTest) -> None:
    """On a terminal the symbols are coloured; through a pipe nothing is."""

    def on_terminal(*words: str, **env: str) -> bytes:
        leader, follower = pty.openpty()
        arguments = cli_arguments("plan", *words, str(TOPOLOGIES / "tasks.yaml"))
        environment = cli_environment({**broker.env, "TERM": "xterm", **env})
        with subprocess.Popen(arguments, env=environment, stdout=follower, stderr=subprocess.DEVNULL) as process:
            os.close(follower)
            shown = b""
            try:
                while chunk := os.read(leader, 4096):
                    shown += chunk
            except OSError:  # EIO: the process has ended
                pass
            assert process.wait() == 0
        os.close(leader)
        return shown

    assert b"\x1b[32m+ queue tasks" in on_terminal()
    assert b"\x1b" not in on_terminal("--no-color")
    assert b"\x1b[32m" not in on_terminal(NO_COLOR="1")
    assert b"\x1b" not in on_terminal(TERM="dumb")
    assert "\x1b" not in broker.run("plan", str(TOPOLOGIES / "tasks.yaml")).stdout
