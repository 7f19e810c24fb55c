"""The way to a broker, on which AMQP's frames are told apart, counted, held and dropped."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum

from amqptool import AmqpUrl


class Frame(Enum):
    """A method of AMQP's class `basic` on its way: whether to the broker, and its number."""

    PUBLISH = True, 40
    DELIVERY = False, 60
    ACK = True, 80
    CONFIRM = False, 80
    REJECT = True, 90
    NACK = True, 120


_FRAMES = {frame.value: frame for frame in Frame}
#: Type of a frame that holds a method, and number of the class `basic`.
_METHOD, _BASIC = 1, 60
#: Seconds until a frame must have come, and connections must have ended.
_PATIENCE = 60.0


@dataclass(slots=True)
class _Strike:
    """What is to happen at some frame of a kind."""

    frame: Frame
    number: int
    #: How often, each time so many frames later; None: once, and nothing passes any more.
    cuts: int | None
    seen: int = 0

    def comes(self, frame: Frame) -> bool:
        """Count a frame, and return whether this is it."""
        self.seen += frame is self.frame
        if self.seen < self.number or self.cuts == 0:
            return False
        self.seen = 0
        return True


class Wire:
    """Passes frames on, on any number of connections."""

    def __init__(self, url: AmqpUrl) -> None:
        self._target = url.host, url.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        #: Where clients find the broker.
        self.url = replace(url, host="127.0.0.1", port=self._listener.getsockname()[1])
        #: The methods that have passed, in their order.
        self.passed: list[Frame] = []
        self._strike: _Strike | None = None
        self._lock = threading.Lock()
        self._held, self._dropped = threading.Event(), threading.Event()
        # Connections of earlier ones pass nothing on any more.
        self._generation = 0
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def hold_at(self, frame: Frame, number: int) -> None:
        """Let nothing pass any more, from some frame of a kind on."""
        self._held.clear()
        self._dropped.clear()
        self._strike = _Strike(frame, number, cuts=None)

    def wait(self) -> None:
        """Wait until that frame has come."""
        assert self._held.wait(_PATIENCE), "the frame has not come"

    def drop(self) -> None:
        """Drop what is held, and all connections; new ones are passed on."""
        with self._lock:
            self._generation += 1
            self._strike = None
            self._held.clear()
        self._dropped.set()

    def cut_at(self, frame: Frame, number: int, times: int) -> None:
        """Drop each so-many-th frame of a kind, and the connection with it, a number of times."""
        self._strike = _Strike(frame, number, cuts=times)

    @property
    def cuts_left(self) -> int:
        """How many cuts have not come yet."""
        return (self._strike and self._strike.cuts) or 0

    def close(self) -> None:
        """End it, and every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self.drop()
        for client in self._clients:
            _end(client)
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client, self._generation)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket, generation: int) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pass_on, args=(server, client, False, generation))
            back.start()
            with suppress(OSError):
                server.sendall(_read(client, 8))  # the protocol header
            self._pass_on(client, server, True, generation)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, to_broker: bool, generation: int) -> None:
        with suppress(OSError):
            while (frame := _read_frame(source)) and self._passes(frame, to_broker, generation):
                target.sendall(frame)
        _end(source)
        _end(target)

    def _passes(self, raw: bytes, to_broker: bool, generation: int) -> bool:
        with self._lock:
            if generation == self._generation and not self._held.is_set() and not self._is_struck(raw, to_broker):
                return True
        if self._held.is_set():
            self._dropped.wait()
        return False

    def _is_struck(self, raw: bytes, to_broker: bool) -> bool:
        frame = _frame_of(raw, to_broker)
        if frame is None:
            return False
        if self._strike is None or not self._strike.comes(frame):
            self.passed.append(frame)
            return False
        if self._strike.cuts is None:
            self._held.set()
        else:
            self._strike.cuts -= 1
        return True


@contextmanager
def wire_to(url: AmqpUrl) -> Iterator[Wire]:
    """Give a way to a broker."""
    wire = Wire(url)
    try:
        yield wire
    finally:
        wire.close()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _read_frame(source: socket.socket) -> bytes:
    """Return a whole frame, with its end; nothing at the end of a connection."""
    header = _read(source, 7)
    if len(header) < 7:
        return b""
    return header + _read(source, struct.unpack(">BHI", header)[2] + 1)


def _read(source: socket.socket, size: int) -> bytes:
    return source.recv(size, socket.MSG_WAITALL)


def _frame_of(raw: bytes, to_broker: bool) -> Frame | None:
    kind, class_number, method = struct.unpack_from(">B6xHH", raw + bytes(4))
    return _FRAMES.get((to_broker, method)) if (kind, class_number) == (_METHOD, _BASIC) else None
