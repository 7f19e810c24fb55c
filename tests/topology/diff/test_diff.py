"""What is desired and what is there: the changes between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from amqptool.retry import wait_queue, wait_queue_arguments
from amqptool.topology import Binding, Exchange, Policy, Queue, Topology, Vhost
from amqptool.topology.diff import Action, Change, Difference, Ownership, Plan, diff

HERE = "shop"


def on_broker(topology: Topology, *vhosts: Vhost) -> Topology:
    """Return a topology as the broker would hold it: every object with its vhost, which exists."""
    return Topology(
        vhosts=vhosts or (Vhost(name=HERE),),
        exchanges=tuple(replace(each, vhost=each.vhost or HERE) for each in topology.exchanges),
        queues=tuple(replace(each, vhost=each.vhost or HERE) for each in topology.queues),
        bindings=tuple(replace(each, vhost=each.vhost or HERE) for each in topology.bindings),
        policies=tuple(replace(each, vhost=each.vhost or HERE) for each in topology.policies),
    )


def compared(desired: Topology, actual: Topology, **settings: Any) -> Plan:
    """Compare a topology with one that is on the broker."""
    return diff(desired, on_broker(actual), vhost=HERE, **settings)


def queues(**arguments: Any) -> Topology:
    """Return a topology of one queue `q` with these arguments."""
    return Topology(queues=(Queue(name="q", arguments={f"x-{k.replace('_', '-')}": v for k, v in arguments.items()}),))


def only(plan: Plan) -> Change:
    """Return a plan's only change."""
    (change,) = plan.changes
    return change


FULL = Topology.parse(
    """
    exchanges:
      in: {type: topic, alternate_exchange: rest}
      rest: {type: fanout, internal: true, bindings: [{source: in, routing_key: "#"}]}
    queues:
      jobs: {type: quorum, delivery_limit: 3, bindings: [{source: in, routing_key: a}]}
      old: {max_length: 3, bindings: [{source: amq.headers, arguments: {x-match: any, n: 1}}]}
    """
)


def test_the_same_is_no_change() -> None:
    """What is there as it should be is unchanged, each object of it."""
    plan = compared(FULL, FULL)
    assert (plan.changes, plan.notes) == ((), ())
    assert len(plan.unchanged) == 7
    assert str(plan) == "0 to create, 0 to update, 0 to replace, 0 to delete; 7 unchanged"


def test_what_is_missing_is_created_in_order() -> None:
    """Exchanges come before queues, queues before bindings, and all name their vhost."""
    plan = compared(FULL, Topology())
    kinds = [type(change.object).__name__ for change in plan.changes]
    assert kinds == ["Exchange"] * 2 + ["Queue"] * 2 + ["Binding"] * 3
    assert {change.action for change in plan.changes} == {Action.CREATE}
    assert {getattr(change.object, "vhost", "") for change in plan.changes} == {HERE}


def test_a_change_knows_its_place_in_the_file() -> None:
    """The place is that of the file's object; what is deleted has none."""
    assert compared(FULL, Topology()).changes[0].place.line == 3
    deleted = compared(Topology(), FULL, prune=Ownership(whole_vhosts=True)).changes
    assert {change.place.file for change in deleted} == {"<none>"}


@pytest.mark.parametrize("one", [1, True, "1", 1.0, [1], {"a": 1}, None], ids=repr)
@pytest.mark.parametrize("other", [1, True, "1", 1.0, [1], {"a": 1}, None], ids=repr)
def test_values_are_compared_by_type(one: object, other: object) -> None:
    """1, true, "1" and 1.0 are four things."""
    changes = compared(queues(weight=one), queues(weight=other)).changes
    assert bool(changes) == (one is not other and not (type(one) is type(other) and one == other))


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        (Exchange(name="x", type="topic"), Exchange(name="x", type="direct"), "type"),
        (Exchange(name="x", type="topic"), Exchange(name="x", type="topic", durable=False), "durable"),
        (Exchange(name="x", type="topic"), Exchange(name="x", type="topic", auto_delete=True), "auto_delete"),
        (Exchange(name="x", type="topic"), Exchange(name="x", type="topic", internal=True), "internal"),
        (Queue(name="x"), Queue(name="x", durable=False), "durable"),
        (Queue(name="x"), Queue(name="x", auto_delete=True), "auto_delete"),
        (Queue(name="x"), Queue(name="x", arguments={"x-queue-type": "quorum"}), "x-queue-type"),
        (Queue(name="x"), Queue(name="x", arguments={"x-max-length": 1}), "x-max-length"),
    ],
)
def test_what_cannot_be_changed_is_replaced(before: Any, after: Any, name: str) -> None:
    """A difference of an exchange or a queue is a replacement, which shows the property with both values."""
    section = "exchanges" if isinstance(after, Exchange) else "queues"
    change = only(compared(Topology(**{section: (after,)}), Topology(**{section: (before,)})))
    assert (change.action, [each.property for each in change.differences]) == (Action.REPLACE, [name])


def test_both_values_are_shown() -> None:
    """What is not set has no value."""
    change = only(compared(queues(max_length=5, expires=7), queues(max_length=9, message_ttl=1)))
    assert change.differences == (
        Difference("x-max-length", 9, 5),
        Difference("x-expires", None, 7),
        Difference("x-message-ttl", 1, None),
    )


@pytest.mark.parametrize(
    ("after", "before", "hint"),
    [
        ({"max_length": 5}, {}, "a policy with max-length: 5 would do, without replacing anything"),
        ({"max_length": 5}, {"max_length": 9}, "a policy with max-length: 5 would do, without replacing anything"),
        ({"max_length": 9}, {"max_length": 5}, ""),
        ({}, {"max_length": 5}, ""),
        ({"overflow": "reject-publish"}, {"overflow": "drop-head"}, ""),
        ({"max_length": 5, "max_priority": 3}, {}, ""),
    ],
)
def test_a_policy_that_would_do_instead(after: Any, before: Any, hint: str) -> None:
    """A policy can add what arguments leave open, and lower a limit; for anything else nothing is said."""
    assert only(compared(queues(**after), queues(**before))).hint == hint


def test_a_binding_is_all_that_it_consists_of() -> None:
    """Another key or another argument is another binding."""
    base = Binding(source="e", destination="q", routing_key="k", arguments={"n": 1})
    others = (replace(base, routing_key="l"), replace(base, arguments={"n": "1"}), replace(base, source="f"))
    plan = compared(Topology(bindings=(base, *others)), Topology(bindings=(base,)))
    assert [change.after for change in plan.changes] == [replace(each, vhost=HERE) for each in others]
    assert plan.unchanged == (base,)


def test_a_policy_is_updated() -> None:
    """Its pattern, what it applies to, its priority and each key of its definition may change."""
    before = Policy(name="p", pattern="a", definition={"max-length": 1, "expires": 5})
    after = Policy(name="p", pattern="b", definition={"max-length": 2}, apply_to="queues", priority=3)
    change = only(compared(Topology(policies=(after,)), Topology(policies=(before,))))
    assert change.action is Action.UPDATE
    assert change.differences == (
        Difference("pattern", "a", "b"),
        Difference("apply_to", "all", "queues"),
        Difference("priority", 0, 3),
        Difference("max-length", 1, 2),
        Difference("expires", 5, None),
    )


def test_vhosts_that_are_missing_come_first() -> None:
    """A vhost that the file names, or an object's, is created with the type that the file gives it."""
    desired = Topology(
        vhosts=(Vhost(name="new", default_queue_type="quorum"),),
        queues=(Queue(name="q", vhost="new"), Queue(name="q", vhost="other")),
    )
    plan = diff(desired, Topology(vhosts=(Vhost(name=HERE),)), vhost=HERE)
    assert plan.missing_vhosts == ("new", "other")
    assert plan.changes[0].after == Vhost(name="new", default_queue_type="quorum")


@pytest.mark.parametrize(
    ("default", "held", "same"),
    [
        ("quorum", {"x-queue-type": "quorum"}, True),
        ("classic", {"x-queue-type": "classic"}, True),
        (None, {"x-queue-type": "classic"}, True),
        (None, {}, True),
        ("quorum", {}, False),
        (None, {"x-queue-type": "quorum"}, False),
    ],
)
def test_a_queue_without_a_type_has_its_vhosts(default: str | None, held: dict[str, Any], same: bool) -> None:
    """RabbitMQ 4.x writes the default type into the arguments: that is no drift."""
    actual = Topology(queues=(Queue(name="q", arguments=held),))
    plan = diff(queues(), on_broker(actual, Vhost(name=HERE, default_queue_type=default)), vhost=HERE)
    assert (not plan.changes) == same


def test_the_default_type_is_for_queues_that_stay() -> None:
    """A transient or auto-deleted queue is classic whatever the default."""
    queue = Queue(name="q", auto_delete=True)
    plan = diff(
        Topology(queues=(queue,)),
        on_broker(Topology(queues=(queue,)), Vhost(name=HERE, default_queue_type="quorum")),
        vhost=HERE,
    )
    assert plan.changes == ()


def test_a_default_type_that_differs_is_a_note() -> None:
    """It is given to vhosts that are created only."""
    desired = Topology(vhosts=(Vhost(name=HERE, default_queue_type="quorum"),))
    (note,) = diff(desired, Topology(vhosts=(Vhost(name=HERE),)), vhost=HERE).notes
    assert str(note).startswith("vhost shop: its default queue type is classic on the broker and quorum in the file")


def policy(name: str = "p", pattern: str = ".*", **definition: Any) -> Policy:
    """Return a policy for everything."""
    return Policy(name=name, pattern=pattern, definition={k.replace("_", "-"): v for k, v in definition.items()})


def notes(desired: Topology, *policies: Policy) -> list[str]:
    """Return what is noted of a topology when the broker has it, with policies beside it."""
    return [str(note) for note in compared(desired, replace(desired, policies=policies)).notes]


def test_a_policy_that_is_not_in_the_file_is_told() -> None:
    """It adds what reading the file does not show."""
    assert notes(queues(), policy(message_ttl=60000)) == [
        "queue q (classic): policy 'p' of the broker (not in the file) sets message-ttl: 60000"
    ]


def test_a_policy_of_the_file_is_no_news() -> None:
    """What the file says of a queue in a policy needs no note."""
    desired = replace(queues(), policies=(policy(message_ttl=60000),))
    assert notes(desired, policy(message_ttl=60000)) == []


def test_only_the_strongest_policy_is_told() -> None:
    """Of several that match, the one with the highest priority applies."""
    strong = replace(policy("strong", max_length=2), priority=5)
    assert [note.split("'")[1] for note in notes(queues(), policy("weak", max_length=1), strong)] == ["strong"]


@pytest.mark.parametrize(
    ("arguments", "definition", "told"),
    [
        ({"max_length": 10}, {"max_length": 5}, "sets max-length: 5, which is stronger than the file's 10"),
        ({"max_length": 5}, {"max_length": 10}, None),
        ({"overflow": "drop-head"}, {"overflow": "reject-publish"}, None),
        (
            {"overflow": "drop-head", "queue_type": "quorum"},
            {"overflow": "reject-publish"},
            "sets overflow: reject-publish, which is stronger than the file's drop-head",
        ),
        ({"queue_type": "quorum", "delivery_limit": -1}, {"delivery_limit": 7}, "sets delivery-limit: 7, which"),
        ({"queue_type": "stream", "max_age": "1D"}, {"max_age": "7D"}, "sets max-age: 7D, which is stronger than"),
        ({"max_priority": 3}, {"delivery_limit": 5}, None),
        ({}, {"federation_upstream": "other"}, "sets federation-upstream: other"),
    ],
)
def test_which_of_both_the_broker_goes_by(arguments: Any, definition: Any, told: str | None) -> None:
    """The lower number, else the argument, but for streams and a quorum queue's overflow the policy."""
    found = notes(queues(**arguments), policy(**definition))
    assert bool(found) == (told is not None)
    assert told is None or told in found[0]


def test_an_exchanges_alternate_by_policy() -> None:
    """Policies add to exchanges too."""
    desired = Topology(exchanges=(Exchange(name="e", type="fanout"),))
    (note,) = notes(desired, policy(alternate_exchange="rest"))
    assert note.endswith("sets alternate-exchange: rest")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, ["operator policy 'cap' sets max-length: 5"]),
        ({"max_length": 9}, ["operator policy 'cap' sets max-length: 5, which is stronger than 9"]),
        ({"max_length": 3}, []),
        ({"queue_type": "stream"}, []),
    ],
)
def test_what_operators_overrule_is_told(arguments: Any, told: list[str]) -> None:
    """Their policies limit whatever the file and other policies say."""
    operators = [replace(policy("cap", max_length=5), vhost=HERE)]
    found = compared(queues(**arguments), queues(**arguments), operator_policies=operators).notes
    assert [note.text for note in found] == told


def test_bindings_that_go_along_are_counted() -> None:
    """A queue that is deleted takes its bindings with it, which the plan tells."""
    changes = compared(KEPT, STRAY, prune=Ownership(whole_vhosts=True)).changes
    assert {str(change.object): change.hint for change in changes if change.hint} == {
        "queue shop.old (classic)": "with 1 binding",
        "queue other.q (classic)": "with 1 binding",
        "exchange other.in (topic)": "with 1 binding",
    }


def test_what_is_for_queues_adds_nothing_to_exchanges() -> None:
    """A policy for everything may hold keys of both."""
    assert notes(Topology(exchanges=(Exchange(name="e", type="fanout"),)), policy(max_length=5)) == []


def test_a_pattern_that_cannot_be_evaluated_is_told() -> None:
    """Where it applies is not known, which is better said than guessed."""
    assert notes(queues(), policy(pattern="(?R)", max_length=1)) == [
        "policy p: its pattern cannot be evaluated here, so what it adds is not known"
    ]


def pruned(desired: Topology, actual: Topology, **rule: Any) -> list[str]:
    """Return what would be deleted."""
    changes = compared(desired, actual, prune=Ownership(**rule)).changes
    return [str(change.object) for change in changes if change.action is Action.DELETE]


STRAY = Topology.parse(
    """
    exchanges: {shop.in: topic, other.in: topic}
    queues:
      shop.old: {bindings: [{source: shop.in, routing_key: x}]}
      shop.jobs:
        bindings: [{source: shop.in, routing_key: old}, {source: other.in}, {source: amq.topic, routing_key: a}]
      other.q: {bindings: [{source: shop.in, routing_key: y}]}
    """
)
KEPT = Topology.parse("exchanges: {shop.in: topic}\nqueues: {shop.jobs: {}}")


def test_nothing_is_deleted_unless_asked() -> None:
    """Without ownership the plan only adds."""
    assert compared(KEPT, STRAY).changes == ()


def test_a_prefix_owns_names_that_begin_with_it() -> None:
    """Left-over queues of ours go, and bindings between two of ours; bindings to or from others stay."""
    assert pruned(KEPT, STRAY, prefixes=("shop.",)) == [
        "binding of queue shop.jobs to shop.in with key 'old'",
        "queue shop.old (classic)",
    ]


def test_bindings_to_and_from_others_are_told() -> None:
    """They may be what the owner of the other end wants, so they stay, which nobody should have to find out."""
    found = compared(KEPT, STRAY, prune=Ownership(prefixes=("shop.",))).notes
    kept = "not in the file, but kept"
    assert [(str(note.object), note.text) for note in found] == [
        ("binding of queue shop.jobs to other.in", f"{kept}: exchange other.in is not owned"),
        ("binding of queue shop.jobs to amq.topic with key 'a'", f"{kept}: exchange amq.topic is not owned"),
        ("binding of queue other.q to shop.in with key 'y'", f"{kept}: queue other.q is not owned"),
    ]


def test_a_whole_vhost_is_owned() -> None:
    """Then everything that the file does not have goes, bindings of what goes along with it."""
    assert pruned(KEPT, STRAY, whole_vhosts=True) == [
        "binding of queue shop.jobs to shop.in with key 'old'",
        "binding of queue shop.jobs to amq.topic with key 'a'",
        "queue shop.old (classic)",
        "queue other.q (classic)",
        "exchange other.in (topic)",
    ]


def test_rabbitmqs_own_names_are_never_deleted() -> None:
    """A queue that the broker named is nobody's to prune."""
    assert pruned(Topology(), Topology(queues=(Queue(name="amq.gen-x"),)), whole_vhosts=True) == []


def test_a_wait_queue_belongs_to_its_queue() -> None:
    """A delay that is no longer on the ladder goes, if its queue is owned or in the file."""
    wait = Queue(name=wait_queue("jobs", 5000), arguments=wait_queue_arguments("jobs", 5000))
    jobs = Topology(queues=(Queue(name="jobs"),))
    held = Topology(queues=(Queue(name="jobs"), wait))
    assert pruned(jobs, held, prefixes=("other",)) == [str(wait)]
    assert pruned(Topology(), held, prefixes=("jobs",)) == ["queue jobs (classic)", str(wait)]
    assert pruned(Topology(), held, prefixes=("other",)) == []


def test_a_policy_that_is_owned_goes() -> None:
    """Policies are pruned by their name, last of all."""
    actual = Topology(policies=(policy("shop.ttl"), policy("other")))
    assert pruned(Topology(), actual, prefixes=("shop.",)) == ["policy shop.ttl"]
