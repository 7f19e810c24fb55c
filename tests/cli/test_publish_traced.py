"""`amqptool publish` in a process that is told of a trace, with and without OpenTelemetry."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amqptool import AmqpUrl, Message
from tests.support.broker import declare_queue, drain, publish
from tests.support.cli import TIMEOUT, UNMEASURED, cli_environment, run_cli

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
OTHER = f"00-{7:032x}-{7:016x}-01"
STATE = "shop={{1}},other=2"

#: The command line in a process ...
AMQPTOOL = "import runpy; runpy.run_module('amqptool', run_name='__main__')"
#: ... that has no OpenTelemetry,
WITHOUT = "import sys; sys.modules['opentelemetry'] = None"
#: its API alone, or that of version 1.25,
OLD_API = """
from opentelemetry import trace

class Tracer(trace.NoOpTracer):
    def start_span(self, *arguments, **options):
        return trace.INVALID_SPAN

class Provider(trace.NoOpTracerProvider):
    def get_tracer(self, *arguments, **options):
        return Tracer()

trace.set_tracer_provider(Provider())
"""
#: or its SDK, which writes the spans to stdout.
SDK = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider()
exporter = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\\n")
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""
every_process = pytest.mark.parametrize("before", ["", WITHOUT, OLD_API], ids=["API", "none", "old API"])


@pytest.fixture
def url(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with a queue `q`."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    return amqptool_vhost


def command(before: str, *words: str) -> list[str]:
    """Return a command line whose process begins with some code."""
    return [sys.executable, "-c", f"{before}\n{AMQPTOOL}", *words]


def run(before: str, url: AmqpUrl, *words: str, text: str | None = None, **trace: str) -> str:
    """Return the stdout of a command line whose process begins with some code, insisting that it goes well."""
    done = subprocess.run(
        command(before, *words),
        env=cli_environment({**UNMEASURED, "AMQPTOOL_URL": url.reveal(), **trace}),
        input=text or "",
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(url: AmqpUrl, queue: str = "q") -> list[dict[str, Any]]:
    """Take what is in the queue, and return the headers."""
    return [dict(delivery.headers) for delivery in asyncio.run(drain(url, queue))]


@every_process
def test_messages_are_part_of_the_trace_that_the_environment_names(url: AmqpUrl, before: str) -> None:
    """Each tells of it, beside the headers that it has; nothing in it is a placeholder."""
    words = ("publish", "-k", "q", "-H", "n={{count}}", "--template", "--count", "2", "tea")
    run(before, url, *words, TRACEPARENT=PARENT, TRACESTATE=STATE)
    told = {"traceparent": PARENT, "tracestate": STATE}
    assert arrived(url) == [{"n": "1", **told}, {"n": "2", **told}]


@every_process
def test_a_message_with_a_trace_of_its_own_keeps_it(url: AmqpUrl, before: str) -> None:
    """A record says that in its headers, and so does an option."""
    records = [{"body": "a", "headers": {"traceparent": OTHER}}, {"body": "b"}]
    lines = "".join(f"{json.dumps({'routing_key': 'q', **record})}\n" for record in records)
    run(before, url, "publish", "--jsonl", "-", text=lines, TRACEPARENT=PARENT, TRACESTATE=STATE)
    run(before, url, "publish", "-k", "q", "-H", f"traceparent={OTHER}", "c", TRACEPARENT=PARENT)
    own = {"traceparent": OTHER}
    assert arrived(url) == [own, {"traceparent": PARENT, "tracestate": STATE}, own]


@every_process
@pytest.mark.parametrize("parent", ["", "00-1-2-01", PARENT.upper(), f"{PARENT}\n"])
def test_what_is_no_trace_is_ignored(url: AmqpUrl, before: str, parent: str) -> None:
    """As W3C Trace Context has it; a state alone says nothing."""
    run(before, url, "publish", "-k", "q", "tea", TRACEPARENT=parent, TRACESTATE=STATE)
    assert arrived(url) == [{}]


def test_each_message_has_a_span_where_spans_are_made(url: AmqpUrl) -> None:
    """Within that of the environment, and around what becomes of it."""
    told = run(SDK, url, "publish", "-k", "q", "--lines", "-", text="a\nb\n", TRACEPARENT=PARENT)
    spans = [json.loads(line) for line in told.splitlines()]
    assert [span["name"] for span in spans] == ["publish q"] * 2
    assert {span["parent_id"].removeprefix("0x") for span in spans} == {SPAN}
    ids = [span["context"]["span_id"].removeprefix("0x") for span in spans]
    assert arrived(url) == [{"traceparent": f"00-{TRACE}-{each}-01"} for each in ids]


def test_settings_of_opentelemetry_that_are_wrong_are_said_before_anything_is_sent(url: AmqpUrl) -> None:
    """Where there is a trace, without which nobody asks for them."""
    env = {"AMQPTOOL_URL": url.reveal(), "OTEL_PROPAGATORS": "pigeon"}
    assert run_cli("publish", "-k", "q", "tea", env=env).returncode == 0
    done = run_cli("publish", "-k", "q", "tea", env={**env, "TRACEPARENT": PARENT})
    assert done.returncode == 78
    assert "OpenTelemetry cannot be used" in done.stderr
    assert arrived(url) == [{}]


def test_a_run_with_receipts_goes_on_in_another_trace(url: AmqpUrl, tmp_path: Path) -> None:
    """Which is none of the options that must stay."""
    lines, receipts = tmp_path / "lines", tmp_path / "receipts"
    lines.write_text("a\nb\n")
    words = ("publish", "-k", "q", "--lines", str(lines), "--receipts", str(receipts))
    run("", url, *words, TRACEPARENT=PARENT)
    first, *done, _last = receipts.read_text().splitlines(keepends=True)
    receipts.write_text("".join([first, *done]))
    run("", url, *words, "--resume", TRACEPARENT=OTHER)
    assert [headers["traceparent"] for headers in arrived(url)] == [PARENT, PARENT, OTHER]


@pytest.mark.parametrize("before", ["", WITHOUT], ids=["API", "none"])
def test_what_a_handler_publishes_goes_on_with_the_trace(url: AmqpUrl, before: str) -> None:
    """A script has nothing to pass on by itself, and the worker's own environment is none of the message's."""
    asyncio.run(declare_queue(url, "next"))
    headers = {"traceparent": PARENT, "tracestate": STATE}
    asyncio.run(publish(url, [Message(body=b"tea", routing_key="q", headers=dict(headers))]))
    script = shlex.join(command(before, "--url", url.reveal(), "publish", "-k", "next"))
    words = ("consume", "q", "-n", "1", "--dedup", "none", "--handler", f"exec:{script}")
    run(before, url, *words, TRACEPARENT=OTHER)
    assert arrived(url, "next") == [headers]
