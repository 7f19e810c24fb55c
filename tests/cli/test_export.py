"""`amqptool export`: what a broker holds, as a file."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from amqptool import Topology, declare
from amqptool.broker.amqp import connect
from tests.support.broker import bind_deeply, declare_queue
from tests.support.cli import run_cli

if TYPE_CHECKING:
    from pathlib import Path

    from amqptool.broker.local import Endpoint
    from amqptool.settings.url import AmqpUrl

FILE = """\
exchanges:
  incoming: topic

queues:
  jobs:
    type: quorum
    retry: [5s, 1m]
    dead_letter: true
    bindings:
      - {source: incoming, routing_key: job.#}
"""


@pytest.fixture
def settings(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> dict[str, str]:
    """Give the environment that leads to a vhost in which FILE was declared."""
    asyncio.run(declare(amqptool_vhost, Topology.parse(FILE)))
    return {"AMQPTOOL_URL": amqptool_vhost.reveal(), "AMQPTOOL_MANAGEMENT_URL": amqptool_node.management_url}


def export(settings: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run `amqptool export`."""
    return run_cli("export", *words, env=settings)


def test_the_vhost_of_the_url_is_exported(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """Without options, YAML of the URL's vhost is on stdout, which a comment names, and no password."""
    done = export(settings)
    host = f"{amqptool_vhost.host}:{amqptool_vhost.port}"
    comment = f"# Exported by amqptool from {host}, vhost {amqptool_vhost.vhost}.\n\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, comment + FILE, "")


def test_nothing_is_left_to_plan(settings: dict[str, str]) -> None:
    """`export | plan -` finds that nothing is to be done."""
    for form in ("yaml", "definitions"):
        text = export(settings, "--format", form).stdout
        done = run_cli("plan", "-", "--detailed-exitcode", "--prune", "--owns-vhost", input=text, env=settings)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_definitions(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """--format definitions writes what RabbitMQ imports."""
    document = json.loads(export(settings, "--format", "definitions").stdout)
    assert document["vhosts"][0]["name"] == amqptool_vhost.vhost
    assert document["exchanges"][0]["vhost"] == amqptool_vhost.vhost


def test_json(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """--json writes one document, with the definitions in it."""
    document = json.loads(export(settings, "--json").stdout)
    assert (document["kind"], document["code"], document["vhosts"]) == ("export", 0, [amqptool_vhost.vhost])
    assert [each["name"] for each in document["topology"]["exchanges"]] == ["incoming"]
    assert (document["file"], document["left_out"]) == (None, [])


def test_vhosts_by_name(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """--vhost chooses vhosts, and of several each object names its own."""
    done = export(settings, "--vhost", amqptool_vhost.vhost, "--vhost", "/")
    assert f"  incoming: {{vhost: {amqptool_vhost.vhost}, type: topic}}\n" in done.stdout
    assert f"vhost /, {amqptool_vhost.vhost}." in done.stdout.splitlines()[0]


def test_all_vhosts(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """--all-vhosts exports what there is."""
    done = export(settings, "--all-vhosts")
    assert done.stdout.splitlines()[0].endswith(", all vhosts.")
    assert amqptool_vhost.vhost in {each.vhost for each in Topology.parse(done.stdout).queues}


def test_both_ways_to_choose_vhosts(settings: dict[str, str]) -> None:
    """Names and all are a contradiction."""
    assert export(settings, "--all-vhosts", "--vhost", "/").returncode == 2


def test_to_a_file(settings: dict[str, str], tmp_path: Path) -> None:
    """-o writes the file, and says on stderr what is in it."""
    path = tmp_path / "app.yaml"
    done = export(settings, "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{path}: 1 exchange, 4 queues, 1 binding\n"
    assert path.read_text().endswith(FILE)


def test_a_failure_leaves_the_file_as_it_is(settings: dict[str, str], tmp_path: Path) -> None:
    """An export that cannot be made changes nothing."""
    path = tmp_path / "app.yaml"
    path.write_text("before")
    assert export(settings, "-o", str(path), "--vhost", "gone").returncode == 77
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written(settings: dict[str, str], tmp_path: Path) -> None:
    """A folder that is not there is told as the system tells it."""
    path = tmp_path / "gone" / "app.yaml"
    done = export(settings, "-o", str(path))
    assert (done.returncode, done.stderr) == (74, f"amqptool: error: {path}: No such file or directory\n")


def test_no_such_vhost(settings: dict[str, str]) -> None:
    """A vhost that is not there is exit 77, with those that are."""
    done = export(settings, "--vhost", "gone")
    assert (done.returncode, done.stdout) == (77, "")
    assert "there is no vhost 'gone', or the user may not see it; there are '/'" in done.stderr


def test_no_management_api(settings: dict[str, str]) -> None:
    """Where the management API does not answer, exit 69 says how to name another place."""
    done = export(settings | {"AMQPTOOL_URL": "amqp://127.0.0.1:1"}, "--management-url", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (69, "")
    assert "(management URL from --management-url)" in done.stderr
    del settings["AMQPTOOL_MANAGEMENT_URL"]
    done = export(settings | {"AMQPTOOL_URL": "amqp://127.0.0.9:1"})
    assert done.returncode == 69
    assert "no management API at http://127.0.0.9:15672" in done.stderr
    assert "--management-url names another place" in done.stderr


def test_wrong_credentials(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """A password that is refused is exit 77, and is not shown."""
    url = amqptool_vhost.reveal().replace("guest:guest", "guest:s3cret")
    done = export(settings | {"AMQPTOOL_URL": url})
    assert done.returncode == 77
    assert "s3cret" not in done.stderr


def test_what_is_left_out_is_said(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """Queues that the broker named cannot be declared; that they are there is said on stderr."""

    async def main() -> None:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            await channel._call("declaring", channel._raw.queue_declare, "", durable=True)

    asyncio.run(main())
    done = export(settings)
    assert done.stdout.endswith(FILE)
    assert done.stderr == "left out: 1 queue that the broker named (amq.…)\n"


def test_what_a_file_may_not_hold_is_said(settings: dict[str, str], amqptool_vhost: AmqpUrl) -> None:
    """RabbitMQ takes arguments that nobody knows; the file has them, and where they stand is said on stderr."""
    asyncio.run(declare_queue(amqptool_vhost, "misspelt", **{"x-mesage-ttl": 5}))
    done = export(settings)
    assert "  misspelt: {arguments: {x-mesage-ttl: 5}}\n" in done.stdout.replace("type: classic, ", "")  # 4.x
    assert done.returncode == 0
    assert done.stderr.startswith("the broker holds it, but a file may not: <stdout>:")
    assert "did you mean x-message-ttl?" in done.stderr
    (problem,) = json.loads(export(settings, "--json").stdout)["problems"]
    assert problem["rule"] == "argument-name"


def test_arguments_that_are_nested_too_deeply_are_no_bug(
    settings: dict[str, str], amqptool_node: Endpoint, amqptool_vhost: AmqpUrl
) -> None:
    """65: the broker holds what is beyond every bound."""
    asyncio.run(bind_deeply(amqptool_node, amqptool_vhost, "jobs", 900))
    done = export(settings)
    assert (done.returncode, done.stdout) == (65, "")
    assert "binding of queue jobs to amq.headers" in done.stderr
