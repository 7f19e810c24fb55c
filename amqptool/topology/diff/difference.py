"""`diff`: from what is desired and what is there to the changes between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from amqptool.topology.diff import compare, effective
from amqptool.topology.diff.deletions import deletions
from amqptool.topology.diff.identity import binding_key, vhosts_of
from amqptool.topology.diff.plan import Action, Change, Note, Plan
from amqptool.topology.model import Exchange, Policy, Queue, Topology, Vhost
from amqptool.topology.policies import Policies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from amqptool.topology.diff.ownership import Ownership
    from amqptool.topology.diff.plan import Difference
    from amqptool.topology.model import TopologyObject

N = TypeVar("N", Exchange, Queue, Policy)


def diff(
    desired: Topology,
    actual: Topology,
    *,
    vhost: str,
    prune: Ownership | None = None,
    operator_policies: Sequence[Policy] = (),
) -> Plan:
    """Return the changes that make `actual` match `desired`.

    `vhost` is that of the desired objects that name none; `actual` has what is in the vhosts of `desired`.
    Deleted is only what `prune` owns. What `operator_policies` overrule is noted.
    """
    return _Comparison(desired, actual, vhost).plan(prune, operator_policies)


class _Comparison:
    """One comparison: what is looked up in it, and what was found to be as it should."""

    def __init__(self, desired: Topology, actual: Topology, vhost: str) -> None:
        self._desired = desired
        self._actual = actual
        self._vhost = vhost
        self._unchanged: list[TopologyObject] = []
        existing = {each.name for each in actual.vhosts}
        wanted = {each.name: each for each in desired.vhosts}
        self._missing = [wanted.get(n, Vhost(name=n)) for n in vhosts_of(desired, vhost) if n not in existing]
        self._foreign = _foreign_policies(desired, actual, vhost)
        policies = (*(self._placed(policy) for policy in desired.policies), *self._foreign)
        self._policies = Policies(Topology(vhosts=(*actual.vhosts, *self._missing), policies=policies))

    def plan(self, prune: Ownership | None, operator_policies: Sequence[Policy]) -> Plan:
        """Compare everything."""
        deleted, kept = deletions(self._desired, self._actual, self._vhost, prune) if prune else ((), ())
        changes = [
            *(Change(action=Action.CREATE, after=vhost) for vhost in self._missing),
            *self._named(self._desired.exchanges, self._actual.exchanges, self._exchange),
            *self._named(self._desired.queues, self._actual.queues, self._queue),
            *self._bindings(),
            *self._named(self._desired.policies, self._actual.policies, self._policy),
            *deleted,
        ]
        notes = (*self._notes(operator_policies), *kept)
        return Plan(changes=tuple(changes), unchanged=tuple(self._unchanged), notes=notes)

    def _named(
        self, desired: Iterable[N], actual: Iterable[N], change: Callable[[N, N], Change | None]
    ) -> list[Change]:
        held = {(each.vhost, each.name): each for each in actual}
        changes: list[Change] = []
        for after in desired:
            before = held.get((after.vhost or self._vhost, after.name))
            if before is None:
                changes.append(Change(action=Action.CREATE, after=self._placed(after)))
            elif (found := change(before, after)) is not None:
                changes.append(found)
            else:
                self._unchanged.append(after)
        return changes

    def _exchange(self, before: Exchange, after: Exchange) -> Change | None:
        return _replacement(before, self._placed(after), compare.exchange(before, after))

    def _queue(self, before: Queue, after: Queue) -> Change | None:
        after = self._placed(after)
        return _replacement(before, after, compare.queue(before, after, self._policies.queue_type(after)))

    def _policy(self, before: Policy, after: Policy) -> Change | None:
        differences = compare.policy(before, after)
        if not differences:
            return None
        return Change(action=Action.UPDATE, before=before, after=self._placed(after), differences=differences)

    def _bindings(self) -> Iterator[Change]:
        held = {binding_key(each, self._vhost) for each in self._actual.bindings}
        for binding in self._desired.bindings:
            if binding_key(binding, self._vhost) in held:
                self._unchanged.append(binding)
            else:
                yield Change(action=Action.CREATE, after=replace(binding, vhost=binding.vhost or self._vhost))

    def _notes(self, operator_policies: Sequence[Policy]) -> Iterator[Note]:
        if self._foreign or self._desired.policies or operator_policies:
            foreign = {(policy.vhost or "", policy.name) for policy in self._foreign}
            things: list[Exchange | Queue] = [self._placed(each) for each in self._desired.exchanges]
            things += [self._placed(each) for each in self._desired.queues]
            yield from effective.notes(things, self._policies, foreign)
            operators = Policies(Topology(vhosts=self._actual.vhosts, policies=tuple(operator_policies)))
            yield from effective.operators_notes(things, self._policies, operators)
            yield from effective.unread([*self._foreign, *operator_policies])
        yield from self._vhost_notes()

    def _vhost_notes(self) -> Iterator[Note]:
        types = {each.name: each.default_queue_type for each in self._actual.vhosts}
        for vhost in self._desired.vhosts:
            held = types.get(vhost.name) or "classic"
            if vhost.name in types and vhost.default_queue_type not in {None, held}:
                text = f"its default queue type is {held} on the broker and {vhost.default_queue_type} in the file"
                yield Note(vhost, f"{text}; it is set only when the vhost is created")

    def _placed(self, thing: N) -> N:
        """Return an object with its vhost."""
        return thing if thing.vhost is not None else replace(thing, vhost=self._vhost)


def _replacement(
    before: Exchange | Queue, after: Exchange | Queue, differences: tuple[Difference, ...]
) -> Change | None:
    if not differences:
        return None
    hint = compare.policy_instead("queue" if isinstance(after, Queue) else "exchange", differences)
    return Change(action=Action.REPLACE, before=before, after=after, differences=differences, hint=hint)


def _foreign_policies(desired: Topology, actual: Topology, vhost: str) -> list[Policy]:
    ours = {(each.vhost or vhost, each.name) for each in desired.policies}
    return [each for each in actual.policies if (each.vhost, each.name) not in ours]
