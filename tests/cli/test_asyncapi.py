"""`amqptool asyncapi`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support.asyncapi import flaws
from tests.support.cli import run_cli

SIGNUPS = str(Path(__file__).parents[2] / "topologies/signups.yaml")
SECRET = "pass-w0rd"
URL = f"amqps://maria:{SECRET}@broker.example:5671/shop%2Feu"


def test_json_is_written_to_stdout() -> None:
    """A valid document, titled by the file; the summary is talk."""
    done = run_cli("asyncapi", SIGNUPS)
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "2 channels, 2 operations, 1 message\n")
    assert document["info"] == {"title": "signups", "version": "1.0.0"}
    assert "servers" not in document
    assert flaws(document) == []


def test_yaml_says_the_same() -> None:
    """With --format yaml, or as the name of the file says."""
    expected = json.loads(run_cli("asyncapi", SIGNUPS).stdout)
    assert yaml.safe_load(run_cli("asyncapi", "--format", "yaml", SIGNUPS).stdout) == expected


def test_a_file_is_written_as_a_whole(tmp_path: Path) -> None:
    """In the form that its name says, and nothing of it if there is a problem."""
    target = tmp_path / "api.yml"
    done = run_cli("asyncapi", SIGNUPS, "-o", str(target), "--title", "Accounts: ü", "--api-version", "2.0.0")
    assert (done.returncode, done.stdout) == (0, "")
    assert yaml.safe_load(target.read_text())["info"] == {"title": "Accounts: ü", "version": "2.0.0"}
    bad = tmp_path / "bad.yaml"
    bad.write_text('queues: {q: }\nmessages: [{exchange: "", schema: none.json}]\n')
    before = target.read_text()
    assert run_cli("asyncapi", str(bad), "-o", str(target)).returncode == 65
    assert target.read_text() == before


def test_a_server_has_no_credentials() -> None:
    """Only with --server is it there, with its vhost."""
    done = run_cli("asyncapi", SIGNUPS, "--server", "--url", URL)
    assert json.loads(done.stdout)["servers"] == {
        "broker.example": {
            "host": "broker.example:5671",
            "protocol": "amqps",
            "protocolVersion": "0-9-1",
            "pathname": "/shop%2Feu",
        }
    }
    assert SECRET not in done.stdout + done.stderr
    assert "maria" not in done.stdout + done.stderr


def test_json_is_one_document() -> None:
    """With --json the document is in one."""
    found = json.loads(run_cli("asyncapi", SIGNUPS, "--json").stdout)
    assert (found["kind"], found["code"], found["file"]) == ("asyncapi", 0, None)
    assert flaws(found["document"]) == []


@pytest.mark.parametrize(
    ("words", "text", "code", "said"),
    [
        (["t.yaml"], "queues: [", 65, "t.yaml:"),
        (["t.yaml"], 'queues: {q: }\nmessages: [{exchange: "", schema: {type: x}}]\n', 65, "'x' is no type of JSON"),
        (["none.yaml"], "", 74, "No such file or directory"),
        ([], "", 2, "Missing argument 'FILE...'"),
        (["t.yaml", "--server", "--url", "http://x"], "queues: {q: }\n", 78, "amqp"),
    ],
)
def test_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], text: str, code: int, said: str
) -> None:
    """A line that says what is wrong, and the right exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    (tmp_path / "t.yaml").write_text(text)
    done = run_cli("asyncapi", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
