"""Everything that may stand in brackets after a problem is explained."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import amqptool.topology
from amqptool.errors import Problem, TopologyError
from amqptool.topology import Topology
from amqptool.topology.bodies.flaws import schema_problems
from amqptool.topology.lint import EXPLANATIONS, RULES, lint
from amqptool.topology.lint.rule import Explanation
from amqptool.topology.routing import check_tests

PACKAGE = Path(amqptool.topology.__file__).parent
#: What takes a rule's id, and as which argument.
TAKERS = {"add": 2, "stop": 2, "note": 2, "Unfit": 2, "Problem": 4, "one_of": 1, "_checked": 3}

STRUCTURE = [each for each in EXPLANATIONS.values() if each not in RULES]

each_explanation = pytest.mark.parametrize("explanation", STRUCTURE, ids=lambda each: each.id)


def problems(text: str) -> tuple[Problem, ...]:
    try:
        topology = Topology.parse(text, "t.yaml")
    except TopologyError as error:
        return error.problems
    return (*lint(topology), *schema_problems(topology), *(failed.problem for failed in check_tests(topology)))


@each_explanation
def test_the_failing_example_fails(explanation: Explanation) -> None:
    """The failing example has a problem of that id, at a place in the text."""
    found = [problem for problem in problems(explanation.failing) if problem.rule == explanation.id]
    lines = explanation.failing.splitlines()
    assert found
    for problem in found:
        assert (problem.file, problem.severity, explanation.severity) == ("t.yaml", "error", "error")
        assert problem.column <= len(lines[problem.line - 1]) + 1


@each_explanation
def test_the_passing_example_is_clean(explanation: Explanation) -> None:
    """The passing example has no problem of any kind, but for arguments that only a plugin knows."""
    assert {problem.rule for problem in problems(explanation.passing)} <= {"unknown-argument"}


def test_ids_are_one_of_a_kind() -> None:
    """No id stands for two things."""
    assert len(EXPLANATIONS) == len(STRUCTURE) + len(RULES)


def ids_in(source: str) -> Iterator[str]:
    """Yield what the source hands on as the id of a rule."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            position = TAKERS.get(called, len(node.args))
            yield from literals(node.args[position : position + 1])
            yield from literals(keyword.value for keyword in node.keywords if keyword.arg == "rule")
        elif isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args][-len(node.args.defaults) :]
            yield from literals(value for name, value in zip(names, node.args.defaults, strict=False) if name == "rule")
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):  # what `stop` is given at once
            yield from literals(node.value.elts[2:])


def literals(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_id_of_the_source_is_explained() -> None:
    """Whatever id the source may put in brackets is in the table, and nothing else is."""
    found = {rule.id for rule in RULES}
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "lint":
            found |= set(ids_in(path.read_text("utf-8")))
    assert found == EXPLANATIONS.keys()
