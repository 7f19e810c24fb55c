"""From items to messages: what is done is left out, what is bad is told, and the pace is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amqptool.errors import InputError
from amqptool.message import Message
from amqptool.publish import ids, making
from amqptool.publish.feed import Feed
from amqptool.publish.ledger import Ledger
from amqptool.publish.making import SourcedMessage
from amqptool.publish.rate import Pace, Playback
from amqptool.publish.report import Report
from amqptool.publish.sources.body import BodySource, RepeatedSource
from amqptool.publish.sources.interface import Source
from amqptool.publish.sources.lines import LineSource
from tests.support.virtual_time import Clock, VirtualLoop, advance

TEMPLATE = Message(body=b"-", exchange="e", routing_key="k", headers={"h": 1}, message_id="template", priority=3)


def fed(source: Source, make: making.MakeMessage, **settings: object) -> tuple[list[SourcedMessage], Report]:
    """Read a source to its end."""
    report = Report()

    async def scenario() -> list[SourcedMessage]:
        feed = Feed(source, make, Ledger(report), **settings)  # type: ignore[arg-type]
        return [message async for message in feed.messages(asyncio.Event())]

    return asyncio.run(scenario()), report


@pytest.fixture
def lines(tmp_path: Path) -> LineSource:
    """Give a source of four lines, of which the second is no record."""
    (tmp_path / "lines").write_text('{"body": "1"}\nx\n{"body": "3"}\n{"body": "4"}\n')
    return LineSource(str(tmp_path / "lines"))


def records() -> making.MakeMessage:
    """Give what makes messages of records."""
    return making.from_records(exchange=None, routing_key="k", make_id=None, replace_ids=False)


def test_each_item_is_a_message_like_the_template() -> None:
    """Body, id and number are its own, everything else is the template's."""
    messages, _ = fed(RepeatedSource(BodySource(b"x"), 2), making.like(TEMPLATE, ids.uuid4_ids()))
    assert [(each.body, each.number, each.exchange, each.routing_key) for each in messages] == [
        (b"x", 1, "e", "k"),
        (b"x", 2, "e", "k"),
    ]
    assert [(each.headers, each.priority) for each in messages] == [({"h": 1}, 3)] * 2
    assert len({each.message_id for each in messages} | {"template"}) == 3


def test_without_ids_a_message_has_the_templates() -> None:
    """A single message keeps the id that it was given."""
    messages, _ = fed(BodySource(b"x"), making.like(TEMPLATE, None))
    assert [each.message_id for each in messages] == ["template"]


def test_what_is_done_is_left_out(lines: LineSource) -> None:
    """Not even a bad item is looked at."""
    messages, report = fed(lines, records(), done={1, 2, 4})
    assert ([each.number for each in messages], report.bad) == ([3], 0)


def test_a_bad_item_ends_the_input(lines: LineSource) -> None:
    """Its place and reason are raised, and told."""
    seen: list[int] = []
    report = Report()

    async def scenario() -> None:
        async for message in Feed(lines, records(), Ledger(report)).messages(asyncio.Event()):
            seen.append(message.number)

    with pytest.raises(InputError, match="lines:2: not valid JSON"):
        asyncio.run(scenario())
    assert (seen, report.bad) == ([1], 1)


def test_a_bad_item_may_be_skipped(lines: LineSource) -> None:
    """It is told, and the others go on under their numbers."""
    messages, report = fed(lines, records(), skip_bad=True)
    assert [each.number for each in messages] == [1, 3, 4]
    assert [str(error).split(": ")[0][-7:] for error in report.bad_items] == ["lines:2"]


def test_a_template_that_is_bad_once_is_bad_once() -> None:
    """A body that cannot be filled is refused for each repetition, and a file that cannot be read only once."""
    make = making.filled(TEMPLATE, ids.uuid4_ids())
    messages, report = fed(RepeatedSource(BodySource(b"{{nope}}"), 3), make, skip_bad=True)
    assert (messages, report.bad) == ([], 3)
    messages, report = fed(RepeatedSource(_Unreadable(b""), 3), make, skip_bad=True)
    assert (messages, report.bad) == ([], 1)


class _Unreadable(BodySource):
    async def items(self, stop: asyncio.Event) -> AsyncIterator[tuple[int, OSError]]:  # type: ignore[override]
        del stop
        yield 1, OSError("cannot be read")


def test_the_pace_decides_when_each_goes() -> None:
    """A hundred a second: the clock at each message is ten milliseconds after the last, at least."""
    times: list[float] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        source = RepeatedSource(BodySource(b""), 6)
        feed = Feed(source, making.like(TEMPLATE, None), Ledger(Report()), pace=Pace(100), clock=loop.time)
        async for _ in feed.messages(asyncio.Event()):
            times.append(loop.time())

    asyncio.run(scenario())
    assert times[-1] - times[0] >= 0.049


def test_stop_ends_a_wait_for_the_pace() -> None:
    """Told to stop within a long wait, no further message comes."""

    async def scenario() -> list[int]:
        stop = asyncio.Event()
        source = RepeatedSource(BodySource(b""), 2)
        feed = Feed(source, making.like(TEMPLATE, None), Ledger(Report()), pace=Pace(0.0001))
        seen = []
        async for message in feed.messages(stop):
            seen.append(message.number)
            asyncio.get_running_loop().call_soon(stop.set)
        return seen

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == [1]


def test_a_recording_decides_when_each_goes(tmp_path: Path) -> None:
    """Twice as fast as it was recorded, by a clock that only the test moves."""
    times = ("13:00:00Z", "13:00:01Z", "14:00:03+01:00")
    (tmp_path / "lines").write_text("".join(f'{{"body": "", "received_at": "2026-11-26T{time}"}}\n' for time in times))
    make = making.from_records(exchange=None, routing_key="k", make_id=None, replace_ids=False, timed=True)
    source = LineSource(str(tmp_path / "lines"))
    clock = Clock()
    loop = VirtualLoop(clock)
    sent: list[float] = []
    began = clock()

    async def scenario() -> None:
        feed = Feed(source, make, Ledger(Report()), playback=Playback(2), clock=clock)
        async for _ in feed.messages(asyncio.Event()):
            sent.append(clock() - began)

    task = loop.create_task(scenario())
    advance(clock, 60, lambda: [loop])
    assert task.done()
    loop.close()
    assert sent == pytest.approx([0, 0.5, 1.5])


@pytest.mark.parametrize("time", ["", ', "received_at": "2026-11-26T13:00:00"', ', "received_at": 5'])
def test_a_recording_says_when_each_came(tmp_path: Path, time: str) -> None:
    """A record without its time, or with one that says nothing, is refused by its line."""
    (tmp_path / "lines").write_text(f'{{"body": "x"{time}}}\n')
    make = making.from_records(exchange=None, routing_key="k", make_id=None, replace_ids=False, timed=True)
    with pytest.raises(InputError, match=r"lines:1: .*'received_at'"):
        fed(LineSource(str(tmp_path / "lines")), make)
