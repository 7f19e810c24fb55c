"""The one boundary where errors become exit codes."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import Endpoint
from amqptool.cli.context import Context
from amqptool.cli.exits import ExitCode
from amqptool.cli.root import COMMANDS, root, run
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.vhost import VhostUnderTest

TASKS = str(Path(__file__).parents[2] / "topologies/tasks.yaml")


def test_a_bug_is_one_line_and_a_crash_file(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that nobody foresaw is exit 70; its traceback is in a private file, not on the screen."""
    impossible: Any = {"AMQPTOOL_URL": 7}
    code = run(["publish", "-k", "q", "x"], Context(environ=impossible))
    complaint = capsys.readouterr().err
    crash_file = Path(complaint.rsplit(" ", 1)[1].strip())
    assert code is ExitCode.BUG
    assert complaint.count("\n") == 1
    assert "Traceback" not in complaint
    assert "AttributeError" in crash_file.read_text()
    assert crash_file.stat().st_mode & 0o777 == 0o600
    crash_file.unlink()


def test_a_bug_shows_its_traceback_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    """--debug is for those who want to see it."""
    impossible: Any = {"AMQPTOOL_URL": 7}
    run(["publish", "-k", "q", "x"], Context(environ=impossible, debug=True))
    complaint = capsys.readouterr().err
    assert "Traceback" in complaint
    Path(complaint.rsplit(" ", 1)[1].strip()).unlink()


def test_every_command_is_listed_with_its_own_help() -> None:
    """The table of commands names real commands, and --help shows each."""
    shown = run_cli("--help").stdout
    for name in COMMANDS:
        assert root.get_command(None, name) is not None  # type: ignore[arg-type]
        assert f"  {name} " in shown


def test_help_has_sections_in_aligned_columns() -> None:
    """What a command is about comes first, and what all commands take last."""
    lines = run_cli("consume", "--help").stdout.splitlines()
    sections = [line for line in lines if re.fullmatch(r"\S.*:", line) and not line.startswith("Usage")]
    assert sections[0] == "Which messages:"
    assert sections[-3:] == ["Connection:", "Common options:", "Examples:"]
    beginnings = {found.end() for line in lines if (found := re.match(r"  -\S.*?  +(?=\S)|  -\S.{27}  ", line))}
    assert beginnings == {34}


def test_a_closed_pipe_is_no_failure_of_ours() -> None:
    """`amqptool --help | true` ends with 141 and says nothing."""
    script = '"$0" -m amqptool --help; echo $? >&2'
    done = subprocess.run(
        ["bash", "-c", f"({script}) | true", cli_arguments()[0]],
        env=cli_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr in ("141\n", "0\n")  # 0 when the pipe took it all before its reader went away


NOBODY = "amqp://guest:guest@127.0.0.1:1"
REFUSED = ("consume", "q", "--url", NOBODY)


def in_shell(script: str, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command line with the redirections of a script."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *cli_arguments(*words)],
        env=cli_environment(env),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("words", [(*REFUSED, "--json"), ("pubish", "--json"), ("publish", "--json")])
def test_a_closed_pipe_for_an_error_document(words: tuple[str, ...]) -> None:
    """Nobody reads the document: 141, and no traceback."""
    done = in_shell('exec > >(:); wait $!; "$@"', *words)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(*REFUSED, "--json"), ("pubish", "--json"), ("validate", "--json", TASKS)])
def test_a_full_disk_for_a_document(words: tuple[str, ...]) -> None:
    """The document cannot be written: 74, which is said."""
    done = in_shell('"$@" > /dev/full', *words)
    assert done.returncode == 74
    assert done.stderr.count("amqptool: error: stdout: No space left on device\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("words", "code"), [(REFUSED, 69), (("pubish",), 2), (("validate", TASKS), 0)])
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_failing_stderr_changes_no_exit_code(words: tuple[str, ...], code: int, redirection: str) -> None:
    """What cannot be said is dropped."""
    assert in_shell(f'"$@" {redirection}', *words).returncode == code


#: What makes each command write a document.
DOCUMENTED = {
    "validate": (TASKS,),
    "route": (TASKS, "", "tasks"),
    "plan": (TASKS,),
    "declare": (TASKS,),
    "delete": ("--yes", TASKS),
    "export": (),
    "schema": (),
    "asyncapi": (TASKS,),
    "graph": (TASKS,),
    "publish": ("-e", "amq.fanout", "x"),
    "consume": ("q",),
    "peek": ("q",),
    "tap": ("amq.topic",),
    "dead": ("list", "q"),
    "dedup": ("stats",),
    "status": (),
    "purge": ("--yes", "q"),
    "wait": (),
    "doctor": (),
    "profile": ("list",),
    "completion": ("bash",),
    "broker": ("status",),
    "help": ("retry",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_stdout_for_a_document(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, command: str) -> None:
    """Whatever the command did, who asked for a document does not get it: 74, which is said."""
    env = VhostUnderTest(amqptool_node, amqptool_vhost).env
    done = in_shell('"$@" >&-', command, "--json", *DOCUMENTED[command], env=env)
    assert done.returncode == 74
    assert done.stderr.count("amqptool: error: stdout: Bad file descriptor\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("schema",),
        ("graph", TASKS),
        ("route", TASKS, "", "tasks"),
        ("validate", "--format", "github", "-"),
        ("help", "retry"),
    ],
)
def test_a_closed_stdout_for_text(words: tuple[str, ...]) -> None:
    """What a command writes without being asked for JSON is as much its point: 74."""
    done = in_shell('"$@" >&- <<< "queues: {q: {x: 1}}"', *words)
    assert done.returncode == 74
    assert done.stderr.count("Bad file descriptor\n") == 1


def test_a_closed_stdout_that_nothing_is_written_to() -> None:
    """A command that has only its exit code to give does its work."""
    done = in_shell('"$@" >&-', "validate", "-q", TASKS)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_narrow_locale_is_no_bug(tmp_path: Path) -> None:
    """What the locale cannot write is escaped."""
    (tmp_path / "bad.yaml").write_text("queues: {ж: {x: 1}}\n")
    done = run_cli("validate", str(tmp_path / "bad.yaml"), env={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 65
    assert "\\u0436" in done.stdout


def run_program(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Python that calls the command line."""
    command = [cli_arguments()[0], "-c", program]
    return subprocess.run(command, env=cli_environment(), capture_output=True, text=True, check=False, timeout=60)


def test_ctrl_c_while_importing_is_no_traceback() -> None:
    """The command line itself is imported inside the boundary."""
    program = """
import sys
from amqptool.__main__ import main

class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "amqptool.cli.root":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
main()
"""
    done = run_program(program)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_too_late_changes_nothing(number: signal.Signals) -> None:
    """While Python is taken down, the exit code is decided already."""
    program = f"""
import os
import sys
from amqptool.__main__ import main

class Late:
    kill, process = os.kill, os.getpid()

    def __del__(self):
        self.kill(self.process, {number})

sys.late = Late()
sys.argv = ["amqptool", "--version"]
main()
"""
    done = run_program(program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_python_waits_for_at_its_exit(number: signal.Signals) -> None:
    """Such as a thread of a handler's module; the exit code is decided already.

    Python does not see a signal that comes just as it begins to wait, until the next one.
    """
    program = f"""
import os
import sys
from threading import Event, Thread, main_thread
from amqptool.__main__ import main

def interrupt():
    while main_thread().is_alive():
        pass
    while True:
        os.kill(os.getpid(), {number})
        Event().wait(0.01)

Thread(target=interrupt).start()
sys.argv = ["amqptool", "--version"]
main()
"""
    done = run_program(program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [("publish", "-k", "q", "x"), ("consume", "q"), ("declare", TASKS)])
def test_ctrl_c_ends_a_connection_attempt(words: tuple[str, ...]) -> None:
    """A command that waits for a silent broker ends at once with 130."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}"
        command = cli_arguments(*words, "--url", url)
        with subprocess.Popen(command, env=cli_environment(), stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                connection.recv(8)
                process.send_signal(signal.SIGINT)
                _, complaint = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in complaint


def test_ctrl_c_leaves_a_document() -> None:
    """With --json, stdout is one document however the command ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}"
        command = cli_arguments("declare", "--json", "--amqp-only", "--url", url, TASKS)
        with subprocess.Popen(command, env=cli_environment(), stdout=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                connection.recv(8)
                process.send_signal(signal.SIGINT)
                document, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert (json.loads(document)["kind"], json.loads(document)["code"]) == ("error", 130)
