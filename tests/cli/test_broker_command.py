"""`amqptool broker`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.support.cli import UNMEASURED, cli_arguments, cli_environment, run_cli
from tests.support.processes import ordinary_user, processes_of

if TYPE_CHECKING:
    from pathlib import Path


def test_an_ordinary_user_runs_a_node() -> None:
    """Start prints the URL alone, run borrows the node and passes everything through, stop leaves nothing."""
    with ordinary_user() as (prefix, home):
        directory = home / ".local/state/amqptool/broker"

        def amqptool(*args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
            env = {"HOME": str(home), "XDG_STATE_HOME": "", "TMPDIR": str(home)}
            return run_cli("broker", *args, input=input, env=env | UNMEASURED, prefix=prefix)

        started = amqptool("start")
        url = started.stdout.removesuffix("\n")
        assert (started.returncode, url.startswith("amqp://guest:guest@127.0.0.1:")) == (0, True), started
        assert "management: http://127.0.0.1:" in started.stderr
        assert str(directory) in started.stderr
        assert directory.owner() == home.owner()

        again = amqptool("start", "--json", "-q")
        document = json.loads(again.stdout)
        assert (document["kind"], document["running"], document["url"]) == ("broker start", True, url)
        assert again.stderr == ""
        assert amqptool("status").stdout == f"{url}\n"
        exports = f"export AMQPTOOL_URL={url}\nexport AMQPTOOL_MANAGEMENT_URL={document['management_url']}\n"
        assert amqptool("start", "--export").stdout == exports

        script = 'cat; echo "$AMQPTOOL_URL" "$AMQPTOOL_MANAGEMENT_URL"; echo talk >&2; exit 37'
        ran = amqptool("run", "--dir", str(directory), "--", "sh", "-c", script, input="words\n")
        assert (ran.returncode, ran.stderr) == (37, "talk\n")
        assert ran.stdout == f"words\n{url} {document['management_url']}\n"
        killed = amqptool("run", "--dir", str(directory), "sh", "-c", "kill -KILL $$")
        assert killed.returncode == 128 + signal.SIGKILL
        assert amqptool("status").returncode == 0

        stopped = amqptool("stop")
        assert (stopped.returncode, stopped.stdout) == (0, "")
        assert stopped.stderr.startswith("stopped the node")
        assert processes_of(directory) == []
        status = amqptool("status", "--json")
        assert (status.returncode, json.loads(status.stdout)["running"]) == (69, False)


def test_run_hands_sigterm_to_the_command_and_removes_its_node(tmp_path: Path) -> None:
    """The command ends as it likes, its code is passed on, and nothing is left of the temporary node."""
    script = 'trap "echo told; exit 5" TERM; echo ready; while :; do sleep 0.01; done'
    with subprocess.Popen(
        cli_arguments("broker", "run", "--", "sh", "-c", script),
        env=cli_environment({"TMPDIR": str(tmp_path)}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (directory,) = tmp_path.iterdir()
        assert processes_of(directory) != []
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "told\n"
        assert process.wait() == 5
    assert list(tmp_path.iterdir()) == []
    assert processes_of(directory) == []


def test_run_that_is_ended_while_the_node_boots_removes_it(tmp_path: Path) -> None:
    """The command never runs, and the code says which signal it was."""
    fifo = tmp_path / "booting"
    os.mkfifo(fifo)
    (tmp_path / "bin").mkdir()
    server = tmp_path / "bin" / "rabbitmq-server"
    server.write_text(f"#!/bin/sh\necho booting > {fifo}\nwhile :; do sleep 60; done\n")
    server.chmod(0o755)
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    environ = cli_environment({"TMPDIR": str(nodes), "PATH": f"{server.parent}:{os.environ['PATH']}"})
    with subprocess.Popen(
        cli_arguments("broker", "run", "echo", "never"), env=environ, stdout=subprocess.PIPE
    ) as process:
        assert fifo.read_text() == "booting\n"
        (directory,) = nodes.iterdir()
        process.send_signal(signal.SIGTERM)
        assert process.communicate() == (b"", None)
        assert process.returncode == 128 + signal.SIGTERM
    assert list(nodes.iterdir()) == []
    assert processes_of(directory) == []


def test_run_of_no_command_starts_no_node(tmp_path: Path) -> None:
    """A slip of the pen costs no boot: 127, as in a shell."""
    result = run_cli("broker", "run", "--", "no-such-command", env={"TMPDIR": str(tmp_path)})
    assert (result.returncode, result.stdout) == (127, "")
    assert "no-such-command: command not found" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_stopping_a_stopped_node_is_done(tmp_path: Path) -> None:
    """It says that there was nothing to do."""
    result = run_cli("broker", "stop", "--dir", str(tmp_path))
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == f"no node runs in {tmp_path}\n"


def test_status_of_a_stopped_node_says_how_to_start_it(tmp_path: Path) -> None:
    """Not running is exit code 69; with -q, the code alone says it."""
    result = run_cli("broker", "status", "--dir", str(tmp_path))
    assert (result.returncode, result.stdout) == (69, "")
    assert f"`amqptool broker start --dir {tmp_path}` starts one" in result.stderr
    quiet = run_cli("broker", "status", "-q", "--dir", str(tmp_path))
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (69, "", "")


def test_the_group_takes_the_global_options(tmp_path: Path) -> None:
    """--json may stand before the subcommand."""
    result = run_cli("broker", "--json", "status", "--dir", str(tmp_path))
    document = json.loads(result.stdout)
    assert (document["kind"], document["code"], document["running"]) == ("broker status", 69, False)


def test_a_failed_start_is_one_document_with_json(tmp_path: Path) -> None:
    """A directory with other things in it is a configuration error."""
    (tmp_path / "thesis.tex").touch()
    result = run_cli("broker", "start", "--json", "--dir", str(tmp_path))
    document = json.loads(result.stdout)
    assert (result.returncode, document["kind"], document["code"]) == (78, "error", 78)
