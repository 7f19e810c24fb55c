"""Every rule of lint, by its own examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from amqptool.topology import Topology
from amqptool.topology.lint import RULES, lint
from amqptool.topology.lint.rule import Rule

EXAMPLES = sorted((Path(__file__).parents[3] / "topologies").glob("*.yaml"))

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def findings(text: str) -> list[str]:
    return [str(problem).removeprefix("t.yaml:") for problem in lint(Topology.parse(text, "t.yaml"))]


@each_rule
def test_the_failing_example_fails(rule: Rule) -> None:
    """The failing example of a rule has a finding of that rule, at a place in the text."""
    found = [problem for problem in lint(Topology.parse(rule.failing, "t.yaml")) if problem.rule == rule.id]
    lines = rule.failing.splitlines()
    assert found
    for problem in found:
        assert (problem.file, problem.severity) == ("t.yaml", rule.severity)
        assert problem.column <= len(lines[problem.line - 1])


@each_rule
def test_the_passing_example_is_clean(rule: Rule) -> None:
    """The passing example of a rule can be copied: no rule at all finds anything."""
    assert findings(rule.passing) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_our_examples_are_clean(path: Path) -> None:
    """The examples of the repository are clean."""
    assert lint(Topology.load(path)) == ()


def test_rules_are_one_of_a_kind() -> None:
    """No two rules have the same id, and each tells all that `--explain` shows."""
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.summary.endswith(".")
        assert rule.why.endswith((".", '"'))
        assert rule.source
