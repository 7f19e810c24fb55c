"""Several files into one topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Topology

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """\
vhosts: {app: {default_queue_type: quorum}}
exchanges: {e: {type: fanout, arguments: {x-of-a-plugin: 1}}}
queues: {q: {message_ttl: 5s, bindings: [{source: e}]}}
bindings: [{source: e, destination: q, routing_key: k, arguments: {n: 1}}]
policies: {p: {pattern: a, definition: {max_length: 5}}}
"""


def load(directory: Path, *texts: str) -> Topology:
    paths = [directory / f"{number}.yaml" for number, _ in enumerate(texts)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return Topology.load(*paths)


def problems_of(directory: Path, *texts: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        load(directory, *texts)
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


def test_same_in_two_files(tmp_path: Path) -> None:
    """What two files say alike counts once, and keeps its first place."""
    both = load(tmp_path, EVERYTHING, EVERYTHING)
    assert both == Topology.parse(EVERYTHING)
    things = [*both.vhosts, *both.exchanges, *both.queues, *both.bindings, *both.policies]
    assert {thing.place.file for thing in things} == {str(tmp_path / "0.yaml")}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("fanout", "topic", "1.yaml:2:13: exchange 'e' is already declared at 0.yaml:2:13"),
        ("x-of-a-plugin: 1", "x-of-a-plugin: true", "1.yaml:2:13: exchange 'e' is already declared at 0.yaml:2:13"),
        ("5s", "6s", "1.yaml:3:10: queue 'q' is already declared at 0.yaml:3:10"),
        ("quorum", "classic", "1.yaml:1:10: vhost 'app' is already declared at 0.yaml:1:10"),
        ("max_length: 5", "max_length: 6", "1.yaml:5:12: policy 'p' is already declared at 0.yaml:5:12"),
    ],
)
def test_conflict(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """What two files say differently is named with both places."""
    found = problems_of(tmp_path, EVERYTHING, EVERYTHING.replace(old, new))
    assert found == [f"{problem}, with other properties [duplicate]"]


def test_once_in_a_file(tmp_path: Path) -> None:
    """Within one file, the same twice is a mistake, whatever other files say."""
    twice = "exchanges: [{name: e, type: fanout}, {name: e, type: fanout}]\n"
    assert problems_of(tmp_path, "exchanges: {e: fanout}\n", twice) == [
        "1.yaml:1:38: exchange 'e' is already declared on line 1 [duplicate]"
    ]


def test_default_of_one_file(tmp_path: Path) -> None:
    """A vhost's default queue type counts for the queues of every file, also those read before."""
    first = "vhosts: {app: }\nqueues: {q: {vhost: app}}"
    topology = load(tmp_path, first, "vhosts: {app: {default_queue_type: quorum}}")
    assert topology.queues[0].type == "quorum"
    assert [vhost.default_queue_type for vhost in topology.vhosts] == ["quorum"]


def test_different_vhosts(tmp_path: Path) -> None:
    """The same name in another vhost, or in the connection's, is another object."""
    assert len(load(tmp_path, "queues: {q: }", "queues: {q: {vhost: app}}").queues) == 2
