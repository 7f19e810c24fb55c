"""Several files into one topology: what they say alike counts once, what contradicts is named with both places."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from amqptool.topology.described import DescribedMessage
from amqptool.topology.model import Binding, Exchange, Policy, Queue, Vhost
from amqptool.topology.problems import quoted
from amqptool.topology.typed import typed_table

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.problems import Problems

Named = TypeVar("Named", Exchange, Queue, Policy)
Item = TypeVar("Item", Vhost, Exchange, Queue, Policy, Binding, DescribedMessage)


class _Kept(Generic[Item]):
    """The items that are kept: the first of each key."""

    def __init__(self) -> None:
        self.items: dict[Hashable, Item] = {}
        self._repeated: dict[Hashable, Item] = {}

    def put(self, key: Hashable, item: Item) -> Item | None:
        """Keep an item, or return the earlier one that stands under its key, of the same file if there is one."""
        earlier = self.items.setdefault(key, item)
        if earlier is item:
            return None
        if earlier.place.file == item.place.file:
            return earlier
        here = self._repeated.setdefault((item.place.file, key), item)
        return earlier if here is item else here


def named(what: str, items: Iterable[Named], problems: Problems) -> tuple[Named, ...]:
    """Return exchanges, queues or policies, each once: two files may declare the same, one file may not."""
    kept = _Kept[Named]()
    for item in items:
        earlier = kept.put((item.vhost, item.name), item)
        if earlier is not None:
            same = item == earlier and typed_table(_table(item)) == typed_table(_table(earlier))
            if not same or earlier.place.file == item.place.file:
                _refuse(what, item, earlier, problems, same=same)
    return tuple(kept.items.values())


def bindings(items: Iterable[Binding], problems: Problems) -> tuple[Binding, ...]:
    """Return bindings, each once: two files may make the same, one file may not."""
    kept = _Kept[Binding]()
    for item in items:
        table = typed_table(item.arguments)
        # One flat key: a million of them are held at once.
        key = (item.source, item.routing_key, item.destination, item.destination_type, item.vhost, table)
        earlier = kept.put(key, item)
        if earlier is not None and earlier.place.file == item.place.file:
            ends = f"{quoted(item.source)} to {item.destination_type} {quoted(item.destination)}"
            where = earlier.place.seen_from(item.place)
            problems.add(item.place, f"this binding from {ends} already stands {where}", "duplicate")
    return tuple(kept.items.values())


def messages(items: Iterable[DescribedMessage], problems: Problems) -> tuple[DescribedMessage, ...]:
    """Return described messages, each once: two files may say the same of one, one file may not."""
    kept = _Kept[DescribedMessage]()
    for item in items:
        earlier = kept.put((item.vhost, item.exchange, item.routing_key, item.content_type), item)
        if earlier is not None and (earlier != item or earlier.place.file == item.place.file):
            where = earlier.place.seen_from(item.place)
            what = f"messages to {quoted(item.exchange)} with key {quoted(item.routing_key)} are"
            problems.add(item.place, f"{what} already described {where}", "duplicate")
    return tuple(kept.items.values())


def vhosts(items: Iterable[Vhost], problems: Problems) -> tuple[Vhost, ...]:
    """Return vhosts, each once; a default queue type that one file names counts for all."""
    kept = _Kept[Vhost]()
    for item in items:
        earlier = kept.put(item.name, item)
        if earlier is None:
            continue
        kinds = {each.default_queue_type for each in (earlier, item)} - {None}
        if earlier.place.file == item.place.file or len(kinds) > 1:
            _refuse("vhost", item, earlier, problems, same=len(kinds) < 2)
        else:
            kept.items[item.name] = replace(earlier, default_queue_type=next(iter(kinds), None))
    return tuple(kept.items.values())


def _table(item: Exchange | Queue | Policy) -> Mapping[str, FieldValue]:
    return item.definition if isinstance(item, Policy) else item.arguments


def _refuse(what: str, item: Named | Vhost, earlier: Named | Vhost, problems: Problems, *, same: bool) -> None:
    where = earlier.place.seen_from(item.place)
    end = "" if same else ", with other properties"
    problems.add(item.place, f"{what} {quoted(item.name)} is already declared {where}{end}", "duplicate")
