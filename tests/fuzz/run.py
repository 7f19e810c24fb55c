"""A run of cases, from one number to another: several workers, each with vhosts and a directory of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

from amqptool.broker.local import Endpoint
from tests.fuzz import peer
from tests.fuzz.broker import Broker
from tests.fuzz.case import Case, Outcome, Place, Scene
from tests.fuzz.counts import Counts, Result
from tests.fuzz.execute import Executor
from tests.fuzz.rules import broken
from tests.fuzz.sorts import case_of, random_of
from tests.support.fork_server import fork_server

#: One of so many cases is a process of its own, as a user's are.
PROCESS_EVERY = 25


class Worker:
    """Runs one case after the other."""

    def __init__(self, node: Endpoint, directory: Path, number: int, *, seed: int, executor: Executor) -> None:
        self._broker = Broker(node, number)
        self.directory = directory / f"worker-{number}"
        self._note = directory / f"misbehaved-{number}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._seed, self._executor = seed, executor
        self._place = Place(
            messages_url=self._broker.messages_url,
            topologies_url=self._broker.topologies_url,
            management_url=self._broker.management_url,
            peer_port=self._listener.getsockname()[1],
        )

    def run(self, number: int) -> Result:
        """Run a case."""
        case = case_of(self._seed, number, self._place)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        self._note.unlink(missing_ok=True)
        if case.message is not None:
            self._broker.put(*case.message)
        try:
            with self._peer(number, case):
                outcome = self._execute(case, as_process=number % PROCESS_EVERY == 0)
            return self._judged(case, outcome)
        finally:
            self._clear(case)

    @contextmanager
    def _peer(self, number: int, case: Case) -> Iterator[None]:
        if not case.answers:
            yield
            return
        random = random_of(self._seed, number, "peer")
        misdeed = random.randint(1, case.answers)
        playing = peer.serve_in_child(self._listener, random, misdeed=misdeed, note=self._note)
        try:
            yield
        finally:
            os.kill(playing, signal.SIGKILL)
            os.waitpid(playing, 0)

    def _judged(self, case: Case, outcome: Outcome) -> Result:
        wrong = broken(case, outcome)
        found = None if wrong or case.check is None else case.check(outcome, self._scene(case))
        return Result(
            outcome=outcome,
            wrong=wrong or found or [],
            checked=case.check.__name__.strip("_") if case.check and found is not None else None,
            has_peer=case.answers > 0,
            has_misbehaved=self._note.exists(),
        )

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

    def _scene(self, case: Case) -> Scene:
        def run(words: list[str]) -> Outcome:
            return self._execute(Case(words=words, files=case.files, environ=case.environ), as_process=False)

        return Scene(directory=self.directory, broker=self._broker, run=run)


def run(node: Endpoint, directory: Path, numbers: range, *, seed: int, workers: int, patience: float) -> Counts:
    """Run the cases of these numbers and count what came of them."""
    counts = Counts()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_when_told) as pool:
        parts = [
            pool.submit(_run_part, node, directory, worker, numbers[worker::workers], seed, patience)
            for worker in range(workers)
        ]
        try:
            for part in parts:
                counts.add(part.result())
        except BaseException:  # that somebody ends the run included
            for process in active_children():
                process.terminate()
            raise
    return counts


def end_when_told() -> None:
    """Take SIGTERM for Ctrl-C: either way nothing is left running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def running_worker(node: Endpoint, directory: Path, number: int, *, seed: int, patience: float) -> Iterator[Worker]:
    """Give a worker with all that it takes."""
    with fork_server() as server:
        yield Worker(node, directory, number, seed=seed, executor=Executor(server, patience))


def _run_part(node: Endpoint, directory: Path, worker: int, numbers: range, seed: int, patience: float) -> Counts:
    counts = Counts()
    with running_worker(node, directory, worker, seed=seed, patience=patience) as by:
        for number in numbers:
            counts.note(number, by.run(number))
    return counts
