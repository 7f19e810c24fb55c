"""What lint says, and does not say, about queues, exchanges, bindings and policies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amqptool.topology import RoutingTest, Topology
from amqptool.topology.lint import lint

BOUND = "bindings: [{source: e, routing_key: a}]"


def findings(text: str) -> list[str]:
    return [str(problem).removeprefix("t.yaml:") for problem in lint(Topology.parse(text, "t.yaml"))]


def rules(text: str) -> set[str]:
    return {problem.rule for problem in lint(Topology.parse(text))}


@pytest.mark.parametrize(
    "text",
    [
        "queues: {q: }",
        "exchanges: {dlx: fanout}\nqueues: {q: {dead_letter_exchange: dlx}, f: {bindings: [{source: dlx}]}}",
        "exchanges: {e: direct}\nqueues: {q: {" + BOUND + '}, w: {message_ttl: 1s, dead_letter_exchange: "",'
        " dead_letter_routing_key: q}}",
        "exchanges: {e: direct}\nqueues: {q: {"
        + BOUND
        + ', dead_letter_exchange: "", dead_letter_routing_key: f}, f: }',
        "exchanges: {e: direct}\nqueues: {q: {" + BOUND + ", dead_letter: failed}, failed: {message_ttl: 30d}}",
        (
            "exchanges: {e: direct}\nqueues: {w: {bindings: [{source: e, routing_key: q}], message_ttl: 1s,"
            ' dead_letter_exchange: ""}, q: }'
        ),
    ],
)
def test_queues_that_need_no_binding(text: str) -> None:
    """A queue needs no binding where all goes by queue names, nor where dead letters or a test come to it."""
    assert rules(text) == set()


def test_a_test_of_the_file_names_a_queue() -> None:
    """A queue that a test reaches over the default exchange is meant to be reached so."""
    topology = Topology.parse("exchanges: {e: direct}\nqueues: {q: {" + BOUND + "}, w: }")
    assert [problem.rule for problem in lint(topology)] == ["unbound-queue"]
    assert lint(replace(topology, tests=(RoutingTest(exchange="", routing_key="w", reaches=("w",)),))) == ()


def test_vhosts_are_apart() -> None:
    """An exchange in one vhost says nothing about a queue in another."""
    text = "exchanges: {e: {type: direct, vhost: a}}\nqueues: {q: {vhost: a, " + BOUND + "}, r: {vhost: b}}"
    assert rules(text) == set()


def test_an_exchange_in_a_file_without_queues() -> None:
    """In a file that has no queues, consumers bring their own."""
    assert rules("exchanges: {e: fanout}") == set()


@pytest.mark.parametrize(
    "text",
    [
        (
            "exchanges: {e: {type: topic, alternate_exchange: amq.fanout}}\n"
            "queues: {q: {bindings: [{source: amq.fanout}]}}"
        ),
        "exchanges: {e: direct, i: {type: fanout, internal: true}}\n"
        "queues: {q: {" + BOUND + ", dead_letter_exchange: i}, f: {bindings: [{source: i}]}}",
        "exchanges: {e: {type: direct, alternate_exchange: i}, i: {type: fanout, internal: true}}\n"
        "queues: {q: {" + BOUND + "}, f: {bindings: [{source: i}]}}",
    ],
)
def test_exchanges_that_are_fed_by_others(text: str) -> None:
    """Alternate exchanges and dead-letter exchanges count."""
    assert rules(text) == set()


def test_a_ring_of_alternates_is_told_once() -> None:
    """A ring is told at its first exchange, and what leads into it is not part of it."""
    text = "exchanges:\n  c: {type: fanout, alternate_exchange: a}\n"
    text += "  a: {type: fanout, alternate_exchange: b}\n  b: {type: fanout, alternate_exchange: a}\n"
    assert findings(text) == [
        (
            "3:3: warning: alternate exchanges in a circle, 'a' → 'b' → 'a': what none of them routes is dropped "
            "[alternate-exchange-cycle]"
        )
    ]


def test_limits_of_policies() -> None:
    """Limits count wherever they come from; streams and dead-lettered messages are another matter."""
    policy = "policies:\n  p: {pattern: ^q$, definition: {max_length: 5}}\n"
    assert findings("queues: {q: }\n" + policy) == [
        (
            "3:3: warning: policy 'p' has max_length, and deletes the oldest messages when it is full, "
            "confirmed or not; say overflow: reject-publish, or overflow: drop-head if that is meant [drop-head]"
        )
    ]
    assert rules("queues: {q: {overflow: reject-publish}}\n" + policy) == set()
    assert rules("queues: {s: {queue_type: stream, max_length_bytes: 5GB}}") == set()
    assert rules('queues: {q: {dead_letter_exchange: "", dead_letter_routing_key: d}, d: }\n' + policy) == set()


def test_arguments_of_plugins() -> None:
    """An exchange type that a plugin brings may have arguments of its own."""
    text = "exchanges: {e: {type: x-hash, arguments: {seed: 1}}}\nqueues: {q: {bindings: [{source: e}]}}"
    assert rules(text) == set()
    assert rules(text.replace("x-hash", "fanout")) == {"unknown-argument"}


@pytest.mark.parametrize(
    ("key", "other", "shadowed"),
    [
        ("a.b", "a.*", "a.b"),
        ("a.*", "a.b", "a.b"),
        ("a.b", "#", "a.b"),
        ("#.*", "*.#", "*.#"),
        ("a.*", "*.b", None),
        ("a.b", "a.c", None),
    ],
)
def test_shadowed_bindings(key: str, other: str, shadowed: str | None) -> None:
    """The narrower of two bindings is told, or the later of two that take the same."""
    text = f"exchanges: {{e: topic}}\nqueues: {{q: {{bindings: [{{source: e, routing_key: '{key}'}},"
    found = findings(text + f" {{source: e, routing_key: '{other}'}}]}}}}")
    assert len(found) == (shadowed is not None)
    if shadowed is not None:
        assert f"with key '{shadowed}' adds nothing to the one with key" in found[0]


def test_bindings_to_different_queues_do_not_shadow() -> None:
    """Only the same source and destination count."""
    text = "exchanges: {e: topic}\nqueues: {q: {bindings: [{source: e, routing_key: a}]},"
    assert rules(text + ' r: {bindings: [{source: e, routing_key: "#"}]}}') == set()


def test_a_delayed_exchange_routes_as_its_delayed_type() -> None:
    """What an x-delayed-message exchange does with bindings is what its delayed type does."""
    text = "exchanges: {e: {type: x-delayed-message, delayed_type: direct}}\n"
    assert rules(text + 'queues: {q: {bindings: [{source: e, routing_key: "#"}]}}') == {"direct-wildcard"}


@pytest.mark.parametrize(
    ("arguments", "effect"),
    [
        ("", "matches every message"),
        ("arguments: {x-match: all, x-a: 1}", "matches every message"),
        ("arguments: {x-match: any}", "matches no message"),
        ("arguments: {x-match: all-with-x, x-a: 1}", None),
    ],
)
def test_bindings_without_headers(arguments: str, effect: str | None) -> None:
    """What a binding that names no header matches depends on x-match."""
    found = findings(f"queues: {{q: {{bindings: [{{source: amq.headers, {arguments}}}]}}}}")
    assert [effect in line for line in found if effect] == ([True] if effect else [])


@pytest.mark.parametrize("pattern", ["^(a|b)+$", r"\Qx\E", "[[:alpha:]]", "^amq\\.gen-", ""])
def test_patterns_that_may_be_right(pattern: str) -> None:
    """What is PCRE's own, or for the broker's own names, is left alone."""
    text = f"queues: {{q: }}\npolicies: {{p: {{pattern: '{pattern}', definition: {{message_ttl: 1h}}}}}}"
    assert rules(text) == set()


def test_policies_for_what_the_file_does_not_have() -> None:
    """A policy for exchanges is not missed in a file without exchanges."""
    text = "queues: {q: }\npolicies: {p: {pattern: e, apply_to: exchanges, definition: {alternate_exchange: x}}}"
    assert rules(text) == set()


def test_ties_that_do_not_matter() -> None:
    """A tie is no matter where a stronger policy applies, or where both say the same."""
    text = "queues: {q: }\npolicies:\n  a: {pattern: q, definition: {message_ttl: 1h}}\n"
    assert rules(text + "  b: {pattern: ., definition: {message_ttl: 2h}}\n") == {"policy-tie"}
    assert rules(text + "  b: {pattern: ., definition: {message_ttl: 1h}}\n") == set()
    text += "  b: {pattern: ., definition: {message_ttl: 2h}}\n"
    assert rules(text + "  c: {pattern: '', priority: 1, definition: {message_ttl: 3h}}\n") == set()
