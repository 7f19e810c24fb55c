"""The HTTP service acts once for each request that it answers as done."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected

import pytest

from tests.faults.handlers import Misdeed, misdeed_of
from tests.faults.service import service

SEED = "7"


@pytest.fixture
def acted() -> list[str]:
    """Give the ids of messages that were acted on."""
    return []


@pytest.fixture
def connection(acted: list[str]) -> Iterator[HTTPConnection]:
    """Give a connection to a service."""
    with service(SEED, acted.append) as url:
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


def test_it_acts_and_says_so(connection: HTTPConnection, acted: list[str]) -> None:
    """Again and again on one connection."""
    assert [post(connection, each) for each in (None, Misdeed.SLOW)] == [204, 204]
    assert acted == ["a", "a"]


def test_what_fails_has_no_effect(connection: HTTPConnection, acted: list[str]) -> None:
    """The next attempt has, unless it always fails."""
    assert post(connection, Misdeed.RAISE) == 503
    assert post(connection, Misdeed.FAIL, attempt=2) == 503
    assert acted == []
    assert post(connection, Misdeed.RAISE, attempt=2) == 204


def test_what_gets_no_answer_has_no_effect(connection: HTTPConnection, acted: list[str]) -> None:
    """The connection is closed."""
    with pytest.raises(RemoteDisconnected):
        post(connection, Misdeed.HANG)
    assert acted == []
