"""How a handler is named, and what a worker takes for one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from amqptool import Delivery, HandlerError, load_handler
from amqptool.handlers import as_handler
from amqptool.handlers.command import CommandHandler
from amqptool.handlers.interface import Handler
from amqptool.handlers.python import AsyncHandler, BlockingHandler, python_handler
from amqptool.testing import make_delivery

MODULE = """
def sync(delivery): ...
async def coroutine(delivery): ...
def generator(delivery): yield
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory of installed packages, one of which offers handlers."""
    (tmp_path / "offering.py").write_text(MODULE)
    _offer(tmp_path, "first", "audit = offering:sync\nbroken = offering:nothing\ntwice = offering:sync")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def _offer(directory: Path, package: str, points: str) -> None:
    info = directory / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[amqptool.handlers]\n{points}\n")


def test_a_word_is_the_name_of_an_installed_handler(installed: Path) -> None:
    """As in the entry points of group `amqptool.handlers`."""
    assert installed.exists()
    assert type(load_handler("audit")) is BlockingHandler


def test_an_unknown_name_tells_the_known_ones(installed: Path) -> None:
    """And how else a handler can be written."""
    assert installed.exists()
    with pytest.raises(
        HandlerError, match=r"no handler 'nope' is installed \(installed: .*audit, broken.*\); .*:callable"
    ):
        load_handler("nope")


@pytest.mark.parametrize("spec", ["https:/ann:s3cret@a", "http//ann:s3cret@a/b", "ftp://ann:s3cret@a", "ann:s3cret@a"])
def test_what_is_nearly_a_url_is_not_repeated(spec: str) -> None:
    """It may hold a password."""
    with pytest.raises(HandlerError, match="begins with http:// or https://") as caught:
        load_handler(spec)
    assert "s3cret" not in str(caught.value)


def test_what_is_named_is_called_by_its_name(installed: Path) -> None:
    """The function itself says nothing to whoever has written the name."""
    assert installed.exists()
    with pytest.raises(HandlerError, match="handler 'offering:generator' is a generator"):
        load_handler("offering:generator")


def test_a_name_that_several_packages_offer_is_refused(installed: Path) -> None:
    """Nobody knows which one was meant, unless all mean the same."""
    _offer(installed, "second", "audit = offering:sync\ntwice = offering:coroutine")
    assert type(load_handler("audit")) is BlockingHandler
    with pytest.raises(
        HandlerError, match=r"several packages offer a handler 'twice': offering:coroutine, offering:sync"
    ):
        load_handler("twice")


def test_an_offer_that_cannot_be_loaded_is_an_error(installed: Path) -> None:
    """With what it points to."""
    assert installed.exists()
    with pytest.raises(HandlerError, match="'offering:nothing'"):
        load_handler("broken")


@pytest.mark.parametrize("spec", ["", ":", "module:", ":name", "ftp://host/x", "http:host", "shell:ls"])
def test_any_other_text_is_refused(spec: str) -> None:
    """A mistake is told before a message is taken."""
    with pytest.raises(HandlerError):
        load_handler(spec)


async def wait_for_ever(_delivery: Delivery) -> None:
    """Never return."""
    await asyncio.Event().wait()


def test_an_async_function_is_cancelled_when_it_takes_too_long() -> None:
    """That is a failed attempt."""
    with pytest.raises(HandlerError, match=r"not finished after 0\.01 seconds"):
        asyncio.run(python_handler(wait_for_ever, timeout=0.01).handle(make_delivery()))


def test_a_timeout_of_the_functions_own_stays_as_it_is() -> None:
    """Only ours is told as ours."""

    async def time_out(_delivery: Delivery) -> None:
        raise TimeoutError("the shop does not answer")

    with pytest.raises(TimeoutError, match="the shop"):
        asyncio.run(python_handler(time_out, timeout=60).handle(make_delivery()))


def test_a_blocking_function_takes_no_timeout() -> None:
    """A thread cannot be stopped, and its message must not be handed out beside it."""
    with pytest.raises(HandlerError, match="make it async"):
        python_handler(print, timeout=1)


class Own:
    """A handler of the user's, which can be called too."""

    stops_when_cancelled = True
    reads_ahead = True

    async def handle(self, delivery: Delivery) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def __call__(self, delivery: Delivery) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("given", "kind"),
    [(Own(), Own), (print, BlockingHandler), (wait_for_ever, AsyncHandler), ("exec:true", CommandHandler)],
)
def test_a_worker_takes_handlers_callables_and_texts(given: Any, kind: type) -> None:
    """Each becomes a handler."""
    handler = as_handler(given)
    assert type(handler) is kind
    assert isinstance(handler, (Handler, BlockingHandler))
