"""What the broker's policies do to the objects of a file, which reading the file does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool.topology import arguments
from amqptool.topology.diff.plan import Note
from amqptool.topology.diff.words import shown
from amqptool.topology.model import Queue
from amqptool.topology.policies import regex, stronger
from amqptool.topology.problems import quoted
from amqptool.topology.typed import typed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from amqptool.message import FieldValue
    from amqptool.topology.argument import Scope
    from amqptool.topology.model import Exchange, Policy
    from amqptool.topology.policies import Policies


def notes(things: Iterable[Exchange | Queue], policies: Policies, foreign: Collection[tuple[str, str]]) -> list[Note]:
    """Tell what policies add to things, and where they are stronger than their arguments.

    `foreign` are the policies (vhost and name) that are not in the file: only these can add what it does not say.
    """
    found: list[Note] = []
    for thing in things:
        matching = policies.matching(thing)
        if matching:
            kind = policies.queue_type(thing) if isinstance(thing, Queue) else "exchange"
            policy = matching[0]
            is_foreign = (policy.vhost or "", policy.name) in foreign
            found += (Note(thing, text) for text in _texts(thing, kind, policy, foreign=is_foreign))
    return found


def operators_notes(things: Iterable[Exchange | Queue], policies: Policies, operators: Policies) -> list[Note]:
    """Tell what the policies of the broker's operators change in what the arguments and `policies` come to."""
    return [Note(thing, text) for thing in things for text in _overruled(thing, policies, operators)]


def unread(policies: Iterable[Policy]) -> list[Note]:
    """Name the policies of which we cannot tell where they apply."""
    text = "its pattern cannot be evaluated here, so what it adds is not known"
    return [Note(policy, text) for policy in policies if regex(policy.pattern) is None]


def _overruled(thing: Exchange | Queue, policies: Policies, operators: Policies) -> Iterator[str]:
    matching = operators.matching(thing)
    if not matching or not isinstance(thing, Queue):  # operators have policies for queues only
        return
    kind, settings = policies.queue_type(thing), policies.effective(thing)
    for key, value in matching[0].definition.items():
        argument = arguments.of_policies("queue", key)
        if argument is None or kind not in argument.queue_types:
            continue
        told = f"operator policy {quoted(matching[0].name)} sets {key}: {shown(value)}"
        if key not in settings:
            yield told
        elif typed(stronger(key, kind, argument=settings[key], policy=value)) != typed(settings[key]):
            yield f"{told}, which is stronger than {shown(settings[key])}"


def _texts(thing: Exchange | Queue, kind: str, policy: Policy, *, foreign: bool) -> Iterator[str]:
    whose = f"policy {quoted(policy.name)}" + (" of the broker (not in the file)" if foreign else "")
    scopes: tuple[Scope, Scope] = ("queue", "exchange") if isinstance(thing, Queue) else ("exchange", "queue")
    for key, value in policy.definition.items():
        argument, others = (arguments.of_policies(scope, key) for scope in scopes)
        if argument is None:
            if foreign and others is None:
                yield f"{whose} sets {key}: {shown(value)}"
        elif kind == "exchange" or kind in argument.queue_types:
            yield from _effect(thing, kind, argument.name, key, value, whose=whose, foreign=foreign)


def _effect(
    thing: Exchange | Queue, kind: str, name: str, key: str, value: FieldValue, *, whose: str, foreign: bool
) -> Iterator[str]:
    if name not in thing.arguments:
        if foreign:
            yield f"{whose} sets {key}: {shown(value)}"
        return
    own = thing.arguments[name]
    if typed(stronger(key, kind, argument=own, policy=value)) != typed(own):
        yield f"{whose} sets {key}: {shown(value)}, which is stronger than the file's {shown(own)}"
