"""Topologies to draw: an ordinary one, random ones, and names that mean something to every format."""

from __future__ import annotations

from hypothesis import strategies as st

from amqptool import retry
from amqptool.topology import Binding, Exchange, Queue, Topology

#: Every kind of node and edge.
ORDERS = """
exchanges:
  orders: {type: topic, alternate_exchange: unroutable}
  audit: {type: headers, internal: true, bindings: [{source: orders, routing_key: "#"}]}
  unroutable: fanout
queues:
  billing:
    retry: [5s, 1m]
    dead_letter: true
    bindings: [{source: orders, routing_key: order.paid}, {source: orders, routing_key: order.refunded}]
  shipping:
    arguments: {x-dead-letter-exchange: orders, x-dead-letter-routing-key: order.lost}
    bindings: [{source: orders, routing_key: order.paid}]
  audit.eu: {queue_type: stream, bindings: [{source: audit, arguments: {x-match: any, region: eu, level: 3}}]}
  lost: {bindings: [{source: unroutable}]}
  tasks: {arguments: {x-dead-letter-exchange: "", x-dead-letter-routing-key: tasks.wait}}
  tasks.wait: {message_ttl: 30s, arguments: {x-dead-letter-exchange: "", x-dead-letter-routing-key: tasks}}
"""

HOSTILE = (
    "<script>alert(1)</script>",
    "a\"b'c",
    "]]>",
    "<!--",
    "a\nb\r\tc\x00\x1b[31m",
    "\u202eRTL\u2066\u200b",
    "مرحبا",
    "日本語 😀",
    "`code`",
    "1. item",
    "- item *bold* __x__ ~y~",
    "a\\",
    "\\N\\G\\l",
    "&lt;b&gt;&amp;",
    "end",
    "{}[]()|<>/\\#;:%%",
    "%%{init: {}}%%",
    '"] --> n9["',
    "#quot;",
    "x" * 255,
    "\ufffe",
)


def hostile() -> Topology:
    """Make a topology in which every name, type and key is hostile."""
    return Topology(
        exchanges=tuple(Exchange(name=name, type=f"x-{name}") for name in HOSTILE),
        queues=tuple(Queue(name=name, arguments={"x-queue-type": name}) for name in HOSTILE),
        bindings=tuple(Binding(source=name, destination=name, routing_key=name) for name in HOSTILE),
    )


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Draw a topology with cycles, dead letters, ladders, alternates, and ends that are not declared."""
    count = draw(st.integers(0, 14))
    names = [f"{'name-of-some-length' * (number % 3)}.{number}" for number in range(count)]
    vhosts = st.sampled_from([None, "v"]) if draw(st.booleans()) else st.none()
    some = st.sampled_from([*names, "nowhere", "amq.topic"])
    kinds = st.sampled_from(["direct", "fanout", "topic", "headers", "x-random"])
    exchanges, queues = [], []
    for name in names:
        vhost = draw(vhosts)
        if draw(st.integers(0, 2)) == 0:
            alternate = {"alternate-exchange": draw(some)} if draw(st.booleans()) else {}
            exchanges.append(Exchange(name=name, type=draw(kinds), arguments=alternate, vhost=vhost))
        else:
            queues += draw(_queue(name, vhost, some))
    bindings = draw(
        st.lists(
            st.builds(
                Binding,
                source=st.sampled_from([each.name for each in exchanges] or ["amq.topic"]),
                destination=some,
                destination_type=st.sampled_from(["queue", "queue", "exchange"]),
                routing_key=st.sampled_from(["", "a.b", "#", "a.rather.long.routing.key.which.does.not.fit.anywhere"]),
                arguments=st.sampled_from([{}, {"x-match": "any", "kind": "a", "n": 1}]),
                vhost=vhosts,
            ),
            max_size=3 * count,
        )
    )
    return Topology(exchanges=tuple(exchanges), queues=tuple(queues), bindings=tuple(bindings))


@st.composite
def _queue(draw: st.DrawFn, name: str, vhost: str | None, some: st.SearchStrategy[str]) -> list[Queue]:
    """Draw a queue, perhaps with wait queues and a dead-letter queue of its own, or one elsewhere."""
    dead_letters = draw(st.sampled_from([{}, {"x-dead-letter-exchange": ""}, {"x-dead-letter-exchange": draw(some)}]))
    if dead_letters and draw(st.booleans()):
        dead_letters = dead_letters | {"x-dead-letter-routing-key": draw(some)}
    delays = draw(st.sampled_from([(), (5_000,), (5_000, 60_000, 600_000)]))
    waits = [(retry.wait_queue(name, delay), retry.wait_queue_arguments(name, delay)) for delay in delays]
    dead = [(retry.dead_letter_queue(name), retry.dead_letter_queue_arguments())] if draw(st.booleans()) else []
    implied = [Queue(name=each, arguments=arguments, vhost=vhost) for each, arguments in [*waits, *dead]]
    return [Queue(name=name, arguments=dead_letters, vhost=vhost), *implied]
