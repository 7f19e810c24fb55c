"""What the broker has, the file does not, and the file owns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from amqptool.topology.diff.identity import binding_key, vhosts_of
from amqptool.topology.diff.plan import Action, Change, Note
from amqptool.topology.model import Exchange, Policy, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from amqptool.topology.diff.ownership import Ownership
    from amqptool.topology.model import Binding, Topology, TopologyObject

#: What an object is called: its vhost and its name.
_Key: TypeAlias = "tuple[str | None, str]"
#: What a binding leads from or to: its kind, its vhost and its name.
_End: TypeAlias = "tuple[str, str | None, str]"
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
    gone = {("queue", each.vhost, each.name) for each in queues}
    gone |= {("exchange", each.vhost, each.name) for each in exchanges}
    owned = {("queue", each.vhost, each.name) for each in actual.queues if owns_queue(each)}
    owned |= {("exchange", each.vhost, each.name) for each in actual.exchanges if owns(each)}
    stray = [each for each in _stray_bindings(desired, actual, vhost) if each.vhost in here and not _ends(each) & gone]
    bindings: list[Binding] = []
    notes: list[Note] = []
    for each in stray:
        if _owns_binding(each, owned, ownership):
            bindings.append(each)
        elif _ends(each) & owned:
            notes.append(Note(each, _kept(each, owned)))
    things: list[TopologyObject] = [*bindings, *queues, *exchanges, *policies]
    bound = Counter(end for each in actual.bindings for end in _ends(each))
    return [Change(action=Action.DELETE, before=thing, hint=_hint(thing, bound)) for thing in things], notes


def _kept(binding: Binding, owned: Collection[_End]) -> str:
    kind, _, name = _source(binding) if _destination(binding) in owned else _destination(binding)
    return f"not in the file, but kept: {kind} {name} is not owned"


def _hint(thing: TopologyObject, bound: Mapping[_End, int]) -> str:
    if not isinstance(thing, Exchange | Queue):
        return ""
    number = bound.get((type(thing).__name__.lower(), thing.vhost, thing.name), 0)
    return f"with {number:,} binding{'' if number == 1 else 's'}" if number else ""


def _stray_bindings(desired: Topology, actual: Topology, vhost: str) -> Iterator[Binding]:
    declared = {binding_key(each, vhost) for each in desired.bindings}
    return (each for each in actual.bindings if binding_key(each, vhost) not in declared)


def _owns_binding(binding: Binding, owned: Collection[_End], ownership: Ownership) -> bool:
    """Return whether both ends are owned; who owns a whole vhost owns what is bound to `amq.topic` there."""
    source, destination = _source(binding), _destination(binding)
    return destination in owned and (source in owned or (ownership.whole_vhosts and binding.source.startswith("amq.")))


def _ends(binding: Binding) -> set[_End]:
    return {_source(binding), _destination(binding)}


def _source(binding: Binding) -> _End:
    return "exchange", binding.vhost, binding.source


def _destination(binding: Binding) -> _End:
    return binding.destination_type, binding.vhost, binding.destination


def _keys(things: Iterable[Exchange] | Iterable[Queue] | Iterable[Policy], vhost: str) -> set[_Key]:
    return {(each.vhost or vhost, each.name) for each in things}
