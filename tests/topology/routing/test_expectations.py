"""A file's own tests of its routing."""

from __future__ import annotations

from dataclasses import replace

from amqptool.topology.model import Exchange, Place, Queue, RoutingTest, Topology
from amqptool.topology.routing import FailedTest, check_tests

TOPOLOGY = Topology.parse("""
exchanges:
  incoming: topic
  hidden: {type: fanout, internal: true}
  spread: x-consistent-hash
queues:
  playstore: {bindings: [{source: incoming, routing_key: publish.playstore}, {source: spread, routing_key: "1"}]}
  notifications: {bindings: [{source: incoming, routing_key: "publish.*"}]}
""")


def failed(exchange: str, routing_key: str, *reaches: str, topology: Topology = TOPOLOGY) -> FailedTest | None:
    """Run one test and return its failure."""
    place = Place("t.yaml", 9, 5)
    test = RoutingTest(exchange=exchange, routing_key=routing_key, reaches=tuple(sorted(reaches)), place=place)
    failures = check_tests(replace(topology, tests=(test,)))
    return next(iter(failures), None)


def test_a_test_that_holds_does_not_fail() -> None:
    """The order of the queues does not matter."""
    assert failed("incoming", "publish.playstore", "playstore", "notifications") is None
    assert failed("incoming", "other") is None
    assert failed("", "playstore", "playstore") is None


def test_a_failure_tells_missing_and_unexpected_queues() -> None:
    """Its problem is a line of the file, as all problems are."""
    failure = failed("incoming", "publish.other", "playstore")
    assert failure is not None
    assert failure.actual == ("notifications",)
    assert failure.missing == ("playstore",)
    assert failure.unexpected == ("notifications",)
    assert str(failure.problem) == (
        "t.yaml:9:5: a message to incoming with key 'publish.other' reaches notifications; "
        "missing: playstore, unexpected: notifications [routing-test]"
    )


def test_what_cannot_be_published_fails() -> None:
    """An unknown exchange, an internal one, and one that makes a choice each say so."""
    unknown, internal, choosing = failed("incomin", "x"), failed("hidden", "x"), failed("spread", "x", "playstore")
    assert unknown is not None
    assert "no exchange 'incomin' in the topology; did you mean 'incoming'?" in unknown.problem.message
    assert internal is not None
    assert "is internal" in internal.problem.message
    assert choosing is not None
    assert "spread (x-consistent-hash) chooses one of: playstore" in choosing.problem.message


def test_tests_belong_to_their_vhost() -> None:
    """Each is routed through the objects of its vhost; without one, where several are named, it fails."""
    objects = Topology(
        exchanges=tuple(Exchange(name="x", type="fanout", vhost=name) for name in ("a", "b")),
        queues=(Queue(name="q", vhost="a"),),
    )
    tests = tuple(
        RoutingTest(exchange="", routing_key="q", reaches=reaches, vhost=vhost)
        for vhost, reaches in (("a", ("q",)), ("b", ()), (None, ()))
    )
    (failure,) = check_tests(replace(objects, tests=tests))
    assert failure.test.vhost is None
    assert failure.reason == "the topology has several vhosts, say which one: a, b"
