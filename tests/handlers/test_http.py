"""HTTP handlers against a real server."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import trustme
from aiohttp import web
from opentelemetry import trace

from amqptool import Delivery, HandlerError, Reject, Retry, load_handler
from amqptool.handlers.http import LONGEST_BODY
from amqptool.handlers.http_headers import LONGEST_HEADERS
from amqptool.testing import make_delivery

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A server that answers as it is told, and remembers what it was asked."""

    port: int
    bodies: list[bytes] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)


async def done(_request: web.Request) -> web.Response:
    """Answer that it is done."""
    return web.Response(text="ok")


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run a server."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])

    async def handle(request: web.Request) -> web.StreamResponse:
        server.bodies.append(await request.read())
        server.requests.append(request)
        server.connections.add(request.transport)
        return await answer(request)

    application = web.Application(client_max_size=2**30)
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, auto_decompress=False)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls).start()
    try:
        yield server
    finally:
        await runner.cleanup()


def post(
    *deliveries: Delivery, answer: Answer = done, url: str = "http://localhost:{port}/hook", **settings: Any
) -> Server:
    """Handle deliveries, one after the other."""

    async def scenario() -> Server:
        async with serving(answer) as server:
            handler = load_handler(url.format(port=server.port), **settings)
            try:
                for delivery in deliveries or (make_delivery(),):
                    await handler.handle(delivery)
            finally:
                await handler.close()
        return server

    return asyncio.run(scenario())


# -- the request --


def test_the_body_is_posted_with_what_is_known_of_it() -> None:
    """Type and encoding in HTTP's own headers, the rest in ours, and the id against doing it twice."""
    delivery = make_delivery(
        gzip.compress(b"{}"),
        queue="orders",
        exchange="shop",
        routing_key="order.paid",
        message_id="m-1",
        content_type="application/json",
        content_encoding="gzip",
        headers={"tenant": "ä", "traceparent": PARENT, "tracestate": "x=1"},
        attempt=2,
    )
    [request] = post(delivery).requests
    headers = request.headers
    assert (request.method, request.path) == ("POST", "/hook")
    assert (headers["Content-Type"], headers["Content-Encoding"]) == ("application/json", "gzip")
    assert headers["Idempotency-Key"] == headers["Amqptool-Message-Id"] == "m-1"
    assert (headers["Amqptool-Exchange"], headers["Amqptool-Routing-Key"]) == ("shop", "order.paid")
    assert (headers["Amqptool-Queue"], headers["Amqptool-Attempt"]) == ("orders", "2")
    assert (headers["traceparent"], headers["tracestate"]) == (PARENT, "x=1")
    assert json.loads(unquote(headers["Amqptool-Headers"]))["tenant"] == "ä"
    assert headers["User-Agent"].startswith("amqptool/")


def test_the_server_is_told_of_the_active_span() -> None:
    """Where there is one, it is the parent of what the server does; what is no context is not passed on."""
    message = make_delivery(headers={"traceparent": PARENT})
    with trace.use_span(trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))):
        [request] = post(message).requests
    assert request.headers["traceparent"] == f"00-{1:032x}-{2:016x}-00"
    [request] = post(make_delivery(headers={"traceparent": "00-a-b-01", "tracestate": "x=1"})).requests
    assert {"traceparent", "tracestate"}.isdisjoint(request.headers)


@pytest.mark.parametrize("body", [b"", b"\0\xff\n", b"x" * 3_000_000])
def test_the_body_arrives_as_it_is(body: bytes) -> None:
    """To the byte, whatever its size."""
    assert post(make_delivery(body)).bodies == [body]


def test_headers_hold_any_text() -> None:
    """What an HTTP header cannot hold is percent-encoded, and can be decoded; nothing is slipped in."""
    key = "a b\r\nX-Slipped: in\0ü%41"
    [request] = post(make_delivery(routing_key=key, message_id="ü", content_type="a/b; c=1\r\nX-Slipped: in")).requests
    assert unquote(request.headers["Amqptool-Routing-Key"]) == key
    assert request.headers["Content-Type"] == "a/b; c=1%0D%0AX-Slipped: in"
    assert "X-Slipped" not in request.headers


def test_what_is_absent_is_not_sent() -> None:
    """No id, no key; and a charset is no content coding."""
    [request] = post(make_delivery(message_id=None, content_encoding="utf-8")).requests
    assert {"Idempotency-Key", "Content-Encoding", "Amqptool-Type", "traceparent"}.isdisjoint(request.headers)


def test_headers_that_are_too_long_are_left_out() -> None:
    """Servers refuse them; the message is handled all the same."""
    [request] = post(make_delivery(headers={"long": "x" * LONGEST_HEADERS})).requests
    assert "Amqptool-Headers" not in request.headers


@pytest.mark.parametrize(
    ("body", "encoding", "sent"),
    [(b"x" * 2000, None, "gzip"), (b"x" * 1000, None, None), (b"x" * 2000, "br", "br")],
)
def test_bodies_are_compressed_where_it_pays(body: bytes, encoding: str | None, sent: str | None) -> None:
    """Not small ones, and none that is encoded already."""
    server = post(make_delivery(body, content_encoding=encoding), gzip=True)
    assert server.requests[0].headers.get("Content-Encoding") == sent
    assert (gzip.decompress(server.bodies[0]) if sent == "gzip" else server.bodies[0]) == body


def test_a_password_is_sent_and_never_shown() -> None:
    """As basic authentication; errors and repr name the server alone."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    server = post(url="http://us%C3%A9r:S3cr%2Ft@localhost:{port}/token?key=k")
    assert server.requests[0].headers["Authorization"] == "Basic dXPDqXI6UzNjci90"
    assert server.requests[0].path_qs == "/token?key=k"
    with pytest.raises(Reject) as caught:
        post(answer=refuse, url="http://user:S3cret@localhost:{port}/token?key=k")
    assert "S3cret" not in str(caught.value)
    assert "token" not in str(caught.value)
    assert repr(load_handler("http://user:S3cret@host/token")) == "HttpHandler('http://host')"


def test_connections_are_used_again() -> None:
    """One connection is enough for one message at a time."""
    assert len(post(*(make_delivery() for _ in range(20))).connections) == 1


# -- the response --


def status(code: int, **settings: Any) -> Answer:
    """Return an answer with a status."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=code, **settings)

    return answer


def test_a_server_that_is_busy_says_for_how_long() -> None:
    """Retry-After becomes the wait."""
    with pytest.raises(Retry, match=r"http://localhost:[0-9]+ answered 503: full") as caught:
        post(answer=status(503, text="full", headers={"Retry-After": "30"}))
    assert caught.value.after == 30


def test_a_redirect_is_not_followed() -> None:
    """It might lead anywhere; the server is asked once."""
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    with pytest.raises(HandlerError, match="answered 307, and redirects are not followed"):
        post(answer=redirect)
    assert asked == ["/hook"]


def test_cookies_are_not_kept() -> None:
    """What one message brings about does not go out with the next."""
    server = post(make_delivery(), make_delivery(), answer=status(200, headers={"Set-Cookie": "a=b"}))
    assert "Cookie" not in server.requests[1].headers


async def endless(request: web.Request) -> web.StreamResponse:
    """Answer 200, and a body that never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * LONGEST_BODY)


async def stalling(request: web.Request) -> web.StreamResponse:
    """Answer 200, and never end the body."""
    response = web.StreamResponse()
    await response.prepare(request)
    await asyncio.Event().wait()
    return response


@pytest.mark.parametrize("answer", [endless, stalling])
def test_success_does_not_wait_for_the_end_of_a_body(answer: Answer) -> None:
    """The status has said that the message is handled; its connection is given up."""
    assert len(post(make_delivery(), make_delivery(), answer=answer).connections) == 2


def test_an_answer_that_does_not_come_is_a_failed_attempt() -> None:
    """After the time that a message may take."""

    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    with pytest.raises(HandlerError, match=r"not finished after 0\.2 seconds"):
        post(answer=never, timeout=0.2)


def test_a_connection_that_breaks_is_a_failed_attempt() -> None:
    """Nobody knows what the server did; the id tells it that this was asked before."""

    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with pytest.raises(HandlerError, match="no answer from http://localhost:"):
        post(answer=hang_up)


def test_a_server_that_is_not_there_is_a_failed_attempt() -> None:
    """With the reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HandlerError, match=f"no answer from http://127.0.0.1:{port}: .*Connect call failed"):
        post(url=f"http://127.0.0.1:{port}/")


def test_what_does_not_speak_http_is_a_failed_attempt() -> None:
    """And the whole URL is not shown."""

    async def scenario() -> None:
        async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 smtp ready\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            handler = load_handler(f"http://127.0.0.1:{port}/token")
            with pytest.raises(HandlerError, match=r"does not speak HTTP$"):
                await handler.handle(make_delivery())
            await handler.close()

    asyncio.run(scenario())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL says where messages go, and nothing else."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert len(post().requests) == 1


# -- TLS --


def post_over_tls(
    host: str, certificate_for: str, trusted: trustme.CA, tmp_path: Path, patch: pytest.MonkeyPatch
) -> int:
    """Post to a server, of an unknown authority if its certificate is for nobody; return how often it was asked."""
    authority = trusted if certificate_for else trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certificate_for or host).configure_cert(tls)
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    patch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def scenario() -> int:
        async with serving(done, tls) as server:
            handler = load_handler(f"https://{host}:{server.port}/")
            try:
                await handler.handle(make_delivery())
            finally:
                await handler.close()
        return len(server.requests)

    return asyncio.run(scenario())


def test_tls_is_spoken_with_whom_it_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a trusted authority, for this host."""
    assert post_over_tls("localhost", "localhost", trustme.CA(), tmp_path, monkeypatch) == 1


@pytest.mark.parametrize("certificate_for", ["", "other.example"])
def test_nobody_else_gets_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate_for: str) -> None:
    """Neither a server of an unknown authority, nor one with another name."""
    with pytest.raises(HandlerError, match="certificate verify failed"):
        post_over_tls("localhost", certificate_for, trustme.CA(), tmp_path, monkeypatch)


# -- the URL --


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "https:///path", "http://:S3cret@/", "http://u:S3cret@host:port/", "http://u:S3cret@[::1/"),
        "http://u:S3cret@xn--a/",  # nothing that IDNA makes
    ],
)
def test_a_wrong_url_is_refused_at_once(url: str) -> None:
    """Without showing any of it."""
    with pytest.raises(HandlerError) as caught:
        load_handler(url)
    assert "S3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_compression_is_for_http_alone() -> None:
    """Elsewhere it means nothing."""
    with pytest.raises(HandlerError, match="URLs"):
        load_handler("exec:true", gzip=True)
