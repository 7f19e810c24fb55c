"""Dead-letter cycles that no consumer breaks: the broker drops the messages in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.lint.index import DeadLettering, Index, Key

#: A message in a queue, with its routing key; None: a key that the file does not tell.
_State: TypeAlias = "tuple[Key, str | None]"
#: Queues on a cycle that a message names.
_MAX_SHOWN = 8
#: So many moves from queue to queue are looked at in one topology.
_MAX_MOVES = 500_000


class _Walk:
    """Follows messages that move by themselves: expired, or pushed out of a full queue."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._moving: dict[Key, DeadLettering] = {
            (each.queue.vhost, each.queue.name): each
            for each in index.dead_letterings
            if _moves_by_itself(index.of(each.queue))
        }
        self._moves = 0

    def cycles(self) -> Iterator[list[Key]]:
        """Yield the queues of each cycle, in the order of the messages' way, unless they are on an earlier one."""
        done: set[_State] = set()
        told: set[Key] = set()
        for start in self._starts():
            for cycle in self._from(start, done, told):
                told.update(cycle)
                yield cycle

    def _starts(self) -> Iterator[_State]:
        keys = self._keys_into({key for key, each in self._moving.items() if each.routing_key is None})
        for queue, each in self._moving.items():
            if each.routing_key is not None:
                yield queue, None  # whatever it was, it gets another
            else:
                yield from ((queue, key) for key in keys.get(queue, [queue[1]]))

    def _keys_into(self, queues: set[Key]) -> dict[Key, list[str | None]]:
        """Return the keys with which messages come to queues; of those without bindings, nothing."""
        found: dict[Key, list[str | None]] = {}
        for binding in self._index.topology.bindings if queues else ():
            destination = (binding.vhost, binding.destination)
            if binding.destination_type == "queue" and destination in queues:
                kind, key = self._index.routes_as(binding.vhost, binding.source), binding.routing_key
                literal = kind == "direct" or (kind == "topic" and not {"*", "#"} & set(key.split(".")))
                found.setdefault(destination, []).append(key if literal else None)
        return found

    def _from(self, start: _State, done: set[_State], told: set[Key]) -> Iterator[list[Key]]:
        if start in done:
            return
        done.add(start)
        way = {start[0]: self._next(start)}
        while way:
            state = next(next(reversed(way.values())), None)
            if state is None:
                way.popitem()
            elif state[0] in way:
                if state[0] not in told:
                    queues = list(way)
                    yield queues[queues.index(state[0]) :]
            elif state not in done:
                done.add(state)
                way[state[0]] = self._next(state)

    def _next(self, state: _State) -> Iterator[_State]:
        queue, old_key = state
        each = self._moving[queue]
        key = old_key if each.routing_key is None else each.routing_key
        for name in self._index.reach.sure(queue[0], each.exchange, key):
            self._moves += 1
            if self._moves > _MAX_MOVES:
                return
            if (queue[0], name) in self._moving:
                yield (queue[0], name), key


def _moves_by_itself(settings: Mapping[str, FieldValue]) -> bool:
    limited = "max-length" in settings or "max-length-bytes" in settings
    return "message-ttl" in settings or (limited and settings.get("overflow") != "reject-publish")


def _cycles(index: Index) -> Iterator[Finding]:
    for cycle in _Walk(index).cycles():
        first = min(range(len(cycle)), key=lambda number: index.queues[cycle[number]].place)
        ring = [name for _, name in cycle[first:] + cycle[: first + 1]]
        names = [quoted(name) for name in ring]
        shown = names if len(names) <= _MAX_SHOWN else [*names[: _MAX_SHOWN - 1], "…", names[-1]]
        way = " → ".join(shown)
        yield Finding(index.queues[cycle[first]].place, f"messages go round by themselves, {way}, and then vanish")


RULES = (
    Rule(
        id="dead-letter-cycle",
        summary="Messages that expire, or that a full queue pushes out, come back to the queue they were in.",
        why="RabbitMQ drops a message that is dead-lettered to a queue where it was before, unless a consumer rejected"
        " it somewhere on that way. A work queue and its wait queue are fine, as long as only rejected messages go to"
        " the wait queue: the work queue must have no message_ttl, and max_length only with overflow: reject-publish.",
        source="https://www.rabbitmq.com/docs/dlx#effects; seen on RabbitMQ 3.10: gone after one lap",
        failing="""\
queues:
  work: {message_ttl: 1h, dead_letter_exchange: "", dead_letter_routing_key: work.wait}
  work.wait: {message_ttl: 30s, dead_letter_exchange: "", dead_letter_routing_key: work}
""",
        passing="""\
queues:
  work: {dead_letter_exchange: "", dead_letter_routing_key: work.wait}
  work.wait: {message_ttl: 30s, dead_letter_exchange: "", dead_letter_routing_key: work}
""",
        check=_cycles,
    ),
)
