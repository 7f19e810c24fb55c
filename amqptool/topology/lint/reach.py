"""Where a message may come to and where it surely comes to, as far as a file can tell.

Headers, and what a plugin's exchange does, are not known here: such a binding may match and may not.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from amqptool.topology.lint.patterns import Patterns, words_of_key, words_of_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from amqptool.topology.lint.index import Index, Key
    from amqptool.topology.model import Binding

#: So many bindings are followed for one topology; beyond that nothing is certain, and everything possible.
MAX_STEPS = 2_000_000


class Reach:
    """Follows messages over the bindings of a topology."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._steps = 0
        self._sources: dict[Key, _Source] = {}
        self._sure: dict[tuple[Key, str | None], tuple[str, ...]] = {}

    def may(self, vhost: str | None, exchange: str, key: str | None) -> bool:
        """Return whether a message with this key (None: with some key) may come to a queue."""
        return any(True for _ in self._queues((vhost, exchange), key, sure=False)) or self._steps > MAX_STEPS

    def sure(self, vhost: str | None, exchange: str, key: str | None) -> tuple[str, ...]:
        """Return the queues that every message with this key (None: with any key) comes to."""
        start = (vhost, exchange)
        if (start, key) not in self._sure:
            self._sure[start, key] = tuple(dict.fromkeys(self._queues(start, key, sure=True)))
        return self._sure[start, key]

    def _queues(self, start: Key, key: str | None, *, sure: bool) -> Iterator[str]:
        seen, todo = {start}, [start]
        while todo:
            exchange = todo.pop()
            yield from self._by_name(exchange, key, sure=sure)
            for kind, name in self._next(exchange, key, sure=sure):
                self._steps += 1
                if self._steps > MAX_STEPS:
                    return
                if kind == "queue":
                    yield name
                elif (exchange[0], name) not in seen:
                    seen.add((exchange[0], name))
                    todo.append((exchange[0], name))

    def _by_name(self, exchange: Key, key: str | None, *, sure: bool) -> Iterator[str]:
        """Route as the default exchange does."""
        if exchange[1] == "" and key is None and not sure:
            yield ""  # some queue
        elif exchange[1] == "" and key is not None and (exchange[0], key) in self._index.queues:
            yield key

    def _next(self, exchange: Key, key: str | None, *, sure: bool) -> Iterator[tuple[str, str]]:
        if exchange not in self._sources:
            bindings = self._index.bindings_from.get(exchange, [])
            self._sources[exchange] = _Source(self._index.routes_as(*exchange), bindings)
        for binding in self._sources[exchange].matching(key, sure=sure):
            yield binding.destination_type, binding.destination
        if not sure and exchange in self._index.alternates:
            yield "exchange", self._index.alternates[exchange]


class _Source:
    """The bindings of one exchange, by what they match."""

    def __init__(self, kind: str | None, bindings: list[Binding]) -> None:
        self._kind = kind
        self._bindings = bindings

    def matching(self, key: str | None, *, sure: bool) -> Iterable[Binding]:
        """Return the bindings that may match a key, or that surely do."""
        if self._kind == "fanout":
            return self._bindings
        if key is None or self._kind not in ("direct", "topic"):
            return [] if sure else self._bindings
        if self._kind == "direct":
            return self._by_key.get(key, [])
        return self._by_pattern.covering(words_of_key(key))

    @cached_property
    def _by_key(self) -> dict[str, list[Binding]]:
        found: dict[str, list[Binding]] = {}
        for binding in self._bindings:
            found.setdefault(binding.routing_key, []).append(binding)
        return found

    @cached_property
    def _by_pattern(self) -> Patterns[Binding]:
        patterns: Patterns[Binding] = Patterns()
        for binding in self._bindings:
            patterns.add(words_of_pattern(binding.routing_key), binding)
        return patterns
