"""Whatever comes in, a topology or a `TopologyError` comes out."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.lint import EXPLANATIONS

SECTIONS = ["exchanges", "queues", "bindings"]
KEYS = [
    *SECTIONS,
    *("name", "type", "durable", "arguments", "vhost", "exclusive", "message_ttl", "max_length"),
    *("source", "destination", "destination_type", "routing_key", "x-message-ttl", "x-match", "<<"),
]
WORDS = [
    "topic",
    "quorum",
    "a",
    "amq.topic",
    "",
    "no",
    "010",
    "1e3",
    "30s",
    "&a",
    "*a",
    "!!int",
    "\t",
    "# c",
    "[",
    "}",
]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
sections = st.dictionaries(st.sampled_from(SECTIONS), structures, min_size=1)
tokens = st.lists(
    st.sampled_from([*KEYS, *WORDS, ": ", "- ", "? ", "\n", "\n  ", "{", "]", ", ", "'", '"', "|", ">", "---\n", "\\"])
).map("".join)


def survives(content: str | bytes) -> None:
    try:
        Topology.parse(content)
    except TopologyError as error:
        found = list(error.problems)
    else:
        return
    assert found
    assert found == sorted(found)
    assert {problem.rule for problem in found} <= EXPLANATIONS.keys()


@settings(deadline=None, max_examples=300)
@given(st.text() | tokens)
def test_any_text(text: str) -> None:
    """Any text is a topology or has problems."""
    survives(text)


@settings(deadline=None, max_examples=200)
@given(st.binary())
def test_any_bytes(content: bytes) -> None:
    """Any bytes are a topology or have problems."""
    survives(content)


@settings(deadline=None, max_examples=300)
@given(sections)
def test_any_structure(structure: dict[str, object]) -> None:
    """Any structure under the real keys is a topology or has problems."""
    survives(json.dumps(structure))
