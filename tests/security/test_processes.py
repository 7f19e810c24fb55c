"""A password that the environment gives stays there: no child, no command line, no file of a worker has it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker.local import Endpoint
from amqptool.broker.local.node import free_port
from amqptool.broker.management import Management
from tests.security.needles import ESCAPED, PASSWORD, leaks
from tests.support.broker import declare_queue, publish
from tests.support.cli import run_cli

#: Writes down its own environment and the command lines of all that is above it.
TELL = """
import json, os, sys

def tell():
    lines, pid = [repr(dict(os.environ))], os.getpid()
    while pid > 1:
        lines.append(open(f"/proc/{pid}/cmdline").read().replace("\\0", " "))
        pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
    with open(sys.argv[1], "a") as file:
        print(*lines, sep="\\n", file=file)

"""
CALLS = {
    "exec": "tell()",
    "exec-lines": """
for line in sys.stdin:
    tell()
    print(json.dumps({"id": json.loads(line)["id"], "verdict": "ack"}), flush=True)
""",
}


@pytest.fixture
def secret_url(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give the vhost's URL for a user with the password, and a queue `q` with two messages."""
    everything = {"configure": ".*", "write": ".*", "read": ".*"}

    async def prepare() -> None:
        async with Management.at(amqptool_node.management_url, amqptool_node.url) as management:
            await management._request("test", "PUT", "users", "ann", json={"password": PASSWORD, "tags": ""})
            await management._request("test", "PUT", "permissions", amqptool_vhost.vhost, "ann", json=everything)
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")] * 2)

    asyncio.run(prepare())
    return replace(amqptool_vhost, username="ann", password=PASSWORD)


@pytest.mark.parametrize("kind", CALLS)
def test_a_worker_hands_no_password_down(secret_url: AmqpUrl, tmp_path: Path, kind: str) -> None:
    """Neither to its processes' command lines, nor to the environment of what handles messages."""
    told, script = tmp_path / "told", tmp_path / "tell.py"
    script.write_text(TELL + CALLS[kind])
    handler = f"{kind}:{sys.executable} {script} {told}"
    words = ["consume", "q", "--handler", handler, "--processes", "2", "--dedup", f"sqlite:///{tmp_path}/dedup.db"]
    env = {"AMQPTOOL_URL": secret_url.reveal(), "AMQP_URL": secret_url.reveal()}
    done = run_cli(*words, "--idle-timeout", "1", "-vv", "--debug", env=env)
    assert done.returncode == 0, done.stderr
    assert "--supervised" in told.read_text()
    assert leaks(told.read_text() + done.stdout + done.stderr) == set()


def test_no_file_and_no_metric_of_a_command_has_it(secret_url: AmqpUrl, tmp_path: Path) -> None:
    """Receipts, failures, saved messages, the store and what it keeps beside, plans, exports: none."""
    env = {"AMQPTOOL_URL": secret_url.reveal()}
    (tmp_path / "lines").write_text("one\ntwo\n")
    files = ["--receipts", str(tmp_path / "receipts"), "--failed", str(tmp_path / "failed")]
    run_cli("publish", "-k", "absent", "--lines", str(tmp_path / "lines"), *files, env=env)
    run_cli("consume", "q", "-n", "1", "--save", str(tmp_path / "saved"), env=env)
    store = ["--handler", "exec:false", "--dedup", f"sqlite:///{tmp_path}/dedup.db"]
    run_cli("consume", "q", "-n", "1", *store, env=env)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"receipts", "failed", "dedup.db"} <= {file.name for file in written}
    assert [file for file in written if leaks(file.read_bytes().decode("latin-1"))] == []


def test_no_metric_of_a_worker_has_it(secret_url: AmqpUrl) -> None:
    """What is monitored is read by whoever reaches the port."""
    port = free_port()
    tell = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
    handler = f"exec:{sys.executable} -c {shlex.quote(tell)}"
    words = ["consume", "q", "-n", "1", "--handler", handler, "--dedup", "none", "--metrics-port", str(port)]
    done = run_cli(*words, "-vv", "--debug", env={"AMQPTOOL_URL": secret_url.reveal()})
    assert (done.returncode, "amqptool_connected" in done.stderr) == (0, True)
    assert leaks(done.stdout + done.stderr) == set()


def test_a_crash_file_has_it_not(secret_url: AmqpUrl, tmp_path: Path) -> None:
    """What a bug leaves behind is where in the code it was, and not what was there.

    What fails is a part of Python, so that it fails where nobody expects it: with the URL in hand.
    """
    libraries, crashes = tmp_path / "libraries", tmp_path / "crashes"
    for folder in (libraries, crashes):
        folder.mkdir()
    (libraries / "sitecustomize.py").write_text(
        "import asyncio\ndef fail(*words, **options):\n    raise ZeroDivisionError(words, options)\n"
        "asyncio.Runner.run = fail\n"
    )
    path = os.pathsep.join([str(libraries), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {"AMQPTOOL_URL": secret_url.reveal(), "TMPDIR": str(crashes), "PYTHONPATH": path}
    done = run_cli("consume", "q", "--url", f"amqp://ann:{ESCAPED}@127.0.0.1:1", "--json", env=env)
    [file] = crashes.iterdir()
    assert (done.returncode, json.loads(done.stdout)["code"]) == (70, 70)
    assert "ZeroDivisionError" in file.read_text()
    assert leaks(file.read_text() + done.stdout + done.stderr) == set()
    assert file.stat().st_mode & 0o777 == 0o600
