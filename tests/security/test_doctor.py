"""`amqptool doctor` and TLS: what cannot be trusted is told at that step."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amqptool import AmqpUrl
from tests.security.tls_node import TlsNode
from tests.support.cli import run_cli


def examined(url: AmqpUrl) -> tuple[int, list[dict[str, Any]]]:
    """Run `amqptool doctor`, and return its exit code and steps."""
    done = run_cli("doctor", "--json", env={"AMQPTOOL_URL": url.reveal()})
    return done.returncode, json.loads(done.stdout)["brokers"][0]["steps"]


@pytest.mark.parametrize("listener", ["expired", "wrong-name", "self-signed"])
def test_a_certificate_that_cannot_be_trusted(tls_node: TlsNode, listener: str) -> None:
    """Is exit 78, with what can be done."""
    code, steps = examined(tls_node.url(listener))
    assert (code, steps[-1]["step"], steps[-1]["state"]) == (78, "tls", "failed")
    assert "cacertfile" in steps[-1]["advice"]


def test_a_file_that_cannot_be_read(tls_node: TlsNode) -> None:
    """Is exit 78 at the same step."""
    code, steps = examined(tls_node.url(cacertfile="absent"))
    assert (code, steps[-1]["step"], "absent.pem" in steps[-1]["message"]) == (78, "tls", True)


def test_a_certificate_that_is_good(tls_node: TlsNode) -> None:
    """Is told with the version of TLS; a client certificate that is wanted is missed at the login."""
    code, steps = examined(tls_node.url())
    assert (code, steps[2]["state"]) == (0, "ok")
    assert "TLSv1" in steps[2]["message"]
    code, steps = examined(tls_node.url("mutual"))
    assert (code, "wants a client certificate" in steps[-1]["message"]) == (78, True)
