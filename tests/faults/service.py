"""A small HTTP service to which a worker posts its messages; what it does about them is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.faults.handlers import SLOW, Misdeed, misdeed_at

#: Tells which process connects to it.
Asking = Callable[[], int]
#: Told the id of each message, and who asked for it, once it has acted on it and before it says so.
Act = Callable[[str, int], object]


@contextmanager
def service(seed: str, asking: Asking, act: Act) -> Iterator[str]:
    """Give the URL of a service that acts on what is posted to it; some messages bring misdeeds with them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            """Note who connects, who may be dead before all is done that it asks for."""
            self.process = asking()
            super().setup()

        def do_POST(self) -> None:
            """Act on a message, or fail as the seed has it."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            match misdeed_at(int(self.headers["Amqptool-Attempt"]), body, seed):
                case Misdeed.RAISE | Misdeed.FAIL:
                    self._answer(503)
                    return
                case Misdeed.HANG | Misdeed.EXIT:
                    self.close_connection = True  # without an answer
                    return
                case Misdeed.SLOW:
                    time.sleep(SLOW)
            act(self.headers["Idempotency-Key"], self.process)
            self._answer(204)

        def _answer(self, status: int) -> None:
            with suppress(OSError):  # who asked may be gone
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 100

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of connections that break."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
