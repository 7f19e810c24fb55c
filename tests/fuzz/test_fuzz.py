"""The cases that every run of the suite takes, and the fuzzer's own promises."""

from __future__ import annotations

import json
import signal
import socket
import sys
from base64 import b64encode
from pathlib import Path

import pika
import pytest

from tests.fuzz.broker import QUEUE
from tests.fuzz.case import ESCAPED_SECRET, SECRET, SECRET_PARTS, Case, Outcome, Place
from tests.fuzz.execute import Executor
from tests.fuzz.records import differs_from
from tests.fuzz.rules import broken
from tests.fuzz.sorts import SORTS, case_of, sort_of
from tests.support.fork_server import fork_server
from tests.support.processes import run_or_end

SEED = 20_261_126
#: Seconds that a case may take beside whatever else the machine does, and those for all of them.
PATIENCE, WHOLE = 60, 600
#: In how many of 2,500 cases each check has something to look at, at the least.
LEAST_CHECKED = {
    "are_there": 50,
    "can_be_published": 5,
    "is_as_it_was": 6,
    "is_declared": 5,
    "is_there": 30,
    "lack_nothing": 10,
    "shows_what_is_valid": 50,
}
#: As it is in a header of HTTP.
IN_BASE64 = b64encode(f"fuzz:{SECRET}".encode()).decode()
PLACE = Place(
    messages_url="amqp://127.0.0.1:1/m",
    topologies_url="amqp://127.0.0.1:1/t",
    management_url="http://127.0.0.1:1",
    peer_port=1,
)


@pytest.mark.timeout(WHOLE + 30)
@pytest.mark.parametrize("first", [0, 2_500])
def test_bad_input_is_told_from_good(first: int) -> None:
    """No command crashes, hangs, tells a secret or grows over its input, and none says done of what is not."""
    words = ["--seed", SEED, "--first", first, "--cases", 2_500, "--workers", 2, "--patience", PATIENCE]
    code, stdout, stderr = run_or_end([sys.executable, "-m", "tests.fuzz", *map(str, words)], timeout=WHOLE)
    assert stderr == ""
    found = json.loads(stdout)
    assert found["broken"] == []
    assert code == 0
    assert found["codes"]["0"] > 300
    assert {name: least for name, least in LEAST_CHECKED.items() if found["checked"].get(name, 0) < least} == {}
    assert found["peers"]["misbehaved"] > 9 * found["peers"]["behaved"]


def test_the_same_number_is_the_same_case() -> None:
    """So that a case that failed can be looked at."""
    for number in range(200):
        first, again = case_of(SEED, number, PLACE), case_of(SEED, number, PLACE)
        assert (first.words, first.files, first.stdin, first.environ) == (
            again.words,
            again.files,
            again.stdin,
            again.environ,
        )


def test_each_sort_has_its_share() -> None:
    """In every hundred."""
    assert sum(share for _, share in SORTS.values()) == 100
    for first in (0, 700):
        sorts = [sort_of(number) for number in range(first, first + 100)]
        assert {name: sorts.count(name) for name in SORTS} == {name: share for name, (_, share) in SORTS.items()}


def test_a_command_that_hangs_is_told_from_others(tmp_path: Path) -> None:
    """It is ended, having said where it was."""
    with socket.create_server(("127.0.0.1", 0)) as silent, fork_server() as server:
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}"

        def run(patience: float, *words: str) -> Outcome:
            return Executor(server, patience).run(Case(words=list(words)), tmp_path, as_process=False)

        # Whether it hangs does not depend on the machine's pace; the others end long before that.
        hung = run(1, "publish", "-k", "q", "x", "--url", url)
        others = [run(PATIENCE, "--version"), run(PATIENCE, "--nonsense")]
    assert (hung.code, hung.is_hung, b"most recent call first" in hung.stderr) == (-signal.SIGABRT, True, True)
    assert [(each.code, each.is_hung) for each in others] == [(0, False), (2, False)]


def outcome(
    *,
    code: int = 0,
    stdout: str = "",
    stderr: str = "",
    left: str = "",
    work: float = 0.1,
    memory: float = 50,
    is_hung: bool = False,
) -> Outcome:
    return Outcome(
        words=["plan"],
        code=code,
        stdout=stdout.encode(),
        stderr=stderr.encode(),
        left={"receipts": left.encode()},
        seconds=0.1,
        work=work,
        memory=memory,
        is_hung=is_hung,
    )


@pytest.mark.parametrize(
    ("words", "bad", "wrong"),
    [
        ([], outcome(code=70, stderr="a bug in amqptool"), "exit code 70"),
        ([], outcome(code=-11, stderr="x"), "exit code -11"),
        ([], outcome(code=-9, is_hung=True), "hangs for 0.1 s"),
        ([], outcome(work=6), "works for 6.0 s"),
        ([], outcome(memory=300), "takes 300 MiB"),
        ([], outcome(code=65, stderr="Traceback (most recent call last)"), "says 'Traceback (most'"),
        ([], outcome(code=65, stderr="\x1b[2J"), "says what a terminal would act on"),
        ([], outcome(stdout="\x1b[2J"), "prints what a terminal would act on"),
        ([], outcome(code=65), "fails without a word"),
        (
            [],
            outcome(code=65, stderr=f"no host {SECRET_PARTS[1].upper()}"),
            f"shows {SECRET_PARTS[1]!r} of the password",
        ),
        ([], outcome(stdout="%53%33cr3t"), "shows 'S3cr3t' of the password"),
        ([], outcome(left=ESCAPED_SECRET[:6]), f"leaves {SECRET_PARTS[0]!r} of the password in receipts"),
        ([], outcome(stderr=IN_BASE64), f"shows {IN_BASE64[8:24]!r} of the password"),
        (["--json"], outcome(stdout="{}"), "prints the code None and exits with 0"),
        (["--json"], outcome(stdout=""), "prints no document: Expecting value: line 1 column 1 (char 0)"),
        (
            ["wait", "--json"],
            outcome(stdout='{"kind": "wait", "code": 0, "queues": 1}'),
            "prints what its schema does not allow: $.queues: 1 is not of type 'array'",
        ),
    ],
)
def test_what_breaks_a_rule_is_found(words: list[str], bad: Outcome, wrong: str) -> None:
    """Each rule by itself."""
    assert broken(Case(words=words), bad) == [wrong]


def test_a_good_outcome_breaks_no_rule() -> None:
    """Neither does a refusal that says why."""
    assert broken(Case(words=["wait", "--json"]), outcome(stdout='{"kind": "wait", "code": 0, "queues": []}')) == []
    assert broken(Case(words=[]), outcome(code=65, stderr="amqptool: error: no")) == []


def test_messages_of_one_id_are_told_apart() -> None:
    """What a line says is held against the one of them that is most like it."""
    there = [("", pika.BasicProperties(headers={"k": value}), b"x") for value in ("other", "v")]
    asked = {"routing_key": QUEUE, "body": "x", "headers": {"k": "v"}}
    assert differs_from(asked, there) == []
    assert differs_from({**asked, "headers": {"k": "w"}}, there) == ["the header 'k' 'w' has become 'other'"]
    assert differs_from(asked, []) != []
