"""`amqptool schema`, as a user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from amqptool.cli.schemas import names, schema_of
from amqptool.topology.schema import schema
from tests.support.cli import run_cli

if TYPE_CHECKING:
    from pathlib import Path


def test_stdout() -> None:
    """The schema is what stdout gets, and nothing else."""
    done = run_cli("schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == schema()


def test_a_file(tmp_path: Path) -> None:
    """With -o it is written to a file, and stdout stays empty."""
    file = tmp_path / "topology.schema.json"
    done = run_cli("schema", "-o", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{file}: written\n")
    Draft202012Validator.check_schema(json.loads(file.read_text()))


def test_json() -> None:
    """With --json it is part of a document."""
    document = json.loads(run_cli("schema", "--json").stdout)
    assert (document["kind"], document["code"], document["file"]) == ("schema", 0, None)
    assert document["schema"]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is local I/O: exit 74."""
    done = run_cli("schema", "-o", str(tmp_path / "none" / "x.json"))
    assert (done.returncode, done.stdout) == (74, "")
    assert "No such file or directory" in done.stderr


def test_the_help_says_how_editors_use_it() -> None:
    """The line for yaml-language-server can be copied from the help."""
    assert "\n    # yaml-language-server: $schema=topology.schema.json\n" in run_cli("schema", "--help").stdout


@pytest.mark.parametrize("words", [("dead", "list"), ("dead list",)])
def test_the_schema_of_what_a_command_writes(words: tuple[str, ...]) -> None:
    """The command is named as it is called."""
    done = run_cli("schema", *words)
    assert (done.returncode, json.loads(done.stdout)) == (0, schema_of("dead list"))


def test_a_list_of_all() -> None:
    """A name a line, each of which is one that there is a schema for; with --json as a document."""
    assert run_cli("schema", "--list").stdout.splitlines() == names()
    assert json.loads(run_cli("schema", "--list", "--json").stdout)["schemas"] == names()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("publisch",), "there is no schema for 'publisch'; did you mean 'publish'?"),
        (("xyzzy",), "there is no schema for 'xyzzy'; --list names all that there are"),
        (("dedup",), "dedup is several commands: give one of dedup forget, dedup prune, dedup show, dedup stats"),
        (("--list", "publish"), "--list goes with no COMMAND and no -o"),
    ],
)
def test_what_there_is_no_schema_of(words: tuple[str, ...], reason: str) -> None:
    """It is wrong usage: exit 2, and what to do instead."""
    done = run_cli("schema", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"Error: {reason}\n")
