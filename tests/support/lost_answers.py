"""A TCP proxy before a server, which loses an answer when told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class AnswerLoser:
    """Forwards everything, until it is told to lose the next answer: then it cuts the connection instead."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: Whether the next answer is to be lost.
        self.armed = False
        #: What a client says whose answer is to be lost.
        self.said: bytes | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more clients."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._copy, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._copy, args=(server, client, True), daemon=True).start()

    def _copy(self, source: socket.socket, destination: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while (chunk := source.recv(65536)) and not (answers and self.armed):
                if not answers and self.said is not None and self.said in chunk:
                    self.armed, self.said = True, None
                destination.sendall(chunk)
        if answers:
            self.armed = False
        for end in (source, destination):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            if answers:
                end.close()


@contextmanager
def answer_loser(port: int) -> Iterator[AnswerLoser]:
    """Stand before a server."""
    proxy = AnswerLoser(port)
    try:
        yield proxy
    finally:
        proxy.close()
