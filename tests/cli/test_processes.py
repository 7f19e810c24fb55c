"""`amqptool consume --processes`: several workers, one report, and no end to their number but the supervisor's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker import local
from amqptool.broker.local import RunningNode
from amqptool.cli.processes import LONG_RUN, failures_in_a_row
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.ctl import keep_declarations

#: Writes each effect down with the process that had it; `kill` ends that process, and `wait` keeps it busy.
HANDLER = """
import os, time
def handle(delivery):
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(f"{os.getpid()} {delivery.body.decode()}\\n")
    if delivery.body == b"kill" and not delivery.redelivered:
        os.kill(os.getpid(), 9)
    if delivery.body.startswith(b"leave") and not delivery.redelivered:
        os._exit(int(delivery.body.split(b":")[1]))
    time.sleep(0.005)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a directory with a handler in it."""
    (tmp_path / "app.py").write_text(HANDLER)
    return tmp_path


def prepare(url: AmqpUrl, bodies: list[bytes]) -> None:
    """Put messages into queue `q`."""

    async def scenario() -> None:
        await declare_queue(url, "q")
        await publish(url, [Message(body=body, routing_key="q") for body in bodies])

    asyncio.run(scenario())


def words(app: Path, *more: str) -> list[str]:
    """Give the words of a worker on queue `q` in two processes."""
    settings = ["--app-dir", str(app), "--dedup", f"sqlite:///{app}/dedup.db", "--prefetch", "10"]
    return ["consume", "q", "--handler", "app:handle", "--processes", "2", *settings, *more]


def environment(url: AmqpUrl, app: Path) -> dict[str, str]:
    """Give where the broker is, and where effects are written down."""
    return {"AMQPTOOL_URL": url.reveal(), "EFFECTS": str(app / "effects")}


def effects(app: Path) -> list[tuple[str, str]]:
    """Read which process had which effects."""
    file = app / "effects"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(pid, body) for pid, body in map(str.split, lines)]


@contextmanager
def running(url: AmqpUrl, app: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Run a supervisor for the length of a block, until both processes have had effects."""
    command = cli_arguments(*words(app, *more))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=cli_environment(environment(url, app)), stderr=pipe, text=True) as process:
        try:
            until(lambda: len({pid for pid, _ in effects(app)}) == 2)
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    while not condition():
        time.sleep(0.01)


def until_line(lines: IO[str], end: str) -> None:
    """Read on until a line ends so."""
    while not (line := lines.readline()).rstrip().endswith(end):
        assert line, f"no line ends with {end!r}"


def runs(pid: str) -> bool:
    """Say whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_processes_share_the_work_and_one_report_tells_of_all(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Each message is handled by one of them, once."""
    prepare(amqptool_vhost, [b"%d" % number for number in range(100)])
    done = run_cli(*words(app, "--idle-timeout", "1", "--json"), env=environment(amqptool_vhost, app))

    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert done.stderr.startswith("100 handled in ")
    assert (document["handled"], document["restarts"], document["stopped_by"]) == (100, 0, "idle-timeout")
    assert Counter(body for _, body in effects(app)) == {str(number): 1 for number in range(100)}
    assert len({pid for pid, _ in effects(app)}) == 2


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (b"kill", "was killed by SIGKILL"),
        (b"leave:1", "left with exit code 1"),
        (b"leave:0", "left with exit code 0"),
    ],
)
def test_a_process_that_dies_is_started_again(amqptool_vhost: AmqpUrl, app: Path, body: bytes, end: str) -> None:
    """Its messages come again, and nothing is lost."""
    prepare(amqptool_vhost, [body, *(b"%d" % number for number in range(50))])
    done = run_cli(*words(app, "--idle-timeout", "3"), env=environment(amqptool_vhost, app))

    assert done.returncode == 0
    assert f"a worker process {end}; starting another one" in done.stderr
    assert "1 restart of a process" in done.stderr
    assert {body for _, body in effects(app)} == {body.decode(), *(str(number) for number in range(50))}
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 0


def test_a_process_that_is_started_again_waits_for_a_broker_that_is_away(
    mortal_node: RunningNode, mortal_vhost: AmqpUrl, app: Path
) -> None:
    """As the one in whose place it comes would have done, and as its sibling does."""
    asyncio.run(declare_queue(mortal_vhost, "q"))
    keep_declarations(mortal_node)
    prepare(mortal_vhost, [b"%d" % number for number in range(2000)])
    with running(mortal_vhost, app) as process:
        assert process.stderr is not None
        local.kill(mortal_node.directory)
        os.kill(int(effects(app)[0][0]), signal.SIGKILL)
        before = {pid for pid, _ in effects(app)}
        until_line(process.stderr, "left with exit code 69; starting another one")
        local.start(mortal_node.directory)
        until(lambda: not {pid for pid, _ in effects(app)} <= before)
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_reaches_all(amqptool_vhost: AmqpUrl, app: Path, number: int, code: int) -> None:
    """They finish what they are at, give the rest back, and the supervisor says so."""
    prepare(amqptool_vhost, [b"%d" % number for number in range(2000)])
    with running(amqptool_vhost, app) as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=60)

    handled = len(effects(app))
    assert process.returncode == code
    assert f"{handled:,} handled" in told
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 2000 - handled
    assert not any(runs(pid) for pid, _ in effects(app))


def test_processes_end_with_their_supervisor(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Also when it is killed: they give back what they have, and nobody is left."""
    prepare(amqptool_vhost, [b"%d" % number for number in range(2000)])
    with running(amqptool_vhost, app) as process:
        process.kill()
        process.wait(60)
        until(lambda: not any(runs(pid) for pid, _ in effects(app)))

    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 2000 - len(effects(app))


def test_an_error_that_all_would_run_into_ends_all(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """It is said by the process that met it, and nothing is started again."""
    done = run_cli(*words(app), "--handler", "app:missing", env=environment(amqptool_vhost, app))

    assert done.returncode == 78
    assert "has no 'missing'" in done.stderr
    assert "starting another one" not in done.stderr


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["--max-messages", "5"], "--max-messages counts in one process"),
        (["--metrics-port", "65535"], "--metrics-port is the first of as many ports as --processes"),
        (["--dedup", "memory:"], "--dedup memory: is within one process"),
    ],
)
def test_what_cannot_be_shared_is_refused(app: Path, more: list[str], reason: str) -> None:
    """Before anything is started."""
    done = run_cli(*words(app, *more), env={"AMQPTOOL_URL": "amqp://127.0.0.1:1/"})

    assert (done.returncode, reason in done.stderr) == (2, True)


def test_printing_is_done_by_one_process() -> None:
    """Lines of several would be mixed."""
    done = run_cli("consume", "q", "--processes", "2", env={"AMQPTOOL_URL": "amqp://127.0.0.1:1/"})

    assert (done.returncode, "--processes is for a handler" in done.stderr) == (2, True)


def test_the_socket_of_a_supervisor_is_not_for_what_a_handler_starts(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Or the supervisor would wait for a child's child that stays."""
    (app / "app.py").write_text("""
import os, subprocess
def handle(delivery):
    with open(os.environ["EFFECTS"], "w") as file:
        subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=file)
""")
    prepare(amqptool_vhost, [b"x"])
    done = run_cli(*words(app, "--idle-timeout", "1"), env=environment(amqptool_vhost, app))

    assert done.returncode == 0
    assert "effects" in (app / "effects").read_text()
    assert "socket:" not in (app / "effects").read_text()


def test_the_current_folder_is_not_for_imports(app: Path) -> None:
    """A handler in it needs `--app-dir`, as with one process of the command that is installed."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "amqptool", "consume", "q", "--handler", "app:handle", "--processes", "2"],
        cwd=app,
        env=cli_environment({"AMQPTOOL_URL": "amqp://127.0.0.1:1/"}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 78
    assert "do you need --app-dir?" in done.stderr


def test_a_child_that_a_handler_forked_keeps_no_process_from_being_replaced(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """It outlives its parent, and holds the socket to the supervisor."""
    (app / "app.py").write_text("""
import os, sys, time
def handle(delivery):
    if delivery.redelivered:
        return
    child = os.fork()
    if not child:
        held = int(sys.argv[sys.argv.index("--supervised") + 1])
        os.closerange(0, held)  # the connection to the broker too, which would take it for alive
        os.closerange(held + 1, 1000)
        time.sleep(60)
        os._exit(0)
    with open(os.environ["EFFECTS"], "w") as file:
        file.write(str(child))
    os._exit(1)
""")
    prepare(amqptool_vhost, [b"x"])
    done = run_cli(*words(app, "--idle-timeout", "1"), env=environment(amqptool_vhost, app))
    child = (app / "effects").read_text()
    was_there = runs(child)
    os.kill(int(child), signal.SIGKILL)

    assert (done.returncode, was_there) == (0, True)
    assert "1 handled" in done.stderr
    assert "1 restart of a process" in done.stderr


def test_a_process_that_leaves_for_its_configuration_ends_all(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Also if it could not tell the supervisor: another one would leave for the same."""
    (app / "app.py").write_text("import os\nos._exit(78)")
    done = run_cli(*words(app), env=environment(amqptool_vhost, app))

    assert done.returncode == 78
    assert "a worker process left with exit code 78; starting no other one" in done.stderr


def test_a_stop_before_any_process_has_worked_is_no_success(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """The summary gives no reason but the signal."""
    (app / "app.py").write_text("import os\nos._exit(1)")
    env = cli_environment(environment(amqptool_vhost, app))
    with subprocess.Popen(cli_arguments(*words(app)), env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "starting another one" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read()

    assert process.returncode == 143
    assert "0 handled" in told
    assert "stopped by" not in told


@pytest.mark.parametrize(("seconds", "failures"), [(0.5, 8), (LONG_RUN, 1)])
def test_a_long_run_forgets_the_failures_before_it(seconds: float, failures: int) -> None:
    """A process that dies once a week is started again as soon as the first time."""
    assert failures_in_a_row(7, seconds) == failures
