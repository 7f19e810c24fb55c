"""The `tests` section: what a test says, and what it may name."""

from __future__ import annotations

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Place, RoutingTest, Topology

DECLARED = "exchanges: {news: topic}\nqueues: {a: , b: , c: {dead_letter: true}}\n"


def declared_tests(text: str) -> tuple[RoutingTest, ...]:
    return Topology.parse(DECLARED + text, "t.yaml").tests


def problems_of(text: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        Topology.parse(DECLARED + text, "t.yaml")
    return [str(problem).removeprefix("t.yaml:") for problem in caught.value.problems]


def test_a_test() -> None:
    """A test is a message and the queues that get it, sorted; headers are of any type."""
    (test,) = declared_tests(
        "tests:\n"
        "  - publish: {exchange: news, routing_key: a.b, headers: {n: 1, t: text, b: true, l: [1, {x: null}]}}\n"
        "    reaches: [b, c.dead, a]\n"
    )
    assert test == RoutingTest(
        exchange="news",
        routing_key="a.b",
        headers={"n": 1, "t": "text", "b": True, "l": [1, {"x": None}]},
        reaches=("a", "b", "c.dead"),
    )
    assert test.place == Place("t.yaml", 4, 5)


@pytest.mark.parametrize("publish", ["{}", "{exchange: ''}", "{exchange: '', routing_key: '', headers: {}}"])
def test_nothing_is_needed_of_a_message(publish: str) -> None:
    """Without an exchange it is the default one, without a key the empty one; it may reach nothing."""
    assert declared_tests(f"tests: [{{publish: {publish}, reaches: []}}]") == (
        RoutingTest(exchange="", routing_key=""),
    )


@pytest.mark.parametrize("exchange", ["news", "amq.topic", "amq.match"])
def test_exchanges(exchange: str) -> None:
    """A message goes to an exchange of the file, or to one that every vhost has."""
    assert declared_tests(f"tests: [{{publish: {{exchange: {exchange}}}, reaches: []}}]")[0].exchange == exchange


def test_vhosts() -> None:
    """A test names things of its own vhost."""
    text = "queues: [{name: q, vhost: v}]\ntests: [{publish: {routing_key: q}, reaches: [q], vhost: %s}]"
    assert Topology.parse(text % "v").tests[0].vhost == "v"
    with pytest.raises(TopologyError, match="the queue 'q' of this test is not declared in vhost 'w'"):
        Topology.parse(text % "w")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            "publish: {}, reaches: [c.ded]",
            "3:9: the queue 'c.ded' of this test is not declared; did you mean 'c.dead'?",
        ),
        (
            "publish: {exchange: new}, reaches: []",
            "3:9: the exchange 'new' of this test is not declared; did you mean 'news'?",
        ),
        ("publish: {}", "3:9: the test has no reaches"),
        ("reaches: []", "3:9: the test has no publish"),
        ("publish: {}, reaches: [a, b, a]", "3:39: reaches names 'a' twice; a queue gets a message once"),
        ("publish: {}, reaches: a", "3:32: reaches must be a list, not a"),
        ("publish: {}, reaches: [7]", '3:33: reaches must be a text, not 7: put it in quotes: "7"'),
        ("publish: {}, reaches: [], name: x", "3:36: a test has no key 'name'; it may have publish, reaches, vhost"),
        ("publish: news, reaches: []", "3:19: publish must be a mapping (key: value), not news"),
        (
            "publish: {key: a}, reaches: []",
            "3:20: publish has no key 'key'; it may have exchange, routing_key, headers",
        ),
        ("publish: {headers: [a]}, reaches: []", "3:29: headers must be a mapping (key: value), not a list"),
        ("publish: {exchange: 7}, reaches: []", '3:30: exchange must be a text, not 7: put it in quotes: "7"'),
    ],
)
def test_problems(body: str, problem: str) -> None:
    """What a test lacks, or cannot mean, is a problem."""
    (found,) = problems_of(f"tests: [{{{body}}}]")
    assert found[: found.rindex(" [")] == problem


@pytest.mark.parametrize("text", ["tests: {}", "tests: [publish]", "tests: true"])
def test_shapes(text: str) -> None:
    """The section is a list of mappings."""
    (problem,) = problems_of(text)
    assert "must be a" in problem


def test_nothing() -> None:
    """A file need not have tests."""
    assert declared_tests("tests:\n") == declared_tests("tests: []") == declared_tests("") == ()


def test_ambiguous_headers() -> None:
    """A header that readers of YAML understand differently is refused, as in arguments."""
    (problem,) = problems_of("tests: [{publish: {headers: {a: no}}, reaches: []}]")
    assert problem.startswith("3:33: headers is no, which YAML readers understand differently")
