"""Whatever comes in, a topology or a `TopologyError` comes out, and each problem stands somewhere in the file."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amqptool.errors import Problem, TopologyError
from amqptool.topology import Topology
from amqptool.topology.file.sections import SECTIONS
from amqptool.topology.lint import EXPLANATIONS

HERE = Path(__file__).parent
#: Real files, in both languages, as bytes.
FILES = [
    path.read_bytes()
    for path in (*sorted((HERE.parents[2] / "topologies").glob("*.yaml")), *sorted((HERE / "exports").glob("*.json")))
    if path.stat().st_size < 8_000
]
KEYS = [
    *SECTIONS,
    *(
        "name",
        "type",
        "durable",
        "arguments",
        "vhost",
        "exclusive",
        "message_ttl",
        "max_length",
        "retry",
        "dead_letter",
    ),
    *("source", "destination", "destination_type", "routing_key", "x-message-ttl", "x-match", "<<", "pattern"),
    *("definition", "apply_to", "priority", "users", "metadata", "default_queue_type", "publish", "reaches"),
]
WORDS = [
    *("topic", "quorum", "a", "amq.topic", "", "no", "010", "1e3", "30s", "12:30", "2024-01-01", "&a", "*a", "!!int"),
    *("\t", "# c", "[", "}", "${A}", "${A:-b}", "{{ a }}", "NaN", "\\ud800", "9" * 50),
]
#: What mutations put in: words of both languages, and bytes that are no text.
PIECES = [word.encode() for word in (*KEYS, *WORDS)] + [
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n", b"\n  ", b": ", b"- ", b'"', b"'", b","),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"\\",
        b"\\u0000",
        b"|\n",
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
        b"\xc2\x85",
        b"null",
    ),
]

quick = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
documents = st.dictionaries(st.sampled_from([*SECTIONS, "users", "metadata"]), structures, min_size=1)
tokens = st.lists(
    st.sampled_from([*KEYS, *WORDS, ": ", "- ", "? ", "\n", "\n  ", "{", "]", ", ", "'", '"', "|", ">", "---\n", "\\"])
).map("".join)
#: Where in a file, in thousandths of its length; how many bytes go there, and what comes instead.
edits = st.lists(
    st.tuples(
        st.integers(0, 1000),
        st.sampled_from([0, 0, 1, 1, 2, 10, 100, 10_000]),
        st.sampled_from(PIECES) | st.binary(min_size=1, max_size=2) | st.just(b""),
    ),
    min_size=1,
    max_size=4,
)


def survives(content: str | bytes) -> None:
    try:
        Topology.parse(content, "t", variables={"A": "1"})
    except TopologyError as error:
        found = list(error.problems)
    else:
        return
    assert found
    assert found == sorted(found)
    assert {problem.rule for problem in found} <= EXPLANATIONS.keys()
    text = decoded(content)
    for problem in found:
        check_place(problem, text)


def decoded(content: str | bytes) -> str:
    if isinstance(content, str):
        return content
    return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")


def check_place(problem: Problem, text: str) -> None:
    """Fail for a problem that stands nowhere in the text, nor at its end."""
    assert problem.file == "t"
    # YAML breaks lines at more characters than editors and JSON do.
    assert 1 <= problem.line <= len(re.split("\r\n|[\n\r\x85\u2028\u2029]", text)) + 1
    assert 1 <= problem.column <= max(map(len, text.split("\n"))) + 2


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, piece in changes:
        index = len(content) * place // 1000
        content = content[:index] + piece + content[index + removed :]
    return content


@quick
@given(st.text() | tokens)
def test_any_text(text: str) -> None:
    """Any text is a topology or has problems."""
    survives(text)


@quick
@given(st.binary() | tokens.map(lambda text: text.encode("utf-16")))
def test_any_bytes(content: bytes) -> None:
    """Any bytes are a topology or have problems."""
    survives(content)


@quick
@given(documents, st.booleans())
def test_any_structure(document: dict[str, object], as_yaml: bool) -> None:
    """Any structure under the real keys is a topology or has problems."""
    survives(("---\n" if as_yaml else "") + json.dumps(document))


@settings(quick, max_examples=1500)
@given(st.sampled_from(FILES), edits)
def test_edited_files(content: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """Real files with bytes gone, changed or put in are topologies or have problems."""
    survives(edited(content, changes))


@quick
@given(st.sampled_from(FILES), st.sampled_from(FILES), st.integers(0, 1000), st.integers(0, 1000))
def test_spliced_files(first: bytes, second: bytes, end: int, start: int) -> None:
    """The beginning of one real file and the end of another are a topology or have problems."""
    survives(first[: len(first) * end // 1000] + second[len(second) * start // 1000 :])


@quick
@given(st.sampled_from(FILES), st.sampled_from(FILES), edits)
def test_edited_files_together(first: bytes, second: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """What one file says may contradict another, but nothing else happens."""
    from amqptool.topology.file.content import Content
    from amqptool.topology.file.load import load

    try:
        load([Content("1", first), Content("2", edited(second, changes))], {})
    except TopologyError as error:
        assert error.problems
