# test_announcing.py
import pytest
from announcing import Announcer

from amqptool import Message, Reject, Worker
from amqptool.testing import assert_routes, consume_one, declare, make_delivery, publish, published


def test_a_release_reaches_its_queue():
    assert_routes("topology.yaml", "incoming", "publish.newsletter", to=["releases"])


def test_a_release_without_a_version_is_rejected(amqptool_vhost):
    with pytest.raises(Reject):
        Announcer(amqptool_vhost)(make_delivery(b'{"app": "maps"}', content_type="application/json"))


def test_a_release_is_announced(amqptool_vhost):
    declare(amqptool_vhost, "topology.yaml")
    release = Message.encode({"app": "maps", "version": 2}, exchange="incoming", routing_key="publish.newsletter")
    with published(amqptool_vhost, "announcements") as announcements:
        publish(amqptool_vhost, release)
        Worker(amqptool_vhost, "releases", Announcer(amqptool_vhost), dedup=None, max_messages=1).run()
        assert announcements.next().body == b"maps 2 is here"
    assert consume_one(amqptool_vhost, "timeline").body == b"maps 2 is here"
