"""A private node as a container of Docker or Podman, for machines without RabbitMQ."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

from amqptool.broker.local.node import LOCALHOST, Record, save
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from pathlib import Path

#: The official image with the management plugin enabled.
IMAGE = "docker.io/library/rabbitmq:management"

#: In the order of preference.
ENGINES = ("docker", "podman")

#: Seconds for one command of the engine; the first `run` may pull 100 MB.
_TIMEOUT = 300.0


def find_engine() -> str | None:
    """Return the first container engine that is installed and answers."""
    return next((engine for engine in ENGINES if shutil.which(engine) and _answers(engine)), None)


class Container:
    """Runs nodes in containers named after their directory, with the data in a volume of that name."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    def boot(self, directory: Path, record: Record) -> Record:
        """Run the image, in place of what an earlier run may have left."""
        name = _name(directory)
        # Before the container, so that `stop` finds it whatever happens next.
        save(directory, record)
        self._call("rm", "--force", name, check=False)
        self._call(
            *("run", "--detach", "--name", name, "--hostname", "amqptool"),
            *("--volume", f"{name}:/var/lib/rabbitmq"),
            *("--publish", f"{LOCALHOST}:{record.port}:5672"),
            *("--publish", f"{LOCALHOST}:{record.management_port}:15672"),
            IMAGE,
        )
        return record

    def alive(self, directory: Path, record: Record) -> bool:
        """Return whether the engine says that the container runs."""
        del record
        answer = self._call("inspect", "--format", "{{.State.Running}}", _name(directory), check=False)
        return answer.returncode == 0 and answer.stdout.strip() == "true"

    def stop(self, directory: Path, record: Record, timeout: float) -> None:
        """Let RabbitMQ shut down in order, then remove the container."""
        self._call("stop", "-t", str(round(timeout)), _name(directory), check=False)
        self.kill(directory, record)

    def kill(self, directory: Path, record: Record) -> None:
        """Kill and remove the container; its volume stays."""
        del record
        self._call("rm", "--force", _name(directory), check=False)

    def discard(self, directory: Path) -> None:
        """Remove the volume."""
        self._call("volume", "rm", "--force", _name(directory), check=False)

    def log(self, directory: Path) -> tuple[list[str], str]:
        """Save the container's output, which goes when the container goes, and read it."""
        answer = self._call("logs", _name(directory), check=False)
        file = directory / "container.log"
        file.write_text(answer.stdout + answer.stderr, "utf-8")
        return file.read_text("utf-8").splitlines(), str(file)

    def _call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        answer = _run(self._engine, *arguments)
        if check and answer.returncode:
            words = answer.stderr.strip() or f"exit code {answer.returncode}"
            raise BrokerUnavailable(f"cannot run RabbitMQ in a container: {self._engine} {arguments[0]}: {words}")
        return answer


def _name(directory: Path) -> str:
    return f"amqptool-{hashlib.sha256(bytes(directory)).hexdigest()[:12]}"


def _answers(engine: str) -> bool:
    try:
        return _run(engine, "ps", "--quiet", timeout=10).returncode == 0
    except BrokerUnavailable:
        return False


def _run(engine: str, *arguments: str, timeout: float = _TIMEOUT) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            [engine, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerUnavailable(f"cannot run {engine} {arguments[0]}: {error}") from error
