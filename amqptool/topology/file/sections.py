"""The sections of a topology file. A new section is one line of the table at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from amqptool.topology.file import (
    described,
    entries,
    exported,
    objects,
    policies,
    queues,
    reading,
    routing_tests,
    unmanaged,
    vhosts,
)
from amqptool.topology.file.entries import Kind
from amqptool.topology.file.nodes import Mapping, Scalar, Sequence
from amqptool.topology.problems import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.topology.file.draft import Draft
    from amqptool.topology.file.entries import Entry
    from amqptool.topology.file.nodes import Node


WANTED = "a topology is a mapping with exchanges, queues and bindings"
LIST_HINT = '; put a list under the name of its section: {"queues": […]}'


class Section(Protocol):
    """How a section is read into the draft."""

    def item(self, node: Node, draft: Draft) -> None:
        """Read one item of a section that is a list."""
        ...

    def other(self, node: Node, draft: Draft) -> None:
        """Read a section that is no list."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """A section of entries with names: a mapping of them, or RabbitMQ's list."""

    kind: Kind
    read: Callable[[Entry, Draft], None]

    def item(self, node: Node, draft: Draft) -> None:
        """Read one entry of the list."""
        if draft.exported and exported.passes_over(self.kind.word, node, draft):
            return
        if (entry := entries.listed(self.kind, node, draft.problems, exported=draft.exported)) is not None:
            self.read(entry, draft)

    def other(self, node: Node, draft: Draft) -> None:
        """Read the mapping."""
        if isinstance(node, Mapping):
            for entry in entries.shorthand(self.kind, node, draft.problems):
                self.read(entry, draft)
        elif not reading.is_nothing(node):
            wanted = f"{self.kind.section} must be a mapping (name: …) or a list of mappings"
            draft.problems.add(node.place, f"{wanted}, not {reading.describe(node)}", "type")


@dataclass(frozen=True, slots=True)
class Listed:
    """A section that is a list of things without names."""

    name: str
    read: Callable[[Node, Draft], None]

    def item(self, node: Node, draft: Draft) -> None:
        """Read one thing."""
        self.read(node, draft)

    def other(self, node: Node, draft: Draft) -> None:
        """Note what is no list."""
        if not reading.is_nothing(node):
            draft.problems.add(node.place, f"{self.name} must be a list, not {reading.describe(node)}", "type")


def read(root: Mapping, draft: Draft) -> None:
    """Read the sections of a file into its draft."""
    draft.keys = {name: key for name, (key, _) in root.entries.items()}
    for key, node in root.entries.values():
        read_section(key, node, draft)


def read_section(key: Scalar, node: Node, draft: Draft) -> None:
    """Read one section of a file into its draft."""
    section = SECTIONS.get(key.text)
    if section is None and key.text in unmanaged.SECTIONS:
        unmanaged.keep(key, node, draft)
    elif section is None:
        hint = did_you_mean(key.text, [*SECTIONS, *unmanaged.SECTIONS]) or f"; it may have {', '.join(SECTIONS)}"
        draft.problems.add(key.place, f"a topology file has no key {quoted(key.text)}{hint}", "unknown-key")
    elif isinstance(node, Sequence):
        for item in node.items:
            section.item(item, draft)
    else:
        section.other(node, draft)


def _exchange(entry: Entry, draft: Draft) -> None:
    exchange, bindings = objects.exchange(entry, draft.problems)
    draft.exchanges += [exchange] if entry.name is not None else []
    draft.bindings += bindings


def _queue(entry: Entry, draft: Draft) -> None:
    queue, bindings = queues.queue(entry, draft.problems)
    draft.queues += [queue] if entry.name is not None else []
    draft.bindings += bindings


def _binding(node: Node, draft: Draft) -> None:
    if draft.exported and exported.passes_over("binding", node, draft):
        return
    binding = objects.binding(node, draft.problems, exported=draft.exported)
    draft.bindings += [binding] if binding is not None else []


def _policy(entry: Entry, draft: Draft) -> None:
    policy = policies.policy(entry, draft.problems)
    draft.policies += [policy] if policy is not None else []


def _vhost(entry: Entry, draft: Draft) -> None:
    vhost = vhosts.vhost(entry, draft.problems)
    draft.vhosts += [vhost] if vhost is not None else []


def _message(node: Node, draft: Draft) -> None:
    message = described.described_message(node, draft.problems)
    draft.messages += [message] if message is not None else []


def _test(node: Node, draft: Draft) -> None:
    test = routing_tests.routing_test(node, draft.problems)
    draft.tests += [test] if test is not None else []


#: Every section that amqptool manages.
SECTIONS: dict[str, Section] = {
    "vhosts": Named(Kind(section="vhosts", word="vhost", name=reading.name), _vhost),
    "exchanges": Named(Kind(section="exchanges", word="exchange", name=reading.declared_name, short="type"), _exchange),
    "queues": Named(Kind(section="queues", word="queue", name=reading.declared_name, short="type"), _queue),
    "bindings": Listed("bindings", _binding),
    "policies": Named(Kind(section="policies", word="policy", name=reading.name), _policy),
    "messages": Listed("messages", _message),
    "tests": Listed("tests", _test),
}
