"""Topology files with something wrong in them, given to every command that reads them."""

from __future__ import annotations

from random import Random

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from tests.fuzz import declarations, oddities
from tests.fuzz.case import Case, Outcome, Place, Scene
from tests.fuzz.documents import CONTENTS, content

_EXCHANGES = ("incoming", "", "news", "shop.orders", "documents")
_HANDLER = ["--handler", "exec:true", "--dedup", "memory:"]


def case(random: Random, place: Place) -> Case:
    """Make a command that reads a topology file."""
    kind = random.random()
    if kind < 0.12:
        return (declarations.declared if kind < 0.08 else declarations.planned)(random, place)
    files = {"t.yaml": content(random), "good.yaml": CONTENTS[0]}
    check = _shows_what_is_valid if random.random() < 0.4 else None
    if check is not None:
        words = ["validate", "t.yaml", "--show", random.choice(("expanded", "definitions"))]
        return Case(words=words, files=files, check=check)
    words = random.choice(
        (
            ["validate", "t.yaml"],
            ["validate", "--json", "t.yaml", "good.yaml"],
            ["validate", "--strict", "--format", "github", "t.yaml"],
            ["validate", "--merge", "t.yaml", "good.yaml", "--set", "PREFIX=${DELIVERY_LIMIT}", "--json"],
            ["validate", "-"],
            ["route", "t.yaml", random.choice(_EXCHANGES), oddities.text(random), "--explain"],
            ["route", "--json", "t.yaml", "incoming", "a.b.c", "-H", "k:=true", "-H", f"x={oddities.text(random)}"],
            ["graph", "t.yaml", "--format", random.choice(("tree", "dot", "mermaid", "svg")), "--expanded"],
            ["graph", "t.yaml", "--json", "--highlight-route", "incoming", "a.b"],
            ["graph", "t.yaml", "--format", random.choice(("tree", "svg")), "--filter", "a*"],
            ["consume", "a", "--topology", "t.yaml", "--url", place.dead_url, *_HANDLER],
            ["plan", "t.yaml", "--amqp-only", "--url", place.dead_url],
        )
    )
    words = [oddities.argument(word) for word in words]
    return Case(words=words, files=files, stdin=files["t.yaml"])


def _shows_what_is_valid(outcome: Outcome, _: Scene) -> list[str] | None:
    """What is found valid is written out as what is valid."""
    if outcome.code not in (0, 1) or not outcome.stdout:
        return None
    try:
        Topology.parse(outcome.stdout, "shown")
    except TopologyError as error:
        # What RabbitMQ exports may have arguments that it does not know; what people write may not.
        return [f"shows what is not valid: {each}" for each in error.problems if each.rule != "argument-name"]
    return []
