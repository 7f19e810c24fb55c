"""Every example in the help of a command does what it says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Topology
from amqptool.broker.local import Endpoint
from amqptool.cli.root import root
from amqptool.testing import declare
from tests.docs.check import ROOT
from tests.docs.console import Step, play, programs
from tests.support.commands import leaves
from tests.support.vhost import VhostUnderTest

#: A purpose, and the lines of a command.
_EXAMPLE = re.compile(r"^  # (.+)\n((?:  [^#\n].*(?:\n|\Z))+)", re.MULTILINE)
_EXIT_CODE = re.compile(r"\(exit code (\d+)\)")
_ID = "6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21"

#: What the examples of commands, or of groups, need beside files and queues, which all of them have.
FIRST = {
    "broker status": ["amqptool broker start"],
    "completion": ["mkdir -p ~/.config/fish/completions"],
    "consume": ['amqptool publish -e incoming -k publish.playstore \'{"app": "maps", "version": 1}\''],
    "dead": [
        f"amqptool publish -k tasks --message-id {_ID} 'resize image 17'",
        "amqptool consume tasks -n 1 --dedup none --dead-letter tasks.dead --handler 'exec:sh -c \"exit 65\"' || true",
    ],
    "dedup": [
        f"for each in 1 2; do amqptool publish -k tasks --message-id {_ID} 'resize image 17'; done",
        "amqptool consume tasks -n 1 --handler exec:cat",
        "amqptool consume tasks -n 1 --handler exec:cat --dedup sqlite:///shop.db",
    ],
    "peek": ["seq 3 | amqptool publish -e incoming -k publish.playstore --lines -"],
}
#: How examples end that would go on: `{}` is the example.
UNTIL = {
    "broker start": "{} && amqptool broker stop --dir .rabbitmq",
    "consume": "{} & amqptool wait --queue playstore --empty && {{ kill $! || true; }} && wait $!",
    "tap": "{} 2> log & until grep -qs tapping log; do sleep 0.1; done; kill $! && wait $!",
}


def examples() -> list[tuple[str, str, str]]:
    """Return the words of each command, with the purpose and the command line of each of its examples."""
    return [
        (" ".join(path), purpose, command.replace("\n  ", "\n").strip())
        for path, leaf in leaves(root)
        for purpose, command in _EXAMPLE.findall(leaf.epilog or "")
    ]


@pytest.fixture
def world(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, tmp_path: Path) -> VhostUnderTest:
    """Give a vhost with the queues that examples name; their files, and a profile, are in the test's directory."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    shutil.copy(ROOT / "topologies/app-publishing.yaml", tmp_path / "topology.yaml")
    for name in ("releases.py", "test_releases.py"):
        (tmp_path / name).write_text(programs()[name])
    (tmp_path / "tasks.txt").write_text("resize image 17\nresize image 18\n")
    config = tmp_path / ".config/amqptool/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'default = "shop"\n[profiles.shop]\nurl = "{amqptool_vhost.reveal()}"\n')
    declare(amqptool_vhost, Topology.load(tmp_path / "topology.yaml", tmp_path / "topologies/tasks.yaml"))
    return VhostUnderTest(amqptool_node, amqptool_vhost)


def test_every_command_has_two_examples() -> None:
    """Which fit into 80 columns, and run it."""
    found = examples()
    for path, _ in leaves(root):
        words = " ".join(path)
        of_command = [(purpose, command) for each, purpose, command in found if each == words]
        assert len(of_command) == 2, words
        for purpose, command in of_command:
            assert f"amqptool {words}" in command
            assert all(len(f"  {line}") <= 80 for line in (f"# {purpose}", *command.splitlines()))


@pytest.mark.parametrize(
    ("words", "purpose", "command"), examples(), ids=[f"{words}: {purpose}" for words, purpose, _ in examples()]
)
def test_every_example_runs(world: VhostUnderTest, tmp_path: Path, words: str, purpose: str, command: str) -> None:
    """In a directory with the files, and with a broker that has the queues, which it names."""
    before = FIRST.get(words) or FIRST.get(words.split()[0], [])
    session = [*before, UNTIL.get(words, "{}").format(command)]
    outputs = play([Step(each) for each in session], tmp_path, world.env)
    code = found[1] if (found := _EXIT_CODE.search(purpose)) else "0"
    assert [output.rsplit(" ", 1)[1] for output in outputs] == [*["0"] * len(before), code], "\n".join(outputs)
