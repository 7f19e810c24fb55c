"""From what several files say to one topology, checked as a whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from amqptool.topology.check import Declared, check
from amqptool.topology.expand import expand
from amqptool.topology.file import merge
from amqptool.topology.model import LeftOut, Topology

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from amqptool.topology.expand import Key, Places
    from amqptool.topology.file.draft import Draft
    from amqptool.topology.model import Binding, Queue, Vhost
    from amqptool.topology.problems import Problems


def assemble(drafts: Sequence[Draft], problems: Problems) -> Topology:
    """Merge what the files say, check the whole and return it.

    Raises:
        TopologyError: there are problems, of the files or of the whole.
    """
    vhosts = merge.vhosts(chain.from_iterable(draft.vhosts for draft in drafts), problems)
    queues = merge.named("queue", _settled(drafts, vhosts, problems), problems)
    topology = Topology(
        vhosts=vhosts,
        exchanges=merge.named("exchange", chain.from_iterable(draft.exchanges for draft in drafts), problems),
        queues=expand(queues, _failures(drafts), problems),
        bindings=merge.bindings(chain.from_iterable(draft.bindings for draft in drafts), problems),
        policies=merge.named("policy", chain.from_iterable(draft.policies for draft in drafts), problems),
        messages=merge.messages(chain.from_iterable(draft.messages for draft in drafts), problems),
        tests=tuple(chain.from_iterable(draft.tests for draft in drafts)),
        unmanaged=tuple(chain.from_iterable(draft.unmanaged for draft in drafts)),
        left_out=tuple(chain.from_iterable(draft.left_out for draft in drafts)),
    )
    topology = _without_dangling(topology, {draft.file: draft for draft in drafts if draft.exported})
    check(topology, problems)
    problems.raise_if_any()
    return topology


def _settled(drafts: Iterable[Draft], vhosts: Iterable[Vhost], problems: Problems) -> list[Queue]:
    """Return the queues, each of the type that its vhost gives it, and note what does not fit that type."""
    defaults = {vhost.name: vhost.default_queue_type for vhost in vhosts}
    settled: list[Queue] = []
    for draft in drafts:
        for item in draft.queues:
            vhost = item.queue.vhost
            settled.append(item.settle(draft.default_type if vhost is None else defaults.get(vhost)))
        problems.absorb(draft.problems)
    return settled


def _failures(drafts: Iterable[Draft]) -> dict[Key, Places]:
    """Return where queues say what becomes of their failed messages."""
    places: dict[Key, Places] = {}
    for item in chain.from_iterable(draft.queues for draft in drafts):
        if item.failures is not None:
            places.setdefault((item.queue.vhost, item.queue.name), item.failures)
    return places


def _without_dangling(topology: Topology, exports: Mapping[str, Draft]) -> Topology:
    """Leave out the bindings of exports whose ends nobody can declare.

    RabbitMQ exports neither exclusive queues nor internal exchanges, but it exports their bindings, and takes no
    offence when it imports them.
    """
    if not exports:
        return topology
    declared = Declared(topology)
    kept: list[Binding] = []
    left_out = list(topology.left_out)
    for binding in topology.bindings:
        draft = exports.get(binding.place.file)
        missing = declared.missing_ends(binding) if draft is not None else []
        if draft is None or not missing or not all(draft.may_lack(kind, name) for kind, name in missing):
            kept.append(binding)
        else:
            ends = " and the ".join(f"{kind} {name}" for kind, name in missing)
            left_out.append(LeftOut(what=str(binding), reason=f"the export lacks the {ends}", place=binding.place))
    return replace(topology, bindings=tuple(kept), left_out=tuple(left_out))
