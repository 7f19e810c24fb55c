"""Random topologies and messages, made so that much collides: few names, odd keys, values that nearly equal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from amqptool.message import FieldValue, Message
from amqptool.topology.model import Binding, DestinationType, Exchange, Queue, Topology

#: The same in every topology; some look like topic keys, and the default exchange routes to them.
QUEUES = ("q", "a", "a.b", "*", "é.#", ".")
EXCHANGES = ("x0", "x1", "x2", "x3", "x4")
PREDECLARED = ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match")

_words = st.sampled_from(["", "a", "b", "é", "*", "#"])
keys = st.one_of(st.lists(_words, max_size=4).map(".".join), st.sampled_from(QUEUES))
patterns = st.one_of(
    st.lists(st.one_of(_words, st.sampled_from("*##")), max_size=5).map(".".join),
    st.sampled_from(["a..b", ".a", "a.", "#.#", "*.#.*", "#.a.#", "a.#.a", "#.*"]),
    keys,
)

_scalars: list[FieldValue] = [
    None, True, False, 0, 1, 2, -1, 2**31, 2**40, "", "1", "a", "true", "é", 1.0, 0.0, 1.5, b"", b"1", b"a", b"\xff",
    datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1000,
    Decimal(1), Decimal("1.50"), Decimal("1.5"), Decimal("0.1"),
]  # fmt: skip
_nested: list[FieldValue] = [
    [], {}, [1], ["1"], [b"1"], [None], [True], [1.0], [1, 2], [2, 1], [[]], [{}], {"a": 1}, {"a": True}, {"a": "1"},
    {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": []}, {"a": {}}, [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)], [Decimal(1)],
]  # fmt: skip
_similar: list[FieldValue] = [1, 1.0, "1", b"1", True, Decimal(1), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), [1]]
#: Values for headers.
VALUES: list[FieldValue] = [*_scalars, *_nested]
#: Tables of headers, for bindings and for messages.
TABLES: list[dict[str, FieldValue]] = [
    {}, {"h": 1}, {"h": 2}, {"h": None}, {"i": 1}, {"h": 1, "i": 1}, {"h": 1, "i": 2}, {"h": None, "i": 2},
    {"x-h": 1}, {"x-h": None}, {"h": 1, "x-h": 1}, {"h": 1, "x-h": 2}, {"x-": 1, "x-match-h": 1}, {"X-h": 1},
    {"CC": []}, {"BCC": []}, {"CC": [""], "BCC": ["a"], "h": 1},
]  # fmt: skip
#: Headers that hold routing keys.
_KEYS = ("CC", "BCC")
values = st.one_of(*(st.sampled_from(pool) for pool in (_scalars, _nested, _similar)))
_names = st.sampled_from(["h", "h", "i", "x-h", "x-", "X-h", "x-match-h", "CC", "BCC"])
_own_names = st.sampled_from(["h", "h", "i", "x-h", "x-", "X-h", "x-match-h", "x-match"])
_arguments = st.builds(
    lambda mode, table: {**({} if mode is None else {"x-match": mode}), **table},
    st.sampled_from([None, "all", "any", "all-with-x", "any-with-x"]),
    st.dictionaries(_names, values, max_size=3),
)


@st.composite
def _headers(draw: st.DrawFn, bindings: Sequence[Binding]) -> dict[str, FieldValue]:
    """Make headers, half of them like what a binding asks for."""
    headers: dict[str, FieldValue] = draw(st.dictionaries(_own_names, values, max_size=2))
    asked = draw(st.sampled_from([{}, *(binding.arguments for binding in bindings)]))
    headers |= {name: draw(st.one_of(st.just(value), values)) for name, value in asked.items() if name not in _KEYS}
    for name in draw(st.sampled_from([(), (), (), ("CC",), ("BCC",), _KEYS])):
        headers[name] = draw(st.lists(st.one_of(keys, st.sampled_from([1, None, b"a"])), max_size=3))
    return headers


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Make a topology: exchanges in any graph, also cyclic, and alternate exchanges that may not exist."""
    names = EXCHANGES[: draw(st.integers(1, len(EXCHANGES)))]
    sources = st.sampled_from([*names, *names, *PREDECLARED])
    exchanges = [draw(_exchange(name)) for name in names]
    bindings = st.one_of(
        _binding(sources, st.sampled_from(QUEUES), "queue"),
        _binding(sources, st.sampled_from(QUEUES), "queue"),
        _binding(sources, sources, "exchange"),
    )
    return Topology(
        exchanges=tuple(exchanges),
        queues=tuple(Queue(name=name) for name in QUEUES),
        bindings=tuple(draw(st.lists(bindings, min_size=4, max_size=20))),
    )


def _exchange(name: str) -> st.SearchStrategy[Exchange]:
    alternates = st.sampled_from([None, *EXCHANGES, *PREDECLARED])
    return st.builds(
        Exchange,
        name=st.just(name),
        type=st.sampled_from(["direct", "fanout", "topic", "topic", "headers", "headers"]),
        internal=st.sampled_from([False, False, False, True]),
        arguments=alternates.map(lambda other: {} if other is None else {"alternate-exchange": other}),
    )


def _binding(
    sources: st.SearchStrategy[str], destinations: st.SearchStrategy[str], kind: DestinationType
) -> st.SearchStrategy[Binding]:
    return st.builds(
        Binding,
        source=sources,
        destination=destinations,
        destination_type=st.just(kind),
        routing_key=patterns,
        arguments=_arguments,
    )


def messages(topology: Topology) -> st.SearchStrategy[Message]:
    """Make messages that the broker takes: to any exchange that is not internal."""
    exchanges = [exchange.name for exchange in topology.exchanges if not exchange.internal]
    return st.builds(
        Message,
        body=st.just(b""),
        exchange=st.sampled_from([*exchanges, *exchanges, *exchanges, *PREDECLARED, ""]),
        routing_key=st.one_of(keys, st.sampled_from([binding.routing_key for binding in topology.bindings])),
        headers=_headers(topology.bindings),
        persistent=st.just(False),
        message_id=st.none(),
    )


@st.composite
def cases(draw: st.DrawFn, size: int) -> tuple[Topology, list[Message]]:
    """Make a topology, and so many messages to it."""
    topology = draw(topologies())
    return topology, draw(st.lists(messages(topology), min_size=size, max_size=size))
