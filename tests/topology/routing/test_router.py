"""Where a message goes, beyond what one exchange decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amqptool.errors import AccessRefused, InputError, NotFound
from amqptool.message import FieldValue
from amqptool.topology.model import Binding, Exchange, Policy, Queue, Topology
from amqptool.topology.routing import Router


def router(text: str) -> Router:
    """Make a router of a topology's text."""
    return Router(Topology.parse(text))


CHAIN = router("""
exchanges:
  incoming: topic
  audit: {type: fanout, internal: true}
  first: {type: direct, alternate_exchange: second}
  second: {type: direct, alternate_exchange: third}
  third: {type: direct, alternate_exchange: first}
  lost: {type: direct, alternate_exchange: nowhere}
queues:
  log: {bindings: [{source: audit}, {source: third, routing_key: found}]}
  web: {bindings: [{source: incoming, routing_key: "web.*"}, {source: incoming, routing_key: "#.x"}]}
  direct: {bindings: [{source: amq.direct, routing_key: hello}, {source: amq.match, arguments: {platform: web}}]}
bindings:
  - {source: incoming, destination: audit, destination_type: exchange, routing_key: "#"}
  - {source: audit, destination: incoming, destination_type: exchange}
""")


@pytest.mark.parametrize(
    ("exchange", "key", "queues"),
    [
        ("", "web", ["web"]),
        ("", "nothing", []),
        ("incoming", "web.x", ["log", "web"]),
        ("incoming", "", ["log"]),
        ("first", "found", ["log"]),
        ("second", "other", []),
        ("lost", "found", []),
        ("amq.direct", "hello", ["direct"]),
        ("amq.topic", "hello", []),
    ],
)
def test_a_message_goes_through_all_exchanges_once(exchange: str, key: str, queues: list[str]) -> None:
    """Through cycles, chains of alternate exchanges and the exchanges that every vhost has."""
    routed = CHAIN.route(exchange, key)
    assert list(routed.queues) == queues
    assert routed.unroutable is not bool(queues)


@pytest.mark.parametrize(
    ("headers", "queues"),
    [
        ({"CC": ["web", "direct"]}, ("direct", "log", "web")),
        ({"BCC": ["web", "log"], "CC": ["nothing", 1, None]}, ("log", "web")),
    ],
)
def test_cc_and_bcc_are_more_keys(headers: dict[str, FieldValue], queues: tuple[str, ...]) -> None:
    """Each queue still gets the message once; what is no text is ignored."""
    assert CHAIN.route("", "log", headers).queues == queues


def test_a_headers_exchange_sees_cc_but_not_bcc() -> None:
    """The broker takes BCC out before it routes."""
    bindings = tuple(
        Binding(source="amq.headers", destination=name, arguments={name: None, "x-match": "all"})
        for name in ("CC", "BCC")
    )
    assert Router(Topology(bindings=bindings)).route("amq.headers", "", {"CC": [], "BCC": []}).queues == ("CC",)


@pytest.mark.parametrize(
    ("exchange", "key", "headers", "error", "words"),
    [
        ("incomin", "", {}, NotFound, "no exchange 'incomin' in the topology; did you mean 'incoming'"),
        ("audit", "", {}, AccessRefused, "'audit' is internal"),
        ("amq.rabbitmq.trace", "", {}, AccessRefused, "internal"),
        ("incoming", "é" * 128, {}, InputError, "256 bytes long"),
        ("incoming", "", {"CC": "web"}, InputError, "CC must be a list"),
    ],
)
def test_what_the_broker_refuses_is_refused(
    exchange: str, key: str, headers: dict[str, FieldValue], error: type[Exception], words: str
) -> None:
    """With the error that a publisher would get."""
    with pytest.raises(error, match=words):
        CHAIN.route(exchange, key, headers)
    with pytest.raises(error, match=words):
        CHAIN.explain(exchange, key, headers)


def test_a_policy_gives_an_alternate_exchange() -> None:
    """Unless the exchange has one of its own; predeclared exchanges take policies too."""
    exchanges = (
        Exchange(name="plain", type="direct"),
        Exchange(name="own", type="direct", arguments={"alternate-exchange": "amq.topic"}),
    )
    policy = Policy(name="p", pattern="", definition={"alternate-exchange": "amq.fanout"}, apply_to="exchanges")
    queues = (Queue(name="lost"),)
    bindings = (Binding(source="amq.fanout", destination="lost"),)
    routes = Router(Topology(exchanges=exchanges, queues=queues, bindings=bindings, policies=(policy,)))
    assert routes.route("plain", "x").queues == ("lost",)
    assert routes.route("amq.direct", "x").queues == ("lost",)
    # amq.topic matches nothing either, and has its alternate exchange from the policy.
    assert [step.exchange.name for step in routes.explain("own", "x").steps] == ["own", "amq.topic", "amq.fanout"]


PLUGINS = router("""
exchanges:
  hash: {type: x-consistent-hash, alternate_exchange: lost}
  empty: {type: x-random, alternate_exchange: lost}
  jms: {type: x-jms-topic, alternate_exchange: lost}
  near: x-local-random
  recent: x-recent-history
  delayed: {type: x-delayed-message, arguments: {x-delayed-type: topic}}
  after: fanout
  lost: fanout
queues:
  a: {bindings: [{source: hash, routing_key: "1"}, {source: recent}, {source: delayed, routing_key: "a.#"}]}
  b: {bindings: [{source: hash, routing_key: "1"}, {source: near, routing_key: x}, {source: jms}]}
  c: {bindings: [{source: after}, {source: near}]}
  d: {bindings: [{source: lost}]}
bindings:
  - {source: hash, destination: after, destination_type: exchange, routing_key: "1"}
""")


def test_what_a_plugin_chooses_is_unknown() -> None:
    """The candidates are named, and what lies behind them is possible."""
    routed = PLUGINS.route("hash", "x")
    assert (routed.queues, routed.possible) == ((), ("a", "b", "c"))
    assert [str(unknown) for unknown in routed.unknown] == [
        "exchange hash (x-consistent-hash) chooses one of: a, b, exchange after"
    ]
    assert not routed.unroutable
    assert PLUGINS.route("near", "x").possible == ("c",)
    assert PLUGINS.route("jms", "x").possible == ("b", "d")
    assert "may send to: b" in str(PLUGINS.route("jms", "x").unknown[0])


def test_what_a_plugin_cannot_choose_is_known() -> None:
    """No binding leaves no choice, and some types have rules that need none."""
    assert PLUGINS.route("empty", "x").queues == ("d",)
    assert PLUGINS.route("recent", "x").queues == ("a",)
    assert PLUGINS.route("delayed", "a.b").queues == ("a",)
    assert PLUGINS.route("delayed", "b").unroutable


def test_what_is_reached_for_certain_is_not_only_possible() -> None:
    """Whatever the other exchange chooses."""
    topology = Topology(
        exchanges=(Exchange(name="x", type="fanout"), Exchange(name="r", type="x-random")),
        bindings=(
            Binding(source="x", destination="r", destination_type="exchange"),
            Binding(source="x", destination="q"),
            Binding(source="r", destination="q"),
            Binding(source="r", destination="x", destination_type="exchange"),
            Binding(source="r", destination="gone", destination_type="exchange"),
        ),
    )
    routed = Router(topology).route("x")
    assert (routed.queues, routed.possible) == (("q",), ())


def two_vhosts() -> Topology:
    """Make the same exchange in two vhosts, bound to one queue in each."""
    exchanges = tuple(Exchange(name="x", type="fanout", vhost=name) for name in ("a", "b"))
    bindings = tuple(Binding(source="x", destination=f"in-{name}", vhost=name) for name in ("a", "b"))
    return Topology(exchanges=exchanges, bindings=bindings)


def test_a_vhost_is_routed_by_itself() -> None:
    """Of several, one must be named; the only one need not be."""
    topology = two_vhosts()
    assert Router(topology, "b").route("x").queues == ("in-b",)
    with pytest.raises(InputError, match="several vhosts, say which one: a, b"):
        Router(topology)
    alone = replace(topology, exchanges=topology.exchanges[:1], bindings=topology.bindings[:1])
    assert Router(alone).route("x").queues == ("in-a",)


def test_objects_without_a_vhost_belong_to_the_connection_s() -> None:
    """Whichever that is."""
    topology = Topology(
        exchanges=(Exchange(name="x", type="fanout"),), bindings=(Binding(source="x", destination="q"),)
    )
    assert Router(topology, "any").route("x").queues == ("q",)


def test_an_explanation_has_a_step_for_each_exchange() -> None:
    """What matched, where nothing did, and what nearly matched: three at most."""
    explanation = CHAIN.explain("incoming", "wib.x")
    incoming, audit = explanation.steps
    assert explanation.routed == CHAIN.route("incoming", "wib.x")
    assert sorted(binding.routing_key for binding in incoming.matched) == ["#", "#.x"]
    assert [(miss.binding.routing_key, miss.reason) for miss in incoming.nearest] == [
        ("web.*", "word 1 of the key is 'wib', not 'web'")
    ]
    assert audit.onward == ["incoming"]
    assert [step.alternate for step in CHAIN.explain("first", "other").steps] == ["second", "third", "first"]


def test_the_nearest_bindings_are_explained_for_each_type() -> None:
    """Direct and default exchanges compare keys, headers exchanges name the header."""
    (direct,) = CHAIN.explain("amq.direct", "helo").steps
    assert [miss.reason for miss in direct.nearest] == ["the key is 'helo', not 'hello'"]
    (match,) = CHAIN.explain("amq.match", "", {"platform": "ios"}).steps
    assert [miss.reason for miss in match.nearest] == ["header 'platform' is 'ios', not 'web'"]
    (default,) = CHAIN.explain("", "lo").steps
    assert default.nearest[0].reason == "the key is 'lo', the queue is 'log'"
    assert len(default.nearest) == 3
