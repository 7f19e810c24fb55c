"""Who holds a claim, and when that process is certainly gone."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from amqptool.dedup.owner import Owner, is_alive, is_dead, this_process

#: Renames its command if told to, prints its own name as an owner, then lives until its stdin ends.
CHILD = """
import sys
for command in sys.argv[1:]:
    with open("/proc/self/comm", "w", errors="surrogateescape") as file:
        file.write(command)
from amqptool.dedup.owner import this_process
print(this_process(), flush=True)
sys.stdin.read()
"""

#: Uses up its files, asks whether the owner it was given is dead, then tries to name itself.
OUT_OF_FILES = """
import os, resource, sys
from amqptool.dedup.owner import is_dead, this_process
if "named-before" in sys.argv:
    this_process()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    while True:
        os.dup(0)
except OSError:
    print(is_dead(sys.argv[1]))
try:
    this_process()
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """Start a process that first prints its name as an owner."""
    arguments = [sys.executable, "-c", CHILD, *getattr(request, "param", [])]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def name_of(child: subprocess.Popen[str]) -> str:
    """Read the name that a child printed."""
    assert child.stdout
    return child.stdout.readline().strip()


def parse(name: str) -> Owner:
    """Read a name as an owner."""
    boot, namespace, pid, started = name.split()
    return Owner(boot, namespace, int(pid), started)


def test_this_process_lives() -> None:
    """The process that asks is alive, and never dead."""
    assert is_alive(str(this_process()))
    assert not is_dead(str(this_process()))


def test_a_process_always_has_the_same_name() -> None:
    """A process names itself by its pid, and in the same way every time."""
    assert this_process() == this_process()
    assert this_process().pid == os.getpid()


def test_a_name_is_four_words() -> None:
    """A name can be read back from its text, as it comes out of a database."""
    assert parse(str(this_process())) == this_process()


def test_a_child_lives_while_it_runs(child: subprocess.Popen[str]) -> None:
    """Another process of this machine is alive until it ends, and it has another name than ours."""
    name = name_of(child)

    assert parse(name).pid == child.pid
    assert name != str(this_process())
    assert not is_dead(name)


def test_a_process_that_ended_is_dead(child: subprocess.Popen[str]) -> None:
    """A process that is gone is dead."""
    name = name_of(child)
    child.kill()
    child.wait()

    assert is_dead(name)
    assert not is_alive(name)


def test_a_zombie_is_dead(child: subprocess.Popen[str]) -> None:
    """A process that ended and that its parent has not asked for yet is dead."""
    name = name_of(child)
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert is_dead(name)


def test_a_stopped_process_lives(child: subprocess.Popen[str]) -> None:
    """A process that is merely suspended may go on at any time."""
    name = name_of(child)
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)

    assert not is_dead(name)


def test_a_pid_that_was_used_again_is_another_process() -> None:
    """A live process with the pid but another start time is not the owner: the owner is dead."""
    assert is_dead(str(replace(this_process(), started="1")))


@pytest.mark.parametrize("elsewhere", [{"boot": "another-boot"}, {"namespace": "pid:[1]"}])
def test_of_other_machines_and_containers_nothing_is_known(
    child: subprocess.Popen[str], elsewhere: dict[str, str]
) -> None:
    """A pid means nothing under another boot or in another pid namespace: only the lease decides."""
    owner = parse(name_of(child))
    child.kill()
    child.wait()
    assert is_dead(str(owner))

    assert not is_dead(str(replace(owner, **elsewhere)))
    assert not is_alive(str(replace(this_process(), **elsewhere)))


@pytest.mark.parametrize("child", [["a b"], [") Z 1 ("], ["))(("], ["\udcff"]], indirect=True)
def test_the_name_of_the_command_does_not_matter(child: subprocess.Popen[str]) -> None:
    """A process may call itself anything, even something that looks like the line of a zombie."""
    name = name_of(child)

    assert parse(name).pid == child.pid
    assert not is_dead(name)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "unknown",
        "{boot} {namespace}",
        "{boot} {namespace} pid 5",
        "{boot} {namespace} -1 5",
        "{boot} {namespace} 4194999 5 6",
        "unknown unknown 4194999 5",
    ],
)
def test_a_name_that_cannot_be_read_is_not_dead(words: str) -> None:
    """A name that we did not write, or that was written where there is no /proc, is never called dead."""
    here = this_process()

    name = words.format(boot=here.boot, namespace=here.namespace)

    assert not is_dead(name)
    assert not is_alive(name)


@pytest.mark.parametrize("before", [[], ["named-before"]])
def test_who_cannot_look_calls_nobody_dead(before: list[str]) -> None:
    """A process without free file descriptors cannot read /proc: it knows of no death, and has no name."""
    arguments = [sys.executable, "-c", OUT_OF_FILES, str(this_process()), *before]
    said = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True).stdout

    assert said.splitlines() == ["False", os.strerror(errno.EMFILE)]


def test_where_processes_are_hidden_nobody_is_dead(tmp_path: Path) -> None:
    """A pid that is absent says nothing where not even pid 1 is to be seen (hidepid)."""
    name = str(this_process())
    assert not is_dead(name, processes=tmp_path)

    (tmp_path / "1").mkdir()
    assert is_dead(name, processes=tmp_path)


def test_a_process_that_may_not_be_looked_at_is_not_dead(tmp_path: Path) -> None:
    """A file of /proc that is there and cannot be read says nothing."""
    me = this_process()
    (tmp_path / "1").mkdir()
    (tmp_path / str(me.pid) / "stat").mkdir(parents=True)

    assert not is_dead(str(me), processes=tmp_path)
    assert not is_alive(str(me), processes=tmp_path)
