"""What lint says, and does not say, about dead letters."""

from __future__ import annotations

import pytest

from amqptool.retry import dead_letter_queue_arguments, wait_queue, wait_queue_arguments
from amqptool.topology import Queue, Topology
from amqptool.topology.lint import lint

WAIT = 'message_ttl: 30s, dead_letter_exchange: "", dead_letter_routing_key'


def findings(text: str) -> list[str]:
    return [str(problem).removeprefix("t.yaml:") for problem in lint(Topology.parse(text, "t.yaml"))]


def rules(text: str) -> set[str]:
    return {problem.rule for problem in lint(Topology.parse(text))}


def test_a_misspelt_exchange() -> None:
    """A dead-letter exchange that is not there is named, with what was probably meant."""
    text = (
        "exchanges: {failed: fanout}\nqueues:\n  q: {dead_letter_exchange: faild}\n  f: {bindings: [{source: failed}]}"
    )
    assert findings(text) == [
        "3:3: warning: no binding leads to queue 'q': only the default exchange reaches it [unbound-queue]",
        (
            "3:3: warning: queue 'q' dead-letters to the exchange 'faild', which is not declared: dead letters vanish; "
            "did you mean 'failed'? [dead-letter-exchange]"
        ),
    ]


def test_a_policy_is_blamed_once() -> None:
    """What a policy says of many queues is said once, at the policy."""
    text = "queues: {a: , b: , c: }\npolicies:\n  dlx: {pattern: ., definition: {dead_letter_exchange: gone}}"
    assert findings(text) == [
        (
            "3:3: warning: policy 'dlx' dead-letters to the exchange 'gone', which is not declared: "
            "dead letters vanish [dead-letter-exchange]"
        )
    ]


@pytest.mark.parametrize(
    ("kind", "binding", "vanish"),
    [
        ("direct", "routing_key: dead", False),
        ("direct", "routing_key: other", True),
        ("topic", 'routing_key: "#"', False),
        ("topic", 'routing_key: "dead.*"', True),
        ("fanout", "", False),
        ("headers", "arguments: {reason: expired}", False),
        ("x-plugin", "routing_key: '7'", False),
    ],
)
def test_a_dead_letter_route(kind: str, binding: str, vanish: bool) -> None:
    """A dead-letter key must be taken by a binding, as far as bindings go by keys."""
    text = f"""
exchanges: {{dlx: {kind}}}
queues:
  q: {{dead_letter_exchange: dlx, dead_letter_routing_key: dead}}
  failed: {{bindings: [{{source: dlx, {binding}}}]}}
"""
    assert ("dead-letter-route" in rules(text)) is vanish


def test_a_dead_letter_route_over_several_exchanges() -> None:
    """Bindings between exchanges and alternate exchanges are followed, in circles too."""
    text = """
exchanges:
  dlx: {type: topic, alternate_exchange: rest, bindings: [{source: next}]}
  next: {type: fanout, bindings: [{source: dlx, routing_key: a}]}
  rest: fanout
queues:
  q: {dead_letter_exchange: dlx, dead_letter_routing_key: KEY}
  failed: {bindings: [{source: rest}]}
"""
    assert "dead-letter-route" not in rules(text.replace("KEY", "b"))
    assert "dead-letter-route" in rules(text.replace("KEY", "b").replace("alternate_exchange: rest, ", ""))


def test_dead_letters_that_keep_their_key() -> None:
    """Without a dead-letter key, any binding of the exchange may take them."""
    text = "exchanges: {dlx: direct}\nqueues: {q: {dead_letter_exchange: dlx}, f: {bindings: [{source: dlx}]}}"
    assert "dead-letter-route" not in rules(text)
    assert "dead-letter-route" in rules("exchanges: {dlx: direct}\nqueues: {q: {dead_letter_exchange: dlx}}")


@pytest.mark.parametrize(
    "text",
    [
        # A queue that sends to itself, by its name or by its binding's key.
        'queues: {q: {message_ttl: 1s, dead_letter_exchange: ""}}',
        (
            "exchanges: {e: direct}\nqueues: {q: {message_ttl: 1s, dead_letter_exchange: e,"
            " bindings: [{source: e, routing_key: k}]}}"
        ),
        # Three queues; one is pushed out, one expires by policy.
        (
            f'queues: {{a: {{{WAIT}: b}}, b: {{max_length: 5, dead_letter_exchange: "", dead_letter_routing_key: c}},'
            ' c: {dead_letter_exchange: "", dead_letter_routing_key: a}}\n'
            "policies: {p: {pattern: ^c$, definition: {message_ttl: 1h}}}"
        ),
        # Over a fanout exchange behind a topic exchange.
        (
            'exchanges: {t: topic, f: {type: fanout, bindings: [{source: t, routing_key: "x.#"}]}}\n'
            "queues: {q: {message_ttl: 1s, dead_letter_exchange: t, dead_letter_routing_key: x.y,"
            " bindings: [{source: f}]}}"
        ),
    ],
)
def test_cycles(text: str) -> None:
    """Messages that move by themselves and come back vanish."""
    assert "dead-letter-cycle" in rules(text)


@pytest.mark.parametrize(
    "text",
    [
        # Only rejected messages go round.
        f'queues: {{work: {{dead_letter_exchange: "", dead_letter_routing_key: wait}}, wait: {{{WAIT}: work}}}}',
        # A full queue that rejects moves nothing.
        (
            'queues: {work: {max_length: 9, overflow: reject-publish, dead_letter_exchange: "",'
            f" dead_letter_routing_key: wait}}, wait: {{{WAIT}: work}}}}"
        ),
        # The key of the binding leads elsewhere.
        (
            "exchanges: {e: direct}\nqueues: {work: , wait: {message_ttl: 1s, dead_letter_exchange: '',"
            " bindings: [{source: e, routing_key: work}]}}"
        ),
        # The worker, not the broker, puts messages into wait queues.
        "queues: {work: {retry: [1s, 1m], dead_letter: true}}",
        "queues: {work: {queue_type: quorum, retry: [1s, 1m], dead_letter: true}}",
        # Whether the headers match cannot be told.
        (
            "exchanges: {e: headers}\nqueues: {q: {message_ttl: 1s, dead_letter_exchange: e,"
            " bindings: [{source: e, arguments: {a: 1}}]}}"
        ),
    ],
)
def test_no_cycles(text: str) -> None:
    """What a consumer must reject on its way, and what may not come back at all, is no cycle."""
    assert "dead-letter-cycle" not in rules(text)


def test_a_cycle_is_told_once_and_in_order() -> None:
    """A cycle is told at its first queue, with the way round."""
    text = f"queues:\n  b: {{{WAIT}: c}}\n  c: {{{WAIT}: a}}\n  a: {{{WAIT}: b}}\n  x: {{{WAIT}: a}}"
    assert findings(text) == [
        "2:3: warning: messages go round by themselves, 'b' → 'c' → 'a' → 'b', and then vanish [dead-letter-cycle]"
    ]


def test_a_long_cycle_is_told_briefly() -> None:
    """Of a long way round only the beginning is told; it costs no recursion."""
    text = "queues:\n" + "".join(f"  q{n}: {{{WAIT}: q{(n + 1) % 3000}}}\n" for n in range(3000))
    (found,) = findings(text)
    assert "'q0' → 'q1' → 'q2' → 'q3' → 'q4' → 'q5' → 'q6' → … → 'q0'" in found


def test_our_own_wait_queues_are_clean() -> None:
    """The queues behind `retry` and `dead_letter` are clean, in shorthand and as an export has them."""
    text = "exchanges: {e: fanout}\nqueues: {q: {bindings: [{source: e}], retry: [5s], dead_letter: true}}"
    assert findings(text) == []
    exported = Topology(
        exchanges=Topology.parse(text).exchanges,
        bindings=Topology.parse(text).bindings,
        queues=(
            Queue(name="q"),
            Queue(name="q.dead", arguments=dead_letter_queue_arguments()),
            Queue(name=wait_queue("q", 5000), arguments=wait_queue_arguments("q", 5000)),
        ),
    )
    assert lint(exported) == ()


def test_lost_overflow_of_at_least_once() -> None:
    """A policy may add the overflow that at-least-once needs."""
    text = (
        'queues: {q: {queue_type: quorum, dead_letter_exchange: "", dead_letter_routing_key: d,'
        " dead_letter_strategy: at-least-once}, d: }\n"
    )
    assert rules(text) == {"at-least-once"}
    assert rules(text + "policies: {p: {pattern: q, definition: {overflow: reject-publish}}}") == set()


def test_meant_to_be_at_most_once() -> None:
    """Who says at-most-once knows it."""
    text = 'queues: {q: {queue_type: quorum, dead_letter_exchange: "", dead_letter_routing_key: d}, d: }'
    assert rules(text) == {"at-most-once"}
    assert rules(text.replace("quorum, ", "quorum, dead_letter_strategy: at-most-once, ")) == set()
