"""YAML into nodes: bounded, with places, and with a problem for whatever is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from amqptool.errors import TopologyError
from amqptool.topology.file import yaml_tree
from amqptool.topology.file.content import MAX_YAML, Content
from amqptool.topology.file.nodes import Mapping, Node, Scalar
from amqptool.topology.file.source import decode
from amqptool.topology.problems import Problems

PARSERS = [pytest.param(yaml.SafeLoader, id="python"), pytest.param(yaml.CSafeLoader, id="libyaml")]


def read(content: str | bytes, parser: Any = yaml_tree.PARSER) -> object:
    problems = Problems()
    root = yaml_tree.read(decode(Content("t.yaml", content), problems), problems, parser=parser)
    problems.raise_if_any()
    return values(root)


def values(node: Node | None) -> object:
    if node is None or isinstance(node, Scalar):
        return node and node.value
    if isinstance(node, Mapping):
        return {key: values(value) for key, (_, value) in node.entries.items()}
    return [values(item) for item in node.items]


def problems_of(content: str | bytes, parser: Any = yaml_tree.PARSER) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        read(content, parser)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("parser", PARSERS)
def test_values(parser: Any) -> None:
    """Lists, mappings, scalars, quotes and anchors come out as written."""
    text = "a: &x [1, two, '3', null]\nb: {c: true, d: 1.5}\ne: *x\nf: !!str 5\ng: !!int 6\n"
    expected: dict[str, object] = {"a": [1, "two", "3", None], "b": {"c": True, "d": 1.5}}
    assert read(text, parser) == expected | {"e": [1, "two", "3", None], "f": "5", "g": 6}


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffa: é".encode(),
        "a: é".encode("utf-16"),
        "a: é".encode(),
        "\ufeffa: é",
        "%YAML 1.2\n---\na: é\n...\n",
    ],
)
def test_encodings(content: str | bytes) -> None:
    """UTF-8 and UTF-16, with a byte order mark, are read alike."""
    assert read(content) == {"a": "é"}


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", b""])
def test_nothing(content: str | bytes) -> None:
    """A file without content has no value."""
    assert read(content) is None


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "3:1: the key 'a' is already given on line 1 [duplicate-key]"),
        ("a: 1\n---\nb: 1", "2:1: a second document begins here; a topology file holds one [yaml]"),
        ("a: {<<: {b: 1}}", "1:5: merge keys (<<) are not supported: write the keys out [yaml]"),
        (
            "a: !!python/object:os.system {}",
            "1:4: the tag !!python/object:os.system is not allowed: a topology is plain data [yaml]",
        ),
        ("a: !mine b", "1:4: the tag !mine is not allowed: a topology is plain data [yaml]"),
        ("a: !!int x", "1:4: 'x' does not fit its tag !!int [yaml]"),
        ("? [a]\n: 1", "1:3: a key must be a text, not a list or a mapping [yaml]"),
        ("a: &x [*x]", "1:8: the alias *x contains itself [yaml]"),
        ("a: &x {*x : 1}", "1:8: the alias *x contains itself [yaml]"),
        (
            "a: *b",
            "1:4: no anchor &b stands before this alias; if the text '*b' is meant, put it in quotes [yaml]",
        ),
        (b"a:\n  caf\xe9:", "2:6: byte 0xe9 is not UTF-8: save the file as UTF-8 [encoding]"),
        (b"\xff\xfea\x00b", "1:2: byte 0x62 is not UTF-16: save the file as UTF-8 [encoding]"),
        ("a:\n  b\x00", "2:4: the character U+0000 is not allowed in YAML [encoding]"),
        ("a: \x1b[31m", "1:4: the character U+001B is not allowed in YAML [encoding]"),
        ("a: \ud800", "1:4: the character U+D800 is not allowed in YAML [encoding]"),
    ],
)
def test_problem(content: str | bytes, problem: str, parser: Any) -> None:
    """What is wrong with a file is said with its line and column."""
    assert problems_of(content, parser) == [f"t.yaml:{problem}"]


@pytest.mark.parametrize(
    ("content", "end"),
    [
        ("a:\n\tb: 1", "; YAML is indented with spaces, not with tabs [yaml]"),
        ("a: *.b", '; a text that begins with * must stand in quotes: "*.error" [yaml]'),
        ("a: @b", "; a text that begins with @ must stand in quotes [yaml]"),
    ],
)
@pytest.mark.parametrize("parser", PARSERS)
def test_hint(content: str, end: str, parser: Any) -> None:
    """The usual slips come with the way out."""
    assert problems_of(content, parser)[0].endswith(end)


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("content", ["a: [", "a: {b", 'a: "x', "a: b: c", "]", "a: 'x\n", "%FOO", 'a: "\\ud800"'])
def test_broken(content: str, parser: Any) -> None:
    """Broken syntax is one problem, never a traceback."""
    assert len(problems_of(content, parser)) == 1


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[a, ", "{a: ", "[\n"])
def test_depth(opening: str, parser: Any) -> None:
    """Hundreds of thousands of levels stop at the limit: libyaml's own composer would kill the process."""
    assert "nested more than 32 levels deep [limit]" in problems_of(opening * 200_000, parser)[0]


@pytest.mark.parametrize("parser", PARSERS)
def test_indented_depth(parser: Any) -> None:
    """Levels of indentation count like levels of brackets."""
    text = "".join(" " * level + "a:\n" for level in range(100))
    assert problems_of(text, parser) == ["t.yaml:33:33: nested more than 32 levels deep [limit]"]


def test_depth_of_aliases() -> None:
    """An alias counts with the levels that it brings."""
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 40))
    assert problems_of(chain) == ["t.yaml:32:12: nested more than 32 levels deep [limit]"]


def test_alias_bomb() -> None:
    """Aliases of aliases are counted by what they repeat."""
    nine = ", ".join
    text = f"a0: &a0 [{nine(['x'] * 9)}]\n" + "".join(
        f"a{i}: &a{i} [{nine([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    assert problems_of(text)[0].endswith("more than 2,000,000 values, aliases expanded [limit]")


def test_too_many_aliases() -> None:
    """Aliases are bounded in number, too."""
    assert problems_of(f"a: &a 1\nb: [{'*a, ' * 101}]")[0].endswith("more than 100 aliases [limit]")


def test_too_large() -> None:
    """A file above the limit is not parsed."""
    problem = "t.yaml:1:1: the file is too large: 10 MiB of YAML or 512 MiB of JSON are read [limit]"
    assert problems_of(b" " * (MAX_YAML + 1)) == [problem]
