"""A TCP proxy before a broker, on which a test brings down whatever a network may do."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

#: Bytes that are passed on at a time.
CHUNK = 65_536
#: Closing a socket with this set resets the connection.
_LINGER_0 = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Conditions:
    """How one direction passes bytes on."""

    #: Seconds that each piece takes longer.
    latency: float = 0.0
    bytes_per_second: float | None = None
    #: Nothing arrives, and nobody is told.
    is_black_hole: bool = False
    #: After so many bytes more, of all connections together, the one that carries the last is reset.
    cut_after: int | None = None

    @property
    def holds_up(self) -> bool:
        """Whether a piece of data takes longer."""
        return self.is_black_hole or self.latency > 0 or self.bytes_per_second is not None


CALM = Conditions()


@dataclass(slots=True)
class _Direction:
    conditions: Conditions = CALM
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, conditions: Conditions) -> None:
        self.conditions = conditions
        self.changed.set()

    async def until_open(self) -> None:
        while self.conditions.is_black_hole:
            self.changed.clear()
            await self.changed.wait()

    def take_from_cut(self, size: int) -> bool:
        """Count bytes, and return whether they are too many."""
        left = self.conditions.cut_after
        if left is None:
            return False
        self.conditions = replace(self.conditions, cut_after=None if size >= left else left - size)
        return size >= left


class FaultProxy:
    """Passes connections on to a port, as well as it is told to; its methods may be called from any thread.

    It listens at an address of this machine, on a port of its own if none is given.
    """

    def __init__(self, target: int, *, address: str = "127.0.0.1", port: int = 0) -> None:
        self._target = target
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        #: How many connections it has reset, and pieces of data it has held up.
        self.bites = 0
        self._thread.start()
        #: Towards the broker, and from it.
        self._there, self._back = self._run(self._make_directions())
        #: Where it listens.
        self.port = port
        self.accept()

    @property
    def connections(self) -> int:
        """How many connections it has open."""
        return len(self._pairs)

    def accept(self) -> None:
        """Listen, on the same port as ever."""
        self._run(self._listen())

    def refuse(self) -> None:
        """Listen no more: who connects is refused."""
        self._run(self._stop_listening())

    def condition(self, *, there: Conditions | None = None, back: Conditions | None = None) -> None:
        """Change the conditions towards the broker, or from it, for what is open and what will be."""
        self._run(self._change(there, back))

    def reset(self) -> None:
        """Reset every connection."""
        self._run(self._reset_all())

    def close(self) -> None:
        """End it, and every connection."""
        self._run(self._stop_listening())
        self._run(self._reset_all())
        self._run(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _make_directions(self) -> tuple[_Direction, _Direction]:
        return _Direction(), _Direction()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self._address, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _change(self, there: Conditions | None, back: Conditions | None) -> None:
        if there is not None:
            self._there.become(there)
        if back is not None:
            self._back.become(back)

    async def _reset_all(self) -> None:
        for pair in tuple(self._pairs):
            self._bite(pair)

    def _bite(self, pair: tuple[asyncio.StreamWriter, ...]) -> None:
        self.bites += 1
        _reset(pair)

    async def _end_tasks(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset((writer,))
            return
        pair = writer, far_writer
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pass_on(reader, far_writer, self._there, pair),
                self._pass_on(far_reader, writer, self._back, pair),
            )
        finally:
            self._pairs.discard(pair)
            _reset(pair)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: _Direction,
        pair: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        try:
            while chunk := await reader.read(CHUNK):
                self.bites += direction.conditions.holds_up
                await direction.until_open()
                await asyncio.sleep(direction.conditions.latency)
                if direction.take_from_cut(len(chunk)):
                    self._bite(pair)
                    return
                writer.write(chunk)
                await writer.drain()
                if direction.conditions.bytes_per_second is not None:
                    await asyncio.sleep(len(chunk) / direction.conditions.bytes_per_second)
            await direction.until_open()
            writer.write_eof()
        except OSError:  # who resets one side resets the other, whatever becomes of the way back
            await direction.until_open()
            _reset((writer,))


@contextmanager
def fault_proxy(target: int, *, address: str = "127.0.0.1", port: int = 0) -> Iterator[FaultProxy]:
    """Give a proxy before a port of this machine."""
    proxy = FaultProxy(target, address=address, port=port)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def fault_proxies(ports: Sequence[int]) -> Iterator[list[FaultProxy]]:
    """Give a proxy before each of some ports."""
    with ExitStack() as stack:
        yield [stack.enter_context(fault_proxy(port)) for port in ports]


def _reset(writers: tuple[asyncio.StreamWriter, ...]) -> None:
    for writer in writers:
        plain = writer.get_extra_info("socket")
        if plain is not None and plain.fileno() >= 0:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        writer.transport.abort()
