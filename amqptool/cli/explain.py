"""`--explain`: what stands in brackets after a problem, in full."""

from __future__ import annotations

import textwrap
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.output import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.lint.rule import Explanation

#: Asks for a list of everything that can be explained.
ALL = "all"
_WIDTH = 80


def explain(rule: str) -> View:
    """Return the explanation of a rule, or a line for each of them.

    Raises:
        click.BadParameter: there is no such rule.
    """
    from amqptool.topology.lint import EXPLANATIONS
    from amqptool.topology.problems import did_you_mean, quoted

    if rule == ALL:
        return _list(list(EXPLANATIONS.values()))
    if rule not in EXPLANATIONS:
        hint = did_you_mean(rule, [*EXPLANATIONS, ALL]) or f"; {ALL} lists them"
        raise click.BadParameter(f"there is no rule {quoted(rule)}{hint}", param_hint="'--explain'")
    found = EXPLANATIONS[rule]
    return View(kind="validate", document={"rules": [_document(found)]}, data="\n".join(_page(found)))


def _list(found: list[Explanation]) -> View:
    width = max(len(each.id) for each in found)
    lines = [f"{each.id:<{width}}  {each.severity:<7}  {each.summary}" for each in found]
    return View(kind="validate", document={"rules": [_document(each) for each in found]}, data="\n".join(lines))


def _document(found: Explanation) -> dict[str, Any]:
    from amqptool.topology.lint.rule import Explanation

    return {field.name: getattr(found, field.name) for field in fields(Explanation)}


def _page(found: Explanation) -> Iterator[str]:
    yield f"{found.id} ({found.severity})"
    source = [f"Source: {found.source}"] if found.source else []
    for text in (found.summary, found.why, *source):
        yield ""
        yield from textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    for title, example in (("With it:", found.failing), ("Without it:", found.passing)):
        yield ""
        yield title
        yield textwrap.indent(example.rstrip(), "    ")
