"""What every command does with a broker that is not there, not ours, or not AMQP, and with secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from tests.support.cli import run_cli

TASKS = str(Path(__file__).parents[2] / "topologies/tasks.yaml")
COMMANDS = [("publish", "-k", "q", "x"), ("consume", "q"), ("peek", "q"), ("tap", "amq.topic"), ("declare", TASKS)]
SECRET = "S3cr3t/#?@%"
ESCAPED = "S3cr3t%2F%23%3F%40%25"


def each_command(url: str) -> list[tuple[str, ...]]:
    """Give every command that connects, with a URL."""
    return [(*words, "--url", url) for words in COMMANDS]


@pytest.mark.parametrize(
    ("url", "code", "complaint"),
    [
        ("amqp://guest:guest@127.0.0.1:1", 69, "connection refused"),
        ("amqp://guest:guest@nothing.invalid", 69, "cannot be resolved"),
        ("http://127.0.0.1", 78, "begins with amqp://"),
        ("amqp://guest:guest@127.0.0.1:port", 78, "port"),
        ("", 78, "begins with amqp://"),
    ],
)
def test_no_broker(url: str, code: int, complaint: str) -> None:
    """Every command says why it cannot connect, in one line, with the right code."""
    for words in each_command(url):
        done = run_cli(*words)
        assert (done.returncode, done.stdout) == (code, "")
        assert complaint in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_wrong_password(amqptool_vhost: AmqpUrl) -> None:
    """A refused login is exit 77, at once, and names the user but never the password."""
    url = f"amqp://guest:{ESCAPED}@{amqptool_vhost.host}:{amqptool_vhost.port}/{amqptool_vhost.vhost}"
    for words in each_command(url):
        done = run_cli(*words)
        assert done.returncode == 77
        assert "as guest: ACCESS_REFUSED - Login was refused" in done.stderr
        assert "S3cr3t" not in done.stdout + done.stderr


def test_a_wrong_vhost(amqptool_vhost: AmqpUrl) -> None:
    """A vhost that does not exist is exit 77 and named."""
    url = f"amqp://guest:guest@{amqptool_vhost.host}:{amqptool_vhost.port}/not-there"
    for words in each_command(url):
        done = run_cli(*words)
        assert done.returncode == 77
        assert "not-there not found" in done.stderr


def test_a_port_that_speaks_something_else(amqptool_node: object) -> None:
    """An HTTP port is told from a broker."""
    port = str(amqptool_node.management_url).rsplit(":", 1)[1].strip("/")  # type: ignore[attr-defined]
    for words in each_command(f"amqp://guest:guest@127.0.0.1:{port}"):
        done = run_cli(*words)
        assert done.returncode == 69
        assert "is this the AMQP port?" in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"amqp://ann:{SECRET}@127.0.0.1:1/v",
        f"amqp://ann:{ESCAPED}@127.0.0.1:1/v",
        f"amqp://ann:{ESCAPED}@127.0.0.1:1/v/w",
        "amqp://ann:S3cr3t/x@127.0.0.1:1",
        "amqp://ann:S3cr3t#x@127.0.0.1:1",
        "amqp://ann:S3cr3t?x@127.0.0.1:1",
        "amqp://ann:S3cr3t@x@127.0.0.1:1",
        "amqp://ann:S3cr3t%x@127.0.0.1:1",
        "amqp://ann:S3cr3t x@127.0.0.1:1",
        "amqp//ann:S3cr3t@127.0.0.1:1",
        "ann:S3cr3t@127.0.0.1:1",
    ],
)
@pytest.mark.parametrize("extra", [(), ("--json",), ("-vv", "--debug")])
def test_a_password_is_never_shown(url: str, extra: tuple[str, ...]) -> None:
    """Whatever is wrong with a URL, and however much is asked to be said, no part of its password appears."""
    for words in each_command(url):
        for done in (run_cli(*words, *extra), run_cli(*words[:-2], *extra, env={"AMQPTOOL_URL": url})):
            assert done.returncode in (69, 78)
            assert "S3cr3t" not in done.stdout + done.stderr
            assert "cr3t" not in done.stdout + done.stderr


def test_an_error_names_the_setting() -> None:
    """A URL from the environment is blamed on its variable."""
    done = run_cli("publish", "-k", "q", "x", env={"AMQP_URL": "nonsense"})
    assert "AMQP_URL: a broker URL begins with" in done.stderr


def test_an_error_is_a_document_with_json() -> None:
    """With --json a failure is a document on stdout too, with its exit code."""
    done = run_cli("consume", "q", "--json", "--url", "amqp://guest:guest@127.0.0.1:1")
    document = json.loads(done.stdout)
    assert (document["kind"], document["code"], document["error"]) == ("error", 69, "BrokerUnavailable")


@pytest.mark.parametrize(
    "words",
    [
        ("schema",),
        ("broker",),
        ("graph",),
        ("publish", "-k", "q", "--priority"),
        ("consume", "q", "--ulr"),
        ("declare", "--json"),
        ("declare", "--debug"),
    ],
)
def test_a_password_in_the_wrong_place_is_not_shown(words: tuple[str, ...]) -> None:
    """A URL that was given as a file, a command or another option's value."""
    done = run_cli(*words, f"amqp://ann:{ESCAPED}@127.0.0.1:1")
    assert done.returncode in (2, 74)
    assert "S3cr3t" not in done.stdout + done.stderr


def test_wrong_usage_is_safe_on_a_terminal() -> None:
    """What was typed, or pasted, is repeated in it."""
    done = run_cli("schema", "\u202e\x07")
    assert (done.returncode, "\\u202e\\x07" in done.stderr) == (2, True)


def test_an_unknown_command_is_a_usage_error() -> None:
    """A typo is exit 2."""
    assert run_cli("pubish").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ("consume", "q", "--grace", "nan"),
        ("consume", "q", "--timeout", "nan"),
        ("consume", "q", "--idle-timeout", "NaN"),
        ("declare", TASKS, "--wait", "nan"),
    ],
)
def test_seconds_are_a_number(words: tuple[str, ...]) -> None:
    """NaN is in every range, and would never come."""
    done = run_cli(*words, "--url", "amqp://127.0.0.1:1")
    assert (done.returncode, "is no duration" in done.stderr) == (2, True)
