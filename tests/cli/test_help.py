"""`amqptool help`: topics, and the help of commands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import amqptool
from amqptool.cli.context import Context
from amqptool.cli.exits import MEANINGS
from amqptool.cli.root import root, run
from amqptool.cli.topics import MAX_WIDTH, MIN_WIDTH, TOPICS, read_topic, rendered
from tests.support.cli import run_cli
from tests.support.commands import leaves
from tests.support.terminal import acting, seen_on_terminal

#: Where the command line of a shell has something else.
_NO_MORE_OURS = {">", "|", "&&", "<"}
#: A line that holds nothing else than code of a paragraph.
_ONE_SPAN = re.compile(r" *(?:- )?\(?`[^`]+`[,.;:)]*")


def shown_lines(*words: str, env: dict[str, str] | None = None) -> list[str]:
    """Return what `amqptool help` writes into a pipe."""
    done = run_cli("help", *words, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_every_topic_is_listed() -> None:
    """With its title, which is the first line of its text."""
    listed = [line.split(maxsplit=1) for line in shown_lines()[2 : 2 + len(TOPICS)]]
    assert listed == [[topic, shown_lines(topic)[0]] for topic in TOPICS]


def test_topics_are_listed_where_commands_are() -> None:
    """So that who asks for --help finds them."""
    end = run_cli("--help").stdout.partition("amqptool help TOPIC")[2]
    assert re.findall(r"[a-z-]+", end) == list(TOPICS)


def test_every_text_is_a_topic() -> None:
    """None is left over, and none is missing."""
    found = (Path(amqptool.__file__).parent / "help").iterdir()
    assert sorted(each.name for each in found) == sorted(f"{topic}.md" for topic in TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_short_and_leads_on(topic: str) -> None:
    """To other topics or commands."""
    lines = rendered(read_topic(topic), 80).splitlines()
    assert len(lines) < 70
    assert "See also: `amqptool " in "\n".join(lines[-3:])


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("columns", [MIN_WIDTH, 60, 80, 200])
def test_a_topic_fits_into_the_terminal(topic: str, columns: int) -> None:
    """All but code, which stands there as it is written, and what of a paragraph cannot be broken."""
    text = read_topic(topic)
    code = [block for block in text.split("\n\n") if block.startswith("    ")]
    shown = rendered(text, columns).split("\n\n")
    assert [block for block in shown if block.startswith("    ")] == code
    assert max(len(line) for block in code for line in block.splitlines()) <= 80
    lines = [line for block in shown if block not in code for line in block.splitlines()]
    assert [line for line in lines if len(line) > min(columns, MAX_WIDTH) and not _ONE_SPAN.fullmatch(line)] == []


def test_the_width_is_the_terminals() -> None:
    """Where there is none, COLUMNS says it."""
    assert max(map(len, shown_lines("exit-codes", env={"COLUMNS": "60"}))) <= 60
    assert 80 < max(map(len, shown_lines("exit-codes", env={"COLUMNS": "300"}))) <= MAX_WIDTH


def test_exit_codes_are_those_of_the_table() -> None:
    """Each with its meaning."""
    shown = " ".join(" ".join(shown_lines("exit-codes")).split())
    for code, meaning in MEANINGS.items():
        assert f" {int(code)} {meaning}" in shown


def command_lines() -> Iterator[tuple[str, str]]:
    """Give each topic, and each command line in it."""
    for topic in TOPICS:
        text = read_topic(topic).replace("\\\n", " ")
        code = re.findall(r"^    (amqptool .+)$", text, re.MULTILINE)
        spans = re.findall(r"`(amqptool [^`]+)`", text)
        yield from ((topic, re.sub(r"\s+", " ", each)) for each in [*code, *spans])


@pytest.mark.parametrize(("topic", "command"), list(command_lines()))
def test_a_topic_names_commands_that_are_there(topic: str, command: str) -> None:
    """With options that they have."""
    _, *words = shlex.split(command, comments=True)
    ours = [word for number, word in enumerate(words) if not _NO_MORE_OURS & {*words[: number + 1]}]
    if ours[0] == "help" or "--help" in ours:
        assert run(ours, Context()) == 0, topic
        return
    path, leaf = next((path, leaf) for path, leaf in leaves(root) if tuple(ours[: len(path)]) == path)
    if len(ours) == len(path):
        return  # its name alone
    parent = click.Context(root, info_name="amqptool", obj=Context(), **root.context_settings)
    leaf.make_context(path[-1], ours[len(path) :], parent=parent)


@pytest.mark.parametrize("words", [("consume",), ("dead",), ("dead", "replay"), ("help",)])
def test_the_help_of_a_command_is_that_of_its_option(words: tuple[str, ...]) -> None:
    """Nested or not."""
    assert shown_lines(*words) == run_cli(*words, "--help").stdout.splitlines()


def test_a_topic_comes_before_a_command() -> None:
    """Where both have a name; the command is still found below."""
    assert shown_lines("dedup")[0] == "How a message is not handled twice"
    assert shown_lines("dedup", "stats")[0] == "Usage: amqptool dedup stats [OPTIONS]"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("retries",), "there is no topic and no command 'retries'; did you mean 'retry'?"),
        (("pubish",), "there is no topic and no command 'pubish'; did you mean 'publish'?"),
        (("xyz",), "there is no topic and no command 'xyz'; `amqptool help` lists the topics"),
        (("dead", "relay"), "`amqptool dead` has no command 'relay'; did you mean 'replay'?"),
        (("dead", "xyz"), "`amqptool dead` has no command 'xyz'; it has list, show, export, drop, replay"),
        (("publish", "x"), "`amqptool publish` has no command 'x'"),
        (("retry", "x"), "there is no topic and no command 'retry'"),
    ],
)
def test_an_unknown_word_is_wrong_usage(words: tuple[str, ...], hint: str) -> None:
    """What may have been meant is named."""
    done = run_cli("help", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(f"Error: {hint}")


def test_everything_is_a_document_with_json() -> None:
    """The list, a topic and a command."""
    listed, topic, command = (
        json.loads(run_cli("help", *words, "--json").stdout) for words in ((), ("retry",), ("dead", "list"))
    )
    title = "What happens to a message whose handler fails"
    assert {"topic": "retry", "title": title} in listed["topics"]
    assert topic == {"kind": "help", "code": 0, "topic": "retry", "title": title, "text": read_topic("retry")}
    assert command["command"] == "dead list"
    assert command["text"].startswith("Usage: amqptool dead list [OPTIONS] QUEUE")


@pytest.mark.parametrize(
    ("words", "env", "colourful"),
    [((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False), ((), {"TERM": "dumb"}, False)],
)
@pytest.mark.parametrize("paged", [False, True])
def test_colours_are_for_terminals(words: tuple[str, ...], env: dict[str, str], colourful: bool, paged: bool) -> None:
    """And for those who want them, through a pager too; in a pipe there are none."""
    env = {"LINES": "10" if paged else "100", "PAGER": "less -REX", **env}
    seen, _ = seen_on_terminal(("help", "dedup", *words), env, with_stdout=True, with_stdin=not paged)
    assert ("\x1b[1m" in seen) is colourful
    assert acting("\n".join(shown_lines("dedup"))) == set()


@pytest.mark.parametrize(
    ("height", "with_stdout", "paged"), [("10", True, True), ("100", True, False), ("10", False, False)]
)
def test_what_is_longer_than_the_terminal_is_paged(tmp_path: Path, height: str, with_stdout: bool, paged: bool) -> None:
    """By the program that PAGER names; nothing is, in a pipe."""
    env = {"LINES": height, "COLUMNS": "80", "PAGER": f"tee {tmp_path}/paged"}
    seen, elsewhere = seen_on_terminal(("help", "retry"), env, with_stdout=with_stdout, with_stdin=True)
    assert (tmp_path / "paged").exists() is paged
    assert "What happens to a message whose handler fails" in (seen if with_stdout else elsewhere)
    if paged:
        assert (tmp_path / "paged").read_text().splitlines() == shown_lines("retry", env={"COLUMNS": "80"})


def test_a_pager_that_cannot_be_read_is_said() -> None:
    """It is a setting like any other."""
    env = {"LINES": "10", "PAGER": "less '"}
    seen, _ = seen_on_terminal(("help", "retry"), env, with_stdout=True, with_stdin=True)
    assert seen.strip() == "amqptool: error: PAGER: No closing quotation"
