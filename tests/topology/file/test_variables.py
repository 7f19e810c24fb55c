"""`${NAME}` in files: what it becomes, and that it never becomes more than a scalar."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import TopologyError
from amqptool.topology import Topology
from amqptool.topology.file.variables import MAX_SCALAR, MAX_TOTAL, Substitution, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VALUES = {"A": "a", "_b2": "two", "EMPTY": "", "MARK": "${A}"}
SECRET = "hunter2-hunter2"


def fill(text: str, values: Mapping[str, str] = VALUES) -> str:
    flaws: list[str] = []
    filled = Substitution(values).fill(text, flaws.append)
    assert flaws == []
    return filled


def flaws_of(text: str) -> list[str]:
    flaws: list[str] = []
    Substitution(VALUES).fill(text, flaws.append)
    return flaws


def arguments_of(body: str, variables: Mapping[str, str]) -> dict[str, object]:
    topology = Topology.parse(f"queues:\n  q:\n    arguments:\n      x-it: {body}\n", variables=variables)
    return dict(topology.queues[0].arguments)


def problems_of(text: str, **variables: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        Topology.parse(text, "t.yaml", variables=variables)
    return [str(problem).removeprefix("t.yaml:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "a"),
        ("<${A}${_b2}>", "<atwo>"),
        ("${EMPTY}", ""),
        ("${A:-x}", "a"),
        ("${NONE:-x}", "x"),
        ("${NONE:-}", ""),
        ("${NONE:-a:b, c}", "a:b, c"),
        ("${EMPTY:-x}", "x"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("${MARK}", "${A}"),
        ("$A $ $$ {A}", "$A $ $$ {A}"),
    ],
)
def test_filling(text: str, filled: str) -> None:
    """A variable becomes its value or its default, once; `$${` is a literal `${`."""
    assert fill(text) == filled


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A-x}", "${A:x}", "${A:-${B}}", "${ A }", "${é}"])
def test_malformed(text: str) -> None:
    """What begins a variable and is none is a flaw, and no guess."""
    assert flaws_of(text)[0].startswith("${ begins a variable: write ${NAME} or ${NAME:-default}, or $${ ")


def test_unset() -> None:
    """Each variable that is not set is named, with how to set it."""
    how = "set it in the environment, or with --set {0}=…, or write a default: ${{{0}:-…}}"
    expected = [f"the variable {name} is not set: {how.format(name)}" for name in ("X", "Y")]
    assert flaws_of("${X} ${A} ${Y}") == expected


@settings(deadline=None)
@given(st.text("$ab{}:-", max_size=30).filter(lambda text: "${" not in text))
def test_a_text_without_a_mark_stays(text: str) -> None:
    """Nothing but `${` means anything."""
    assert fill(text) == text


@settings(deadline=None)
@given(st.text(max_size=30))
def test_an_escaped_text_stays(text: str) -> None:
    """Every text can be written: `${` as `$${`, unless a `$` stands before it."""
    literal = text.replace("$", "")
    assert fill(f"$${{{literal}") == f"${{{literal}"


def test_a_scalar_is_bounded() -> None:
    """No scalar grows beyond 64 KiB."""
    half = "x" * (MAX_SCALAR // 2)
    assert len(fill("${H}${H}", {"H": half})) == MAX_SCALAR
    with pytest.raises(TooLarge, match="longer than 64 KiB"):
        fill("${H}${H}.", {"H": half})


def test_a_file_is_bounded() -> None:
    """All scalars of a file together stay bounded, too."""
    substitution = Substitution({"K": "x" * 1024})
    for _ in range(MAX_TOTAL // 1024):
        substitution.fill("${K}", pytest.fail)
    with pytest.raises(TooLarge, match="larger than 10 MiB"):
        substitution.fill("${K}", pytest.fail)


def test_growth_is_a_problem_of_the_file() -> None:
    """A file that grows beyond bounds is refused where it does."""
    assert problems_of("queues:\n  ${A}${A}: \n", A="x" * 40_000) == [
        "2:3: longer than 64 KiB, its variables replaced [limit]"
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${N}", 100),
        ('"${N}"', "100"),
        ("'${N}'", "100"),
        ("${T}", True),
        ("!!str ${N}", "100"),
        ("!!int ${N}", 100),
        ("1${N}", 1100),
        ("${NONE:-7}", 7),
        ("${EMPTY}", None),
        ('"${EMPTY}"', ""),
        ("n${N}", "n100"),
    ],
)
def test_plain_scalars_are_what_they_look_like(written: str, value: object) -> None:
    """Without quotes a filled scalar is a number or a boolean if it looks like one; in quotes it is text."""
    found = arguments_of(written, {"N": "100", "T": "true", "EMPTY": ""})["x-it"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "value", ["{a: b}", "[a]", "a: b", "a\n  b: c", "- a", "a # b", '"a"', "&a", "*a", "!!int 1", "|"]
)
def test_a_value_adds_no_structure(value: str) -> None:
    """Whatever a variable holds is one text."""
    assert arguments_of("${A}", {"A": value}) == {"x-it": value}


def test_names_have_variables() -> None:
    """Keys, and so names, are filled as values are."""
    text = (
        "exchanges:\n  ${E}: topic\nqueues:\n  ${P}.q:\n    bindings:\n    - source: ${E}\n      routing_key: ${P}.#\n"
    )
    topology = Topology.parse(text, variables={"E": "events", "P": "billing"})
    assert [topology.exchanges[0].name, topology.queues[0].name] == ["events", "billing.q"]
    assert (topology.bindings[0].source, topology.bindings[0].routing_key) == ("events", "billing.#")


def test_two_names_that_become_one() -> None:
    """Keys are compared after they are filled."""
    text = "queues:\n  ${A}: \n  ${B}: \n"
    assert problems_of(text, A="x", B="x") == ["3:3: the key 'x' is already given on line 2 [duplicate-key]"]


def test_an_unset_variable_is_one_problem() -> None:
    """What follows from a variable that is not set is not told as well."""
    problems = problems_of(
        "exchanges:\n  ${E}: ${T}\nqueues:\n  q:\n    max_length: ${M}\n    bindings:\n    - source: ${E}\n"
    )
    assert [problem[: problem.index(" is not set")] for problem in problems] == [
        "2:3: the variable E",
        "2:9: the variable T",
        "5:17: the variable M",
        "7:15: the variable E",
    ]
    assert all(problem.endswith("[variable]") for problem in problems)


def test_the_environment_counts_only_when_handed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads no environment."""
    monkeypatch.setenv("AMQPTOOL_TEST_VARIABLE", "x")
    (problem,) = problems_of("queues:\n  ${AMQPTOOL_TEST_VARIABLE}: \n")
    assert "AMQPTOOL_TEST_VARIABLE is not set" in problem


@pytest.mark.parametrize(
    "line",
    [
        "max_length: ${SECRET}",
        "message_ttl: ${SECRET}",
        "durable: ${SECRET}",
        "overflow: ${SECRET}",
        "type: ${SECRET}",
        "max_age: ${SECRET}",
        "retry: ${SECRET}",
        "arguments: ${SECRET}",
        "bindings: ${SECRET}",
        "vhost: ${SECRET}${LONG}",
    ],
)
def test_values_are_not_shown(line: str) -> None:
    """A secret that stands in the wrong place is shown as the variable it is."""
    problems = problems_of(f"queues:\n  q:\n    {line}\n", SECRET=SECRET, LONG="x" * 255)
    assert problems
    assert not any("hunter2" in problem for problem in problems)


def test_numbers_are_not_shown() -> None:
    """That goes for what looks like a number, too."""
    lines = "max_length: ${P}\n    expires: ${P}\n    max_priority: ${L}\n    arguments:\n      x-a: ${P}"
    problems = problems_of(f"queues:\n  q:\n    {lines}\n", P="04711", L="4711")
    assert len(problems) == 4
    assert not any("4711" in problem for problem in problems)


@pytest.mark.parametrize("text", ["queues: {q: {max_length: ${M}}}", "queues: {q: {retry: [${M}]}}"])
def test_in_braces(text: str) -> None:
    """YAML takes no bare `${…}` inside braces and brackets, and the message says what to do."""
    (problem,) = problems_of(text, M="1")
    assert "inside {…} and […] a ${VARIABLE} must stand in quotes" in problem


def test_in_quotes() -> None:
    """A number in quotes is text, and the message says what to do."""
    (problem,) = problems_of("queues: {q: {max_length: '${M}'}}", M="1")
    assert "must be an integer, not ${M}: in quotes it stays text; write it without them, on a line of its" in problem


@settings(deadline=None, max_examples=300)
@given(st.text("$${}:-AB_ '\"#\n", max_size=30), st.dictionaries(st.sampled_from("AB_"), st.text(max_size=5)))
def test_any_text_and_any_values(text: str, values: dict[str, str]) -> None:
    """Whatever stands in a file and whatever variables hold, a topology or a `TopologyError` comes out."""
    for content in (f"queues:\n  {text}: {text}\n", f'queues: {{q: {{arguments: {{x-a: "{text}"}}}}}}'):
        with contextlib.suppress(TopologyError):
            Topology.parse(content, variables=values)


@pytest.mark.parametrize("more", ["", ', "retry": ["5s"]'], ids=["as exported", "with keys of ours"])
def test_json_is_taken_literally(more: str) -> None:
    """JSON comes from programs: there a `${` is a text like any other."""
    topology = Topology.parse(f'{{"queues": [{{"name": "${{A}}"{more}}}]}}', variables={"A": "a"})
    assert topology.queues[0].name == "${A}"


def test_a_file_with_variables(tmp_path: Path) -> None:
    """Files are filled as texts are."""
    file = tmp_path / "t.yaml"
    file.write_text("queues:\n  ${Q:-q}:\n")
    assert Topology.load(file, variables={"Q": "mine"}).queues[0].name == "mine"
    assert Topology.load(file).queues[0].name == "q"
