"""`amqptool status` with what a management API answers only when something is wrong."""

from __future__ import annotations

import pytest

from amqptool import AmqpUrl
from amqptool.broker.local import Endpoint
from tests.support.cli import run_cli
from tests.support.management_stub import management_stub
from tests.support.vhost import VhostUnderTest


def down(path: str) -> tuple[int, object]:
    """Answer as a cluster does whose other node is away."""
    return 200, {"name": "rabbit"} if path == "/cluster-name" else {"name": "q", "state": "down"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--format", "nagios", "--max-depth", "1"), 2, "RABBITMQ CRITICAL - queue 'q' is down; queue 'q' does not"),
        (("--format", "nagios"), 2, "RABBITMQ CRITICAL - queue 'q' is down | \n"),
        (("--max-depth", "1"), 1, "READY  QUEUE\n    ?  q (down)\n"),
        ((), 0, "READY  QUEUE\n    ?  q (down)\n"),
        (("--format", "prometheus"), 0, ""),
    ],
)
def test_a_queue_that_is_down_is_not_healthy(words: tuple[str, ...], code: int, said: str) -> None:
    """It tells no counts, and that is not the same as zero."""
    with management_stub(down) as address:
        done = run_cli("status", "q", "--management-url", address, *words)
    assert done.returncode == code
    assert done.stdout.startswith(said)


def new(path: str) -> tuple[int, object]:
    """Answer as a broker does that has no figures of a queue yet."""
    return 200, {"name": "rabbit"} if path == "/cluster-name" else {"name": "q", "state": "running"}


def test_a_new_queue_is_unknown_to_nagios() -> None:
    """It is no reason to wake anybody up; for all others a limit that cannot be judged is not kept."""
    with management_stub(new) as address:
        words = ("status", "q", "--management-url", address, "--max-depth", "1")
        done = run_cli(*words, "--format", "nagios")
        assert (done.returncode, done.stdout.split(" - ")[0]) == (3, "RABBITMQ UNKNOWN")
        assert run_cli(*words).returncode == 1


def test_a_name_that_is_no_utf_8(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Is bad input, with the API and without."""
    done = VhostUnderTest(amqptool_node, amqptool_vhost).run("status", "\udcff")
    assert (done.returncode, "is no UTF-8" in done.stderr) == (65, True)
    done = run_cli("status", "\udcff", env={"AMQPTOOL_URL": amqptool_vhost.reveal()})
    assert done.returncode == 65


def test_a_queue_of_a_vhost_that_does_not_exist(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Is refused as without a name; in a vhost that is there, it is the queue that is not."""
    vhost = VhostUnderTest(amqptool_node, amqptool_vhost)
    done = vhost.run("status", "q", "-u", amqptool_vhost.reveal() + "x")
    assert (done.returncode, "there is no such vhost" in done.stderr) == (77, True)
    assert vhost.run("status", "q").returncode == 1
