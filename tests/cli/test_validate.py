"""`amqptool validate`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.schemas import flaws

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "exchanges: {incoming: fanout}\nqueues: {playstore: {bindings: [{source: incoming}]}}\n"
ODD = "queues:\n  orders: {max_length: 9}\n"
FAILING = GOOD + "tests:\n  - {publish: {exchange: incoming, routing_key: a}, reaches: []}\n"
BAD = "exchanges:\n  incoming: topc\nqueues:\n  amq.x:\n"


def amqptool(*words: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amqptool", *words]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)
    assert list(flaws(words, done.stdout)) == []
    return done


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "app.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "odd.yaml").write_text(ODD)
    (tmp_path / "failing.yaml").write_text(FAILING)
    return tmp_path


def test_valid(files: Path) -> None:
    """A valid file is summed up on stderr; stdout stays empty."""
    result = amqptool("validate", "app.yaml", cwd=files)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "app.yaml: 1 exchange, 1 queue, 1 binding\n"


def test_problems(files: Path) -> None:
    """Each problem is a line on stdout, and the exit code is 65."""
    result = amqptool("validate", "bad.yaml", cwd=files)
    assert result.returncode == 65
    assert result.stdout == (
        "bad.yaml:2:13: type must be one of direct, fanout, topic, headers, or a plugin's x-… type, "
        "not 'topc'; did you mean 'topic'? [exchange-type]\n"
        "bad.yaml:4:3: the name of this queue must not begin with amq., which RabbitMQ keeps for itself "
        "[reserved-name]\n"
    )
    assert result.stderr == "2 problems in 1 file\n"


def test_several_files(files: Path) -> None:
    """Each file is checked by itself, and all problems of all files are shown."""
    result = amqptool("validate", "bad.yaml", "app.yaml", "bad.yaml", cwd=files)
    assert result.returncode == 65
    assert result.stdout.count("bad.yaml:2:13:") == 2
    assert result.stderr == "app.yaml: 1 exchange, 1 queue, 1 binding\n4 problems in 2 files\n"


def test_json(files: Path) -> None:
    """With --json, the same is one document."""
    result = amqptool("validate", "--json", "app.yaml", "bad.yaml", cwd=files)
    document = json.loads(result.stdout)
    assert (result.returncode, document["kind"], document["valid"]) == (65, "validate", False)
    assert document["files"][0] == {
        "file": "app.yaml",
        "valid": True,
        "exchanges": 1,
        "queues": 1,
        "bindings": 1,
        "policies": 0,
        "messages": 0,
        "tests": 0,
        "problems": [],
        "warnings": [],
        "failed_tests": [],
        "unmanaged": [],
        "left_out": [],
    }
    assert document["files"][1]["problems"][1] == {
        "file": "bad.yaml",
        "line": 4,
        "column": 3,
        "message": "the name of this queue must not begin with amq., which RabbitMQ keeps for itself",
        "rule": "reserved-name",
        "severity": "error",
    }


@pytest.mark.parametrize(("text", "code"), [(GOOD, 0), (BAD, 65)])
def test_stdin(files: Path, text: str, code: int) -> None:
    """`-` is standard input."""
    result = amqptool("validate", "-", cwd=files, stdin=text)
    assert result.returncode == code
    assert (result.stdout if code else result.stderr).startswith("<stdin>:")


def test_unreadable_file(files: Path) -> None:
    """A missing file is exit code 74, after the problems of the others."""
    result = amqptool("validate", "none.yaml", "bad.yaml", "gone.yaml", cwd=files)
    assert result.returncode == 74
    assert result.stdout.startswith("bad.yaml:2:13: ")
    assert result.stderr == (
        "amqptool: error: none.yaml: No such file or directory\n"
        "amqptool: error: gone.yaml: No such file or directory\n"
        "2 problems in 1 file\n"
    )


def test_quiet_hides_no_error(files: Path) -> None:
    """With -q an unreadable file is still told, and with --json it is in the document too."""
    result = amqptool("validate", "-q", "--json", "none.yaml", "app.yaml", cwd=files)
    document = json.loads(result.stdout)
    assert result.stderr == "amqptool: error: none.yaml: No such file or directory\n"
    assert (document["code"], document["valid"]) == (74, False)
    assert document["unreadable"] == [
        {"file": "none.yaml", "error": "FileNotFoundError", "message": "No such file or directory"},
    ]


def test_no_url(files: Path) -> None:
    """What connects to nothing takes no URL."""
    assert amqptool("validate", "--url", "amqp://localhost", "app.yaml", cwd=files).returncode == 2


def test_directory(files: Path) -> None:
    """A directory is no topology file."""
    result = amqptool("validate", ".", cwd=files)
    assert (result.returncode, result.stderr) == (74, "amqptool: error: .: Is a directory\n")


def test_terminal_escapes(files: Path) -> None:
    """What a file smuggles into a message cannot act on the terminal, nor forge a line."""
    (files / "evil.yaml").write_text('queues: {"a\\e[31m\\nb": {x: 1}}\n')
    result = amqptool("validate", "evil.yaml", cwd=files)
    assert "\x1b" not in result.stdout
    assert result.stdout.count("\n") == 2


def test_no_files(tmp_path: Path) -> None:
    """Without a file there is nothing to do: usage."""
    assert amqptool("validate", cwd=tmp_path).returncode == 2


def test_warnings(files: Path) -> None:
    """What RabbitMQ would take is a warning; it fails only with --strict."""
    result = amqptool("validate", "odd.yaml", cwd=files)
    assert (result.returncode, result.stderr) == (
        0,
        "odd.yaml: 0 exchanges, 1 queue, 0 bindings\n1 warning in 1 file\n",
    )
    assert result.stdout.startswith("odd.yaml:2:3: warning: queue 'orders' has max_length")
    assert result.stdout.endswith(" [drop-head]\n")
    strict = amqptool("validate", "--strict", "odd.yaml", cwd=files)
    assert (strict.returncode, strict.stdout) == (65, result.stdout)


def test_routing_tests(files: Path) -> None:
    """A file's own tests are run; one that does not hold is a line, and exit code 1 unless there is worse."""
    result = amqptool("validate", "failing.yaml", cwd=files)
    message = "a message to incoming with key 'a' reaches playstore; unexpected: playstore [routing-test]"
    assert (result.returncode, result.stdout) == (1, f"failing.yaml:4:5: {message}\n")
    assert result.stderr == (
        "failing.yaml: 1 exchange, 1 queue, 1 binding; 0 of 1 test passed\n1 failed test in 1 file\n"
    )
    assert amqptool("validate", "failing.yaml", "bad.yaml", cwd=files).returncode == 65
    assert amqptool("validate", "--strict", "failing.yaml", "odd.yaml", cwd=files).returncode == 65
    (files / "held.yaml").write_text(FAILING.replace("reaches: []", "reaches: [playstore]"))
    held = amqptool("validate", "held.yaml", cwd=files)
    assert (held.returncode, held.stderr) == (0, "held.yaml: 1 exchange, 1 queue, 1 binding; 1 test passed\n")


def test_all_of_it_as_json(files: Path) -> None:
    """--format json is --json: with warnings, failed tests and what is not managed."""
    (files / "export.json").write_text('{"users": [], "queues": [], "permissions": []}')
    words = ("failing.yaml", "odd.yaml", "export.json")
    result = amqptool("validate", "--format", "json", *words, cwd=files)
    assert result.stdout == amqptool("validate", "--json", *words, cwd=files).stdout
    failing, odd, export = json.loads(result.stdout)["files"]
    assert (failing["valid"], failing["tests"], odd["valid"]) == (True, 1, True)
    assert failing["failed_tests"] == [
        {
            "file": "failing.yaml",
            "line": 4,
            "column": 5,
            "message": "a message to incoming with key 'a' reaches playstore; unexpected: playstore",
            "rule": "routing-test",
            "severity": "error",
            "exchange": "incoming",
            "routing_key": "a",
            "expected": [],
            "actual": ["playstore"],
            "reason": None,
        }
    ]
    assert [(each["rule"], each["severity"]) for each in odd["warnings"]] == [("drop-head", "warning")]
    assert export["unmanaged"] == ["users", "permissions"]
    assert "export.json: users, permissions: kept, not managed\n" in result.stderr


def test_left_out(files: Path) -> None:
    """What an export holds and nobody can declare is named, with the reason."""
    queues = [{"name": f"amq.gen-{number}"} for number in range(25)]
    (files / "export.json").write_text(json.dumps({"rabbit_version": "3.8.0", "queues": queues}))
    result = amqptool("validate", "--json", "export.json", cwd=files)
    reason = "RabbitMQ chose its name, and chooses another one next time"
    assert f"export.json:1:40: queue amq.gen-0 is left out: {reason}\n" in result.stderr
    assert "export.json: 5 more are left out\n" in result.stderr
    found = json.loads(result.stdout)["files"][0]["left_out"]
    assert found[0] == {"file": "export.json", "line": 1, "column": 40, "what": "queue amq.gen-0", "reason": reason}
    assert len(found) == 25


def test_annotations_for_github(files: Path) -> None:
    """--format github writes workflow commands, in which nothing of a file can end a property or a command."""
    (files / "a,b:c%.yaml").write_text("queues: {'x,y': {max_lenght: 100%}}\n")
    result = amqptool("validate", "--format", "github", "a,b:c%.yaml", "odd.yaml", "none.yaml", cwd=files)
    lines = result.stdout.splitlines()
    assert (result.returncode, len(lines)) == (74, 3)
    assert lines[0] == "::error file=none.yaml::No such file or directory"
    assert lines[1].startswith("::error file=a%2Cb%3Ac%25.yaml,line=1,col=18,title=unknown-key::queue 'x,y' has no key")
    assert lines[2].startswith("::warning file=odd.yaml,line=2,col=3,title=drop-head::queue 'orders'")


def test_percent_signs_for_github(files: Path) -> None:
    """A % in a message is not the beginning of an escape."""
    (files / "p.yaml").write_text('exchanges: {"e%0A::error::x": topc}\n')
    result = amqptool("validate", "--format", "github", "p.yaml", cwd=files)
    assert result.stdout.count("\n") == 1
    assert "%0A::error" not in result.stdout


def test_merge(files: Path) -> None:
    """With --merge all files are one topology; without it a binding must be complete in its own file."""
    (files / "one.yaml").write_text("exchanges: {e: fanout}\n")
    (files / "two.yaml").write_text("queues: {q: {bindings: [{source: e}]}}\n")
    apart = amqptool("validate", "one.yaml", "two.yaml", cwd=files)
    assert (apart.returncode, "[undeclared]" in apart.stdout) == (65, True)
    merged = amqptool("validate", "--merge", "one.yaml", "two.yaml", cwd=files)
    assert (merged.returncode, merged.stdout) == (0, "")
    assert merged.stderr == "one.yaml + two.yaml: 1 exchange, 1 queue, 1 binding\n"
    missing = amqptool("validate", "--merge", "one.yaml", "none.yaml", cwd=files)
    assert (missing.returncode, missing.stderr) == (74, "amqptool: error: none.yaml: No such file or directory\n")


def test_variables(files: Path) -> None:
    """--set gives variables their value."""
    (files / "var.yaml").write_text('queues: {"${QUEUE}": }\n')
    assert "[variable]" in amqptool("validate", "var.yaml", cwd=files).stdout
    assert amqptool("validate", "--set", "QUEUE=q", "var.yaml", cwd=files).returncode == 0


def test_show_expanded(files: Path) -> None:
    """--show expanded writes what will be declared, and what else there is to say to stderr."""
    (files / "retry.yaml").write_text("queues: {orders: {max_length: 9, retry: [5s], dead_letter: true}}\n")
    result = amqptool("validate", "--show", "expanded", "retry.yaml", cwd=files)
    assert result.returncode == 0
    assert "  amqptool.retry.orders.5000:\n    type: quorum\n" in result.stdout
    assert "[drop-head]" in result.stderr
    again = amqptool("validate", "-", cwd=files, stdin=result.stdout)
    assert (again.returncode, again.stderr.splitlines()[0]) == (0, "<stdin>: 0 exchanges, 3 queues, 0 bindings")


def test_show_definitions(files: Path) -> None:
    """--show definitions writes what RabbitMQ imports; in the JSON document it is a field."""
    result = amqptool("validate", "--show", "definitions", "app.yaml", cwd=files)
    shown = json.loads(result.stdout)
    assert (result.returncode, shown["exchanges"][0]["name"]) == (0, "incoming")
    document = json.loads(amqptool("validate", "--json", "--show", "definitions", "app.yaml", cwd=files).stdout)
    assert document["definitions"] == shown


def test_show_nothing_of_a_bad_file(files: Path) -> None:
    """What cannot be declared is not shown; why, is on stderr."""
    result = amqptool("validate", "--show", "expanded", "bad.yaml", cwd=files)
    assert (result.returncode, result.stdout) == (65, "")
    assert "bad.yaml:2:13: " in result.stderr


def test_two_forms_at_once(files: Path) -> None:
    """JSON and GitHub's form are not written both."""
    result = amqptool("validate", "--json", "--format", "github", "app.yaml", cwd=files)
    assert (result.returncode, json.loads(result.stdout)["error"]) == (2, "UsageError")


def test_explain(files: Path) -> None:
    """--explain tells what a rule is about, why, and how a file looks with it and without it."""
    result = amqptool("validate", "--explain", "wait-queue-expires", cwd=files)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("wait-queue-expires (warning)\n\nA queue whose messages wait")
    assert "\nWith it:\n    queues:\n      work:\n" in result.stdout
    document = json.loads(amqptool("validate", "--json", "--explain", "undeclared", cwd=files).stdout)
    assert [(each["id"], each["severity"]) for each in document["rules"]] == [("undeclared", "error")]


def test_explain_all(files: Path) -> None:
    """--explain all lists the rules, a line each."""
    lines = amqptool("validate", "--explain", "all", cwd=files).stdout.splitlines()
    assert any(line.split()[:2] == ["drop-head", "warning"] for line in lines)
    assert any(line.split()[:2] == ["duplicate-key", "error"] for line in lines)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--explain", "drop-heads"), "did you mean 'drop-head'?"),
        (("--explain", "nonsense"), "all lists them"),
        (("--show", "expanded", "app.yaml", "odd.yaml"), "--show takes one FILE"),
        (("--show", "expanded", "--format", "github", "app.yaml"), "exclude each other"),
        (("--set", "x", "app.yaml"), "NAME=VALUE"),
        ((), "Missing argument 'FILE...'"),
    ],
)
def test_wrong_usage(files: Path, words: tuple[str, ...], complaint: str) -> None:
    """What cannot be asked for is exit code 2."""
    result = amqptool("validate", *words, cwd=files)
    assert (result.returncode, result.stdout) == (2, "")
    assert complaint in result.stderr
