"""What the broker has, the file does not, and the file owns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from amqptool.topology.diff.identity import binding_key, end_of, ends_of, vhosts_of
from amqptool.topology.diff.plan import Action, Change, Note
from amqptool.topology.model import Exchange, Policy, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from amqptool.topology.diff.identity import End
    from amqptool.topology.diff.ownership import Ownership
    from amqptool.topology.model import Binding, Topology, TopologyObject

#: What an object is called: its vhost and its name.
_Key: TypeAlias = "tuple[str | None, str]"
N = TypeVar("N", Exchange, Queue, Policy)


def deletions(desired: Topology, actual: Topology, vhost: str, ownership: Ownership) -> tuple[list[Change], list[Note]]:
    """Return what is to be deleted: bindings, then queues, exchanges and policies; and notes of what is not.

    The bindings of what is deleted go with it, and are not listed. Noted are bindings with one end that is owned.
    """
    here = set(vhosts_of(desired, vhost))
    declared_queues = _keys(desired.queues, vhost)

    def left_over(actual: Iterable[N], declared: Collection[_Key], owns: Callable[[N], bool]) -> list[N]:
        return [
            each for each in actual if each.vhost in here and (each.vhost, each.name) not in declared and owns(each)
        ]

    def owns(thing: Exchange | Policy) -> bool:
        return ownership.owns(thing.name)

    def owns_queue(queue: Queue) -> bool:
        return ownership.owns_queue(queue, declared_queues)

    queues = left_over(actual.queues, declared_queues, owns_queue)
    exchanges = left_over(actual.exchanges, _keys(desired.exchanges, vhost), owns)
    policies = left_over(actual.policies, _keys(desired.policies, vhost), owns)
    gone = {end_of(each, vhost) for each in queues} | {end_of(each, vhost) for each in exchanges}
    owned = {end_of(each, vhost) for each in actual.queues if owns_queue(each)}
    owned |= {end_of(each, vhost) for each in actual.exchanges if owns(each)}
    bindings: list[Binding] = []
    notes: list[Note] = []
    for each in _stray_bindings(desired, actual, vhost):
        source, destination = ends_of(each, vhost)
        if source.vhost not in here or source in gone or destination in gone:
            continue
        if _owns_binding(source, destination, owned, ownership):
            bindings.append(each)
        elif source in owned or destination in owned:
            notes.append(Note(each, _kept(source if destination in owned else destination)))
    things: list[TopologyObject] = [*bindings, *queues, *exchanges, *policies]
    # An exchange that is bound to itself is both ends of one binding.
    bound = Counter(end for each in actual.bindings for end in set(ends_of(each, vhost)))
    return [Change(action=Action.DELETE, before=thing, hint=_hint(thing, bound, vhost)) for thing in things], notes


def _kept(foreign: End) -> str:
    return f"not in the file, but kept: {foreign.kind} {foreign.name} is not owned"


def _hint(thing: TopologyObject, bound: Mapping[End, int], vhost: str) -> str:
    if not isinstance(thing, Exchange | Queue):
        return ""
    number = bound.get(end_of(thing, vhost), 0)
    return f"with {number:,} binding{'' if number == 1 else 's'}" if number else ""


def _stray_bindings(desired: Topology, actual: Topology, vhost: str) -> Iterator[Binding]:
    declared = {binding_key(each, vhost) for each in desired.bindings}
    return (each for each in actual.bindings if binding_key(each, vhost) not in declared)


def _owns_binding(source: End, destination: End, owned: Collection[End], ownership: Ownership) -> bool:
    """Return whether both ends are owned; who owns a whole vhost owns what is bound to `amq.topic` there."""
    return destination in owned and (source in owned or (ownership.whole_vhosts and source.name.startswith("amq.")))


def _keys(things: Iterable[Exchange] | Iterable[Queue] | Iterable[Policy], vhost: str) -> set[_Key]:
    return {(each.vhost or vhost, each.name) for each in things}
