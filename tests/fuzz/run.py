"""A run of cases, from one number to another: several workers, each with vhosts and a directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from amqptool.broker.local import Endpoint
from tests.fuzz import peer
from tests.fuzz.broker import Broker
from tests.fuzz.case import Case, Outcome, Place, Scene
from tests.fuzz.execute import Executor
from tests.fuzz.rules import broken
from tests.fuzz.sorts import case_of, random_of, sort_of

#: One of so many cases is a process of its own, as a user's are.
PROCESS_EVERY = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A case that broke rules."""

    number: int
    words: list[str]
    wrong: list[str]


@dataclass(slots=True, kw_only=True)
class Counts:
    """What came of cases."""

    sorts: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    most_memory: tuple[float, int] = (0.0, -1)
    findings: list[Finding] = field(default_factory=list)

    def note(self, number: int, outcome: Outcome, wrong: list[str]) -> None:
        """Count one case."""
        self.sorts[sort_of(number)] += 1
        self.codes[outcome.code] += 1
        self.seconds[sort_of(number)] += outcome.seconds
        self.slowest = max(self.slowest, (outcome.seconds, number))
        self.most_memory = max(self.most_memory, (outcome.memory, number))
        if wrong:
            self.findings.append(Finding(number=number, words=outcome.words, wrong=wrong))

    def add(self, other: Counts) -> None:
        """Add what another worker counted."""
        self.sorts += other.sorts
        self.codes += other.codes
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.most_memory = max(self.most_memory, other.most_memory)
        self.findings += other.findings


class Worker:
    """Runs one case after the other."""

    def __init__(self, node: Endpoint, directory: Path, number: int, *, seed: int, patience: float) -> None:
        self._broker = Broker(node, number)
        self.directory = directory / f"worker-{number}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._seed, self._executor = seed, Executor(patience)
        self._place = Place(
            messages_url=self._broker.messages_url,
            topologies_url=self._broker.topologies_url,
            management_url=self._broker.management_url,
            peer_port=self._listener.getsockname()[1],
        )

    def run(self, number: int) -> tuple[Outcome, list[str]]:
        """Run a case and return what came of it, and what is wrong with that."""
        case = case_of(self._seed, number, self._place)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        playing = (
            peer.serve_in_child(self._listener, random_of(self._seed, number, "peer")) if case.needs_peer else None
        )
        if case.message is not None:
            self._broker.put(*case.message)
        try:
            outcome = self._execute(case, as_process=number % PROCESS_EVERY == 0)
            return outcome, broken(case, outcome) or self._check(case, outcome)
        finally:
            if playing is not None:
                os.kill(playing, signal.SIGKILL)
                os.waitpid(playing, 0)
            self._clear(case)

    def _clear(self, case: Case) -> None:
        """Leave nothing at the broker that another case could see."""
        if case.message is not None:
            self._broker.renew_queue()
        elif case.environ == self._place.for_messages:
            self._broker.clear_messages()
        elif case.environ == self._place.for_topologies:
            self._broker.clear_topologies()

    def _execute(self, case: Case, *, as_process: bool) -> Outcome:
        return self._executor.run(case, self.directory, as_process=as_process)

    def _check(self, case: Case, outcome: Outcome) -> list[str]:
        if case.check is None:
            return []

        def run(words: list[str]) -> Outcome:
            return self._execute(Case(words=words, files=case.files, environ=case.environ), as_process=False)

        return case.check(outcome, Scene(directory=self.directory, broker=self._broker, run=run))


def run(node: Endpoint, directory: Path, numbers: range, *, seed: int, workers: int, patience: float) -> Counts:
    """Run the cases of these numbers and count what came of them."""
    counts = Counts()
    # Forks, so that what a case forks has imported everything.
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        parts = [
            pool.submit(_run_part, node, directory, worker, numbers[worker::workers], seed, patience)
            for worker in range(workers)
        ]
        for part in parts:
            counts.add(part.result())
    return counts


def _run_part(node: Endpoint, directory: Path, worker: int, numbers: range, seed: int, patience: float) -> Counts:
    counts, by = Counts(), Worker(node, directory, worker, seed=seed, patience=patience)
    for number in numbers:
        counts.note(number, *by.run(number))
    return counts
