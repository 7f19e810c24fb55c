"""The one broker, of several or of what etcd says, that is gone on with."""

from __future__ import annotations

import asyncio

import pytest

from amqptool import AmqpUrl, BrokerUnavailable, ConfigError, parse_url
from amqptool.broker.answering import first_to_answer
from tests.support.etcd import PrivateEtcd

AWAY = "amqp://127.0.0.1:1"


def test_the_only_one_is_not_asked() -> None:
    """What it is wanted for will tell whether it is there."""
    assert asyncio.run(first_to_answer(AWAY)) == parse_url(AWAY)


def test_of_several_the_first_that_answers_is_chosen(amqptool_vhost: AmqpUrl) -> None:
    """However they are given."""
    for urls in (f"{AWAY},{amqptool_vhost.reveal()}", [AWAY, amqptool_vhost, AWAY]):
        assert asyncio.run(first_to_answer(urls)) == amqptool_vhost


def test_etcd_is_asked_each_time(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """For one broker, or for several."""
    for value in (amqptool_vhost.reveal(), f"{AWAY},{amqptool_vhost.reveal()}"):
        etcd.put(value)
        assert asyncio.run(first_to_answer(etcd.url)) == amqptool_vhost


def test_several_of_which_none_answers_are_an_error() -> None:
    """Which names all of them."""
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1.*; .*127\.0\.0\.1:2"):
        asyncio.run(first_to_answer(f"{AWAY},amqp://127.0.0.1:2"))


def test_a_key_that_is_not_there_is_an_error(etcd: PrivateEtcd) -> None:
    """Nobody says then where the broker is."""
    with pytest.raises(ConfigError, match="there is no key"):
        asyncio.run(first_to_answer(etcd.url))
