"""What a message holds never becomes a word of a command, the name of a variable, or a part of a URL."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest

from amqptool import Delivery, load_handler
from amqptool.testing import make_delivery

#: Texts that mean something to a shell, to an option parser, to an environment or to HTTP.
HOSTILE = [
    "; touch {owned}",
    "$(touch {owned})",
    "`touch {owned}`",
    "| touch {owned}",
    "-n",
    "--help",
    "-c import os",
    "a\0b",
    "a\nLD_PRELOAD=/x",
    "a\r\nAuthorization: Basic eA==\r\n\r\nGET http://169.254.169.254/ HTTP/1.1",
    "../../etc/passwd",
    "http://169.254.169.254/latest",
    "%0d%0aHost: evil",
    "\x1b]0;x\x07",
    "\udcff",
]
NAMES = [
    "LD_PRELOAD",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "BASH_ENV",
    "PATH",
    "HOME",
    "AMQPTOOL_URL",
    "a=b",
    "a\nb",
    "",
    "Host",
]
TELL = "import os, sys, json; json.dump([sys.argv[1:], dict(os.environ)], open({file!r}, 'w'))"


def hostile(text: str) -> Delivery:
    """Make a delivery with the text wherever there is room for one."""
    return make_delivery(
        text.encode("utf-8", "surrogateescape"),
        exchange=text,
        routing_key=text,
        message_id=text,
        correlation_id=text,
        type=text,
        content_type=text,
        content_encoding=text,
        reply_to=text,
        headers=dict.fromkeys([*NAMES, text, "authorization", "x-forwarded-host", "traceparent"], text),
    )


async def handle(spec: str, delivery: Delivery) -> None:
    """Give one delivery to the handler that a text names."""
    handler = load_handler(spec)
    try:
        await handler.handle(delivery)  # type: ignore[misc]
    finally:
        await handler.close()  # type: ignore[misc]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_command_is_called_as_it_was_written(tmp_path: Path, text: str) -> None:
    """Its words are the same for every message, and the variables that it finds are ours and its user's."""
    text = text.format(owned=tmp_path / "owned") if "{" in text else text
    script = tmp_path / "tell.py"
    script.write_text(TELL.format(file=str(tmp_path / "told")))
    asyncio.run(handle(f"exec:{sys.executable} -I {script} fixed", hostile(text)))
    argv, told = json.loads((tmp_path / "told").read_text())
    asyncio.run(handle(f"exec:{sys.executable} -I {script} fixed", make_delivery()))
    _, usual = json.loads((tmp_path / "told").read_text())
    assert argv == ["fixed"]
    assert not (tmp_path / "owned").exists()
    assert {name for name in told if not name.startswith("AMQPTOOL_")} == {
        name for name in usual if not name.startswith("AMQPTOOL_")
    }
    assert {name: told[name] for name in usual if not name.startswith("AMQPTOOL_")} == {
        name: value for name, value in usual.items() if not name.startswith("AMQPTOOL_")
    }
    assert "AMQPTOOL_URL" not in told


class Asked:
    """A server that writes down each request as it came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        asked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # as http.server has it
                found: dict[str, list[str]] = {}
                for name, value in self.headers.items():
                    found.setdefault(name.lower(), []).append(value)
                asked.requests.append((self.path, found))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/fixed?also=this"


@pytest.fixture
def asked() -> Iterator[Asked]:
    """Give the server, running."""
    found = Asked()
    thread = Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_request_goes_where_the_url_says_with_our_headers_alone(asked: Asked, text: str) -> None:
    """One request, to the host and path of the URL; no header of the message's own becomes one of HTTP's."""
    asyncio.run(handle(asked.url, hostile(text)))
    [(path, headers)] = asked.requests
    assert path == "/fixed?also=this"
    assert headers["host"] == [asked.url.split("/")[2]]
    assert "authorization" not in headers
    assert {name for name in headers if name.lower() in map(str.lower, NAMES)} == {"host"}
    assert [name for name, values in headers.items() if len(values) != 1] == []
    assert "x-forwarded-host" not in headers
    assert unquote(headers["amqptool-routing-key"][0], errors="surrogateescape") == text


def test_a_password_of_the_url_is_not_overruled(asked: Asked) -> None:
    """A header of a message does not take the place of our login."""
    url = asked.url.replace("http://", "http://ann:pw@")
    asyncio.run(handle(url, make_delivery(headers={"Authorization": "Basic eA=="})))
    [(_, headers)] = asked.requests
    assert headers["authorization"] == ["Basic YW5uOnB3"]
