"""Show amqptool's whole job on a private RabbitMQ: a killed worker, repeated messages, a broker restart.

Everything runs in a temporary directory and is removed at the end. The exit code is not 0 when a number
is wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
RELEASES = 3000
#: Every so many messages, one is published twice.
REPEATED = 10
#: Seconds for any one step of the demo.
PATIENCE = 60.0

console = Console(highlight=False)


class Demo:
    """One run, in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.dedup = directory / "dedup.db"
        self.workers: list[subprocess.Popen[str]] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AMQP")},
            "DEMO_DIRECTORY": str(directory),
            "PYTHONUNBUFFERED": "1",
        }

    def run(self) -> bool:
        """Play all scenes; return whether every number is right."""
        self.start_broker()
        self.amqptool("declare", str(ROOT / "topologies/app-publishing.yaml"))
        published = self.publish()
        self.kill_a_worker_and_restart_the_broker()
        return self.show_table(published)

    def start_broker(self) -> None:
        """Start, or start again, the private node; its URLs stay the same."""
        node = json.loads(self.amqptool("broker", "start", "--json", "--dir", self.node))
        self.environment |= {"AMQPTOOL_URL": node["url"], "AMQPTOOL_MANAGEMENT_URL": node["management_url"]}

    @property
    def node(self) -> str:
        """The node's directory."""
        return str(self.directory / "node")

    def publish(self) -> int:
        """Publish the releases from a file, some of them twice; return how many messages that made."""
        records = self.directory / "releases.jsonl"
        with sqlite3.connect(self.directory / "releases.db") as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE release (message_id, app, version, worker)")
        records.write_text("".join(f"{json.dumps(record)}\n" for record in release_records()))
        report = json.loads(self.amqptool("publish", "--json", "--jsonl", str(records)))
        return int(report["confirmed"])

    def kill_a_worker_and_restart_the_broker(self) -> None:
        """Work off `notifications` with two workers, one of which dies halfway, as does the broker."""
        doomed = self.start_worker("record_until_stuck")
        wait_for("the first worker to be in the middle of a message", (self.directory / "stuck").exists)
        steady = self.start_worker("record", "--idle-timeout", "4")
        wait_for("its earlier messages to be committed", lambda: self.undone_releases(doomed.pid) == 0)
        wait_for("the second worker to work beside it", lambda: self.has_recorded(steady.pid))
        console.print(f"$ kill -KILL {doomed.pid}  [dim]# in the middle of a message")
        doomed.kill()
        doomed.wait()
        self.amqptool("broker", "stop", "--dir", self.node)
        self.start_broker()
        if steady.wait(PATIENCE) != 0:
            raise SystemExit(f"the worker failed: {self.log(steady).read_text()}")

    def start_worker(self, handler: str, *options: str) -> subprocess.Popen[str]:
        """Start a worker in the background; what it logs goes to a file."""
        command = ["consume", "notifications", "--handler", f"releases:{handler}", "-v"]
        command += ["--app-dir", str(Path(__file__).parent), "--dedup", f"sqlite:///{self.dedup}", *options]
        console.print(f"$ amqptool {self.shortened(command)} &", soft_wrap=True)
        log = (self.directory / f"worker-{len(self.workers)}.log").open("w")
        with log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "amqptool", *command], env=self.environment, stderr=log, text=True
            )
        self.workers.append(worker)
        return worker

    def log(self, worker: subprocess.Popen[str]) -> Path:
        """Where a worker's log is."""
        return self.directory / f"worker-{self.workers.index(worker)}.log"

    def has_recorded(self, worker: int) -> bool:
        """Return whether a worker has recorded a release."""
        with closing(sqlite3.connect(self.directory / "releases.db", timeout=PATIENCE)) as database:
            return database.execute("SELECT 1 FROM release WHERE worker = ?", (worker,)).fetchone() is not None

    def undone_releases(self, worker: int) -> int:
        """Count the releases that a worker has recorded and the dedup store does not call done yet."""
        with closing(sqlite3.connect(self.directory / "releases.db", timeout=PATIENCE)) as database:
            database.execute("ATTACH ? AS dedup", (str(self.dedup),))
            question = (
                "SELECT count(*) FROM release WHERE worker = ? AND replace(message_id, '-', '') NOT IN"
                " (SELECT lower(hex(id)) FROM dedup.amqptool_dedup WHERE state = 2)"  # kept as the bytes of the UUID
            )
            return int(database.execute(question, (worker,)).fetchone()[0])

    def show_table(self, published: int) -> bool:
        """Show what was published and what came of it; return whether it is right."""
        with closing(sqlite3.connect(self.directory / "releases.db")) as database:
            recorded, distinct = database.execute("SELECT count(*), count(DISTINCT message_id) FROM release").fetchone()
        logs = "".join(self.log(worker).read_text() for worker in self.workers)
        duplicates = logs.count("duplicate, acknowledged")
        repeated = RELEASES // REPEATED
        table = Table(title="one worker killed, one broker restarted", title_justify="left")
        table.add_column("messages")
        table.add_column("count", justify="right")
        table.add_column("right?")
        checks = (
            ("published, every tenth twice", published, published == RELEASES + repeated),
            ("delivered", recorded + duplicates, recorded + duplicates >= published),
            ("duplicates suppressed", duplicates, duplicates >= repeated),
            ("lost", RELEASES - distinct, distinct == RELEASES),
            ("recorded twice", recorded - distinct, recorded == distinct),
        )
        for name, count, right in checks:
            table.add_row(name, f"{count:,}", "[green]yes" if right else "[red]NO")
        console.print(table)
        return all(right for _, _, right in checks)

    def amqptool(self, *words: str) -> str:
        """Run one command, showing it, and return what it wrote to stdout."""
        console.print(f"$ amqptool {self.shortened(words)}", soft_wrap=True)
        command = [sys.executable, "-m", "amqptool", *words]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)
        return done.stdout

    def shortened(self, words: list[str] | tuple[str, ...]) -> str:
        """Return a command line as a reader would type it."""
        line = " ".join(words).replace(f"{self.directory}/", "").replace(f"{ROOT}/", "")
        return line.replace("[", "\\[")

    def clean_up(self) -> None:
        """End whatever is still running."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
        subprocess.run(
            [sys.executable, "-m", "amqptool", "broker", "stop", "--quiet", "--dir", self.node],
            env=self.environment,
            check=False,
        )


def release_records() -> list[dict[str, object]]:
    """Make the releases, each tenth of them twice."""
    records: list[dict[str, object]] = []
    for number in range(1, RELEASES + 1):
        app = ("maps", "mail", "music")[number % 3]
        key = "publish.playstore" if number % 2 else "publish.newsletter"
        record: dict[str, object] = {
            "exchange": "incoming",
            "routing_key": key,
            "body": json.dumps({"app": app, "version": f"1.{number}"}),
            "properties": {"message_id": str(uuid4()), "content_type": "application/json"},
        }
        records += [record] * (2 if number % REPEATED == 0 else 1)
    return records


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {PATIENCE:g} s for {what}")
        time.sleep(0.02)


def main() -> int:
    """Run the demo and clean up after it."""
    directory = Path(tempfile.mkdtemp(prefix="amqptool-demo-"))
    demo = Demo(directory)
    try:
        return 0 if demo.run() else 1
    except KeyboardInterrupt:
        return 130
    finally:
        demo.clean_up()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
