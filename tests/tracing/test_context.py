"""The trace context in headers, with or without OpenTelemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.tracing import context_in, context_of, find_tracing, trace_id_in
from tests.support.cli import UNMEASURED, cli_environment, run_cli

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
#: A publisher and a worker in a process that has no OpenTelemetry.
WITHOUT = """
import sys

sys.modules["opentelemetry"] = None

import asyncio
import amqptool
from tests.support.broker import declare_queue

url = sys.argv[1]
asyncio.run(declare_queue(amqptool.parse_url(url), "q"))
with amqptool.BlockingPublisher(url) as publisher:
    publisher.publish(amqptool.Message(body=b"", routing_key="q"))
amqptool.Worker(url, "q", lambda delivery: print(delivery.headers), dedup=None, max_messages=1).run()
"""


def test_a_trace_context_is_read() -> None:
    """Both headers, as they came."""
    headers = {"traceparent": PARENT, "tracestate": "shop=1,other=2", "n": 1}
    assert context_in(headers) == {"traceparent": PARENT, "tracestate": "shop=1,other=2"}
    assert trace_id_in(headers) == TRACE


@pytest.mark.parametrize(
    "parent",
    [
        None,
        1,
        PARENT.encode(),
        [PARENT],
        "",
        PARENT.upper(),
        f"{PARENT}\n",
        f"{PARENT}-more",
        PARENT.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ],
)
def test_what_is_no_trace_context_is_nothing(parent: object) -> None:
    """A sender may put anything there; a state without a parent says nothing."""
    assert context_in({"traceparent": parent, "tracestate": "shop=1"}) == {}
    assert trace_id_in({"traceparent": parent}) is None


@pytest.mark.parametrize("state", [None, 1, b"shop=1", "", "shop=\n1", "shop=ü", "x" * 513])
def test_a_state_that_cannot_be_passed_on_is_left_out(state: object) -> None:
    """The parent is told all the same."""
    assert context_in({"traceparent": PARENT, "tracestate": state}) == {"traceparent": PARENT}


def test_an_environment_names_a_trace_context() -> None:
    """In variables that are called as the headers; a state without a parent says nothing there, too."""
    variables = {"TRACEPARENT": PARENT, "TRACESTATE": "shop=1", "BAGGAGE": "a=1"}
    assert context_of(variables) == {"traceparent": PARENT, "tracestate": "shop=1"}
    assert context_of({"TRACESTATE": "shop=1"}) == {}


def test_opentelemetry_is_found_where_it_is_installed() -> None:
    """As it is here."""
    assert find_tracing() is not None


def test_settings_of_opentelemetry_that_are_wrong_are_named() -> None:
    """As wrong configuration of any other kind."""
    done = run_cli("consume", "q", "--handler", "exec:true", env={"OTEL_PROPAGATORS": "pigeon"})
    assert done.returncode == 78
    assert "OpenTelemetry cannot be used" in done.stderr
    assert "pigeon" in done.stderr


def test_without_opentelemetry_nothing_is_added(amqptool_vhost: AmqpUrl) -> None:
    """Publishers and workers do without it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, amqptool_vhost.reveal()],
        cwd=Path(__file__).parents[2],
        env=cli_environment(UNMEASURED),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.stdout, done.stderr) == (f"{{}}{os.linesep}", "")
