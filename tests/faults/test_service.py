"""The HTTP service acts once for each request that it answers as done."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected

import pytest

from tests.faults.handlers import Misdeed, misdeed_of
from tests.faults.service import service

SEED = "7"


@pytest.fixture
def acted() -> list[tuple[str, int]]:
    """Give the ids of messages that were acted on, each with the process that asked for it."""
    return []


@pytest.fixture
def asking() -> list[int]:
    """Give the processes that have asked, of which the last one connects now."""
    return [1]


@pytest.fixture
def connection(acted: list[tuple[str, int]], asking: list[int]) -> Iterator[HTTPConnection]:
    """Give a connection to a service."""
    with service(SEED, lambda: asking[-1], lambda *done: acted.append(done)) as url:
        connection = HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=20)
        yield connection
        connection.close()


def post(connection: HTTPConnection, misdeed: Misdeed | None, attempt: int = 1) -> int:
    """Post the first body that brings this misdeed with it."""
    body = next(b"%d" % each for each in range(10_000) if misdeed_of(b"%d" % each, SEED) is misdeed)
    connection.request("POST", "/", body, {"Idempotency-Key": "a", "Amqptool-Attempt": str(attempt)})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_it_acts_and_says_so(connection: HTTPConnection, acted: list[tuple[str, int]]) -> None:
    """Again and again on one connection."""
    assert [post(connection, each) for each in (None, Misdeed.SLOW)] == [204, 204]
    assert acted == [("a", 1), ("a", 1)]


def test_who_has_connected_asks(connection: HTTPConnection, acted: list[tuple[str, int]], asking: list[int]) -> None:
    """Also after the next process has begun, as when one is killed that still has something done."""
    assert post(connection, None) == 204
    asking.append(2)
    assert post(connection, Misdeed.SLOW) == 204
    assert acted == [("a", 1), ("a", 1)]


def test_what_fails_has_no_effect(connection: HTTPConnection, acted: list[tuple[str, int]]) -> None:
    """The next attempt has, unless it always fails."""
    assert post(connection, Misdeed.RAISE) == 503
    assert post(connection, Misdeed.FAIL, attempt=2) == 503
    assert acted == []
    assert post(connection, Misdeed.RAISE, attempt=2) == 204


def test_what_gets_no_answer_has_no_effect(connection: HTTPConnection, acted: list[tuple[str, int]]) -> None:
    """The connection is closed."""
    with pytest.raises(RemoteDisconnected):
        post(connection, Misdeed.HANG)
    assert acted == []
