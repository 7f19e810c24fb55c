"""Where RabbitMQ is not installed, a container engine runs the node; the engine here is a script."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

import pytest

from amqptool.broker import local
from amqptool.broker.local.container import IMAGE, find_engine
from amqptool.broker.local.node import Record, free_port, save
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Notes each call, remembers in a file whether the container runs, and refuses `run` on request.
DOCKER = """\
#!/bin/sh
echo "$*" >> {state}/calls
case $1 in
    run)
        [ -e {state}/refuse ] && {{ echo 'port is already allocated' >&2; exit 125; }}
        touch {state}/running;;
    inspect) [ -e {state}/running ] && echo true;;
    logs) echo 'the container says hello';;
    stop|rm) rm -f {state}/running;;
esac
"""


class Greeting(BaseRequestHandler):
    """Greets as an AMQP broker does: the first bytes of connection.start."""

    def handle(self) -> None:
        """Answer the protocol header."""
        self.request.recv(8)
        self.request.sendall(b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0a")


class Overview(BaseHTTPRequestHandler):
    """Answers as the management API does."""

    def do_GET(self) -> None:
        """Tell the version."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"rabbitmq_version": "4.9.9"}')

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def published() -> Iterator[tuple[int, int]]:
    """Give the ports of what a container would publish."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(ThreadingTCPServer(("127.0.0.1", 0), Greeting)),
            stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Overview)),
        ]
        for server in servers:
            threading.Thread(target=server.serve_forever, args=[0.01]).start()
            stack.callback(server.shutdown)
        yield servers[0].server_address[1], servers[1].server_address[1]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the scripted docker first in PATH; return the directory of its state."""
    state = tmp_path / "engine"
    write_program(state / "docker", DOCKER.format(state=state))
    monkeypatch.setenv("PATH", f"{state}:{os.environ['PATH']}")
    return state


def write_program(file: Path, text: str) -> None:
    """Write an executable script."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def contained(directory: Path, ports: tuple[int, int]) -> Path:
    """Make a directory whose node was begun in a container, whatever is installed here."""
    directory.mkdir()
    save(directory, Record(name="n@localhost", port=ports[0], management_port=ports[1], engine="docker"))
    return directory


def calls(engine: Path) -> list[str]:
    """Return what the engine was asked to do, looking aside."""
    return [line for line in (engine / "calls").read_text().splitlines() if not line.startswith("inspect")]


def test_a_container_is_started_once(tmp_path: Path, engine: Path, published: tuple[int, int]) -> None:
    """It publishes on this machine only, and a second start finds it running."""
    directory = contained(tmp_path / "node", published)
    node = local.start(directory)
    assert local.start(directory) == node == local.status(directory)
    assert (node.url.port, node.pid, node.version) == (published[0], None, "4.9.9")
    (run,) = [call for call in calls(engine) if call.startswith("run ")]
    assert f"--publish 127.0.0.1:{published[0]}:5672" in run
    assert f"--publish 127.0.0.1:{published[1]}:15672" in run
    assert "--detach" in run
    assert run.endswith(IMAGE)


def test_stop_removes_the_container_and_keeps_the_volume(
    tmp_path: Path, engine: Path, published: tuple[int, int]
) -> None:
    """The name is the directory's; stopping again does nothing."""
    directory = contained(tmp_path / "node", published)
    local.start(directory)
    name = next(call.split()[3] for call in calls(engine) if call.startswith("run "))
    (engine / "calls").unlink()
    assert local.stop(directory, timeout=7) is True
    assert calls(engine) == [f"stop -t 7 {name}", f"rm --force {name}"]
    assert local.status(directory) is None
    assert local.stop(directory) is False


def test_a_killed_container_starts_again(tmp_path: Path, engine: Path, published: tuple[int, int]) -> None:
    """Kill removes it without a stop, and start runs another on the same volume."""
    directory = contained(tmp_path / "node", published)
    first = local.start(directory)
    local.kill(directory)
    assert local.status(directory) is None
    assert local.start(directory) == first
    assert not any(call.startswith(("stop", "volume")) for call in calls(engine))


def test_remove_takes_the_volume_too(tmp_path: Path, engine: Path, published: tuple[int, int]) -> None:
    """Nothing of the node is left."""
    directory = contained(tmp_path / "node", published)
    local.start(directory)
    local.remove(directory)
    assert calls(engine)[-1].startswith("volume rm --force amqptool-")
    assert not directory.exists()


def test_the_engines_refusal_is_told(tmp_path: Path, engine: Path, published: tuple[int, int]) -> None:
    """The error carries the engine's own words."""
    (engine / "refuse").touch()
    with pytest.raises(BrokerUnavailable, match="docker run: port is already allocated"):
        local.start(contained(tmp_path / "node", published))


def test_a_container_that_does_not_answer_is_removed(tmp_path: Path, engine: Path) -> None:
    """Its last words stay, in a file that the error names."""
    directory = contained(tmp_path / "node", (free_port(), free_port()))
    with pytest.raises(BrokerUnavailable, match="the container says hello") as caught:
        local.start(directory, timeout=0)
    assert Path(str(caught.value).rpartition("log: ")[2]).read_text() == "the container says hello\n"
    assert calls(engine)[-1].startswith("rm --force")
    assert local.status(directory) is None


def test_an_engine_without_its_daemon_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed client without its daemon is no engine; one that cannot be run neither."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_engine() is None
    write_program(tmp_path / "docker", "#!/bin/sh\nexit 1\n")
    assert find_engine() is None
    write_program(tmp_path / "podman", "#!/bin/sh\n")
    assert find_engine() == "podman"
    write_program(tmp_path / "docker", "#!/nonexistent\n")
    assert find_engine() == "podman"
