"""A broker's end of a connection that speaks AMQP well but for one moment, in a process of its own."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from pika import frame, spec

from tests.fuzz import mutate, tables

#: Seconds without a word after which the peer, once it has misbehaved, hangs up.
SILENCE = 0.15
_CAPABILITIES = {"publisher_confirms": True, "consumer_cancel_notify": True, "basic.nack": True}
_END = b"\xce"
_ANSWERS: dict[type, Any] = {
    spec.Connection.StartOk: lambda _: spec.Connection.Tune(10, 131072, 0),
    spec.Connection.Open: lambda _: spec.Connection.OpenOk(),
    spec.Connection.Close: lambda _: spec.Connection.CloseOk(),
    spec.Channel.Open: lambda _: spec.Channel.OpenOk(),
    spec.Channel.Close: lambda _: spec.Channel.CloseOk(),
    spec.Confirm.Select: lambda _: spec.Confirm.SelectOk(),
    spec.Basic.Qos: lambda _: spec.Basic.QosOk(),
    spec.Basic.Consume: lambda asked: spec.Basic.ConsumeOk(asked.consumer_tag or "t"),
    spec.Basic.Cancel: lambda asked: spec.Basic.CancelOk(asked.consumer_tag),
    spec.Queue.Declare: lambda asked: spec.Queue.DeclareOk(asked.queue, 3, 0),
    spec.Exchange.Declare: lambda _: spec.Exchange.DeclareOk(),
    spec.Queue.Bind: lambda _: spec.Queue.BindOk(),
}


def serve_in_child(listener: socket.socket, random: Random, *, misdeed: int, note: Path) -> int:
    """Start a process that plays to whoever connects, and return its id.

    The so-many-th answer that it gives to its first client is its misdeed; of that there is then a note.
    """
    pid = os.fork()
    if pid == 0:
        try:
            _serve(listener, random, misdeed, note)
        finally:
            os._exit(0)
    return pid


def _serve(listener: socket.socket, random: Random, misdeed: int, note: Path) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            _Conversation(connection, random, misdeed, note).hold()
        misdeed = 0  # from now on it behaves


class _Conversation:
    """One connection; at its `misdeed`-th answer it misbehaves."""

    def __init__(self, connection: socket.socket, random: Random, misdeed: int, note: Path) -> None:
        self._socket = connection
        self._random = random
        self._left, self._note = misdeed, note
        self._published = 0

    def hold(self) -> None:
        """Answer until the client goes, or has nothing to say to a misdeed."""
        received = self._socket.recv(8)
        self._answer(_method(0, spec.Connection.Start(0, 9, {"capabilities": _CAPABILITIES}, "PLAIN", "en_US")))
        received = received[8:]
        while chunk := self._socket.recv(65536):
            received += chunk
            while True:
                size, each = frame.decode_frame(received)
                if each is None:
                    break
                received = received[size:]
                for answer in self._answers(each):
                    self._answer(answer)

    def _answers(self, asked: Any) -> Iterator[bytes]:
        method, channel = getattr(asked, "method", None), asked.channel_number
        if type(method) in _ANSWERS:
            yield _method(channel, _ANSWERS[type(method)](method))
        if isinstance(method, spec.Basic.Publish):
            self._published += 1
            yield _method(channel, spec.Basic.Ack(self._published))
        if isinstance(method, spec.Basic.Consume):
            for number in range(1, 4):
                yield self._delivery(channel, method.consumer_tag or "t", number)

    def _delivery(self, channel: int, tag: str, number: int) -> bytes:
        body = self._random.randbytes(self._random.randrange(20))
        method = _method(channel, spec.Basic.Deliver(tag, number, False, "", "q"))
        header = struct.pack(">HHQ", 60, 0, len(body)) + tables.properties(self._random)
        return method + _frame(2, channel, header) + (_frame(3, channel, body) if body else b"")

    def _answer(self, answer: bytes) -> None:
        self._left -= 1
        if self._left == 0:
            self._note.touch()
            answer = self._random.choice(_MISDEEDS)(self._random, answer)
            self._socket.settimeout(SILENCE)
        self._socket.sendall(answer)


def _method(channel: int, method: Any) -> bytes:
    return frame.Method(channel, method).marshal()


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + _END


# -- misdeeds --


def _mangled(random: Random, answer: bytes) -> bytes:
    return mutate.octets(random, answer, answer)


def _mangled_within(random: Random, answer: bytes) -> bytes:
    """Change what is in the first frame, and frame it well."""
    kind, channel, size = struct.unpack(">BHI", answer[:7])
    payload = mutate.octets(random, answer[7 : 7 + size], random.randbytes(20))
    return _frame(kind, channel, payload) + answer[8 + size :]


def _none(random: Random, answer: bytes) -> bytes:
    del random, answer
    return b""


def _unasked(random: Random, answer: bytes) -> bytes:
    """Say something that was not asked for, before the answer, after it, or in its place."""
    other = _frame(1, random.choice((0, 0, 1, 1, 2, 65535)), tables.method(random))
    return random.choice((other + answer, answer + other, other))


def _framed_oddly(random: Random, answer: bytes) -> bytes:
    kind, channel = random.choice((0, 1, 2, 3, 4, 8, 65, 255)), random.choice((0, 1, 7, 65535))
    size = random.choice((0, 1, 4096, 131_072, 200_000, 2**31, 2**32 - 1))
    odd = struct.pack(">BHI", kind, channel, size) + bytes(min(size, 200_000)) + random.choice((_END, b"\x00", b""))
    return random.choice((odd + answer, answer + odd))


def _another_protocol(random: Random, answer: bytes) -> bytes:
    del answer
    return random.choice(
        (b"AMQP\x00\x01\x00\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x50", b"\x00" * 100)
    )


_MISDEEDS = (*[_mangled] * 3, *[_mangled_within] * 4, *[_unasked] * 4, _none, _framed_oddly, _another_protocol)
