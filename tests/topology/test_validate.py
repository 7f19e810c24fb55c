"""A verdict on files, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology.file.content import Content
from amqptool.topology.validate import validate

if TYPE_CHECKING:
    from pathlib import Path


def test_valid_file(tmp_path: Path) -> None:
    """A valid file's verdict holds its topology."""
    path = tmp_path / "a.yaml"
    path.write_text("queues: {q: }")
    verdict = validate(str(path))
    assert (str(verdict), verdict.lines) == (f"{path}: 0 exchanges, 1 queue, 0 bindings", [])


def test_content_with_problems() -> None:
    """Content with problems has them in its verdict, and no topology."""
    verdict = validate(Content("<stdin>", b"queues: {amq.q: , 5: }"))
    assert (str(verdict), verdict.topology) == ("<stdin>: not a topology", None)
    assert [problem.rule for problem in verdict.problems] == ["reserved-name", "type"]


def test_everything_in_the_order_of_the_file() -> None:
    """What RabbitMQ would refuse, what lint warns of and tests that fail are kept apart, and told together."""
    text = """
queues: {q: {max_length: 5}}
policies: {p: {pattern: "*", definition: {message_ttl: 1h}}}
tests: [{publish: {exchange: "", routing_key: q}, reaches: []}]
"""
    verdict = validate(Content("t.yaml", text))
    assert [problem.rule for problem in verdict.problems] == ["policy-pattern"]
    assert [problem.rule for problem in verdict.warnings] == ["drop-head"]
    assert [failed.actual for failed in verdict.failed_tests] == [("q",)]
    assert [problem.rule for problem in verdict.lines] == ["drop-head", "policy-pattern", "routing-test"]


def test_variables() -> None:
    """Variables have the values that are handed in, and no others."""
    content = Content("t.yaml", 'queues: {"${NAME}": }')
    assert validate(content).topology is None
    assert validate(content, variables={"NAME": "q"}).problems == ()


def test_several_files() -> None:
    """Several files make one topology, and one verdict."""
    one = Content("one", "exchanges: {e: fanout}")
    verdict = validate(one, Content("two", "queues: {q: {bindings: [{source: e}]}}"))
    assert (str(verdict), verdict.lines) == ("one + two: 1 exchange, 1 queue, 1 binding", [])
