"""What `retry` and `dead_letter` of a queue imply: wait queues, a dead-letter queue, and arguments of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from amqptool import retry
from amqptool.topology.model import Queue
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.model import Place
    from amqptool.topology.problems import Problems

#: What a queue is called: its vhost and its name.
Key: TypeAlias = "tuple[str | None, str]"

_EXCHANGE, _ROUTING_KEY = "x-dead-letter-exchange", "x-dead-letter-routing-key"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a file says what becomes of a queue's failed messages: a place for each delay, and `dead_letter`'s."""

    delays: tuple[Place, ...]
    dead_letter: Place

    @classmethod
    def of(cls, queue: Queue) -> Places:
        """Let the queue's own place stand for all, as when no file was read."""
        return cls((queue.place,) * len(queue.retry), queue.place)


def expand(queues: Iterable[Queue], places: Mapping[Key, Places], problems: Problems) -> tuple[Queue, ...]:
    """Return the queues, with the arguments that `dead_letter` adds, and behind them the queues that they imply.

    A dead-letter queue that is declared by itself is used as it is, and several queues may share one. A wait
    queue that is declared by itself must be what would be implied: exports contain them.
    """
    expansion = _Expansion(places, problems)
    own = [expansion.complete(queue) for queue in queues]
    return (*own, *expansion.implied(own))


class _Expansion:
    """One expansion: what it looks up, and where it notes problems."""

    def __init__(self, places: Mapping[Key, Places], problems: Problems) -> None:
        self._places = places
        self._problems = problems

    def complete(self, queue: Queue) -> Queue:
        """Return a queue with the broker's own dead-lettering, where the queue needs it.

        RabbitMQ 4.x drops a message of a quorum queue that was returned too often, unless the queue
        dead-letters; a classic queue drops nothing by itself, there the worker's copy is enough.
        """
        if queue.type == "stream":
            self._refuse_on_streams(queue)
        if queue.dead_letter is None or self._contradicts(queue, queue.dead_letter) or queue.type != "quorum":
            return queue
        wanted = retry.at_least_once(queue.dead_letter)
        for name in wanted.keys() & queue.arguments.keys():
            self._check_fits(queue, name, wanted[name])
        return replace(queue, arguments={**queue.arguments, **wanted})

    def implied(self, queues: list[Queue]) -> Iterator[Queue]:
        """Yield each implied queue that is not there already."""
        failing = [queue for queue in queues if queue.retry or queue.dead_letter is not None]
        found = {_key(queue): queue for queue in queues} if failing else {}
        for queue in failing:
            for item in self._implied_by(queue):
                earlier = found.setdefault(_key(item), item)
                if earlier is item:
                    yield item
                else:
                    self._check_same(queue, item, earlier)

    def _where(self, queue: Queue) -> Places:
        return self._places.get(_key(queue)) or Places.of(queue)

    def _implied_by(self, queue: Queue) -> Iterator[Queue]:
        where = self._where(queue)
        for delay, place in zip(queue.retry, where.delays, strict=True):
            arguments = retry.wait_queue_arguments(queue.name, delay)
            yield _implied(queue, retry.wait_queue(queue.name, delay), arguments, place)
        if queue.dead_letter is not None:
            yield _implied(queue, queue.dead_letter, retry.dead_letter_queue_arguments(), where.dead_letter)

    def _refuse_on_streams(self, queue: Queue) -> None:
        where = self._where(queue)
        message = "is not for streams: reading a message takes it from no stream, so none can fail there"
        if queue.retry:
            self._problems.add(where.delays[0], f"retry {message}", "queue-type")
        if queue.dead_letter is not None:
            self._problems.add(where.dead_letter, f"dead_letter {message}", "queue-type")

    def _contradicts(self, queue: Queue, target: str) -> bool:
        """Note a queue whose dead letters the broker would take elsewhere."""
        route = queue.arguments.get(_EXCHANGE), queue.arguments.get(_ROUTING_KEY)
        if route[0] is None or route == ("", target):
            return False
        message = f"the queue has dead_letter and an {_EXCHANGE} of its own, which leads elsewhere: leave one out"
        self._problems.add(self._where(queue).dead_letter, message, "contradiction")
        return True

    def _check_fits(self, queue: Queue, name: str, wanted: str | int) -> None:
        given = queue.arguments[name]
        if given != wanted:
            needed = f"dead_letter on a quorum queue needs {name} {wanted}, to lose nothing on the way"
            where = self._where(queue).dead_letter
            self._problems.add(where, f"{needed}; the queue says {quoted(str(given))}", "contradiction")

    def _check_same(self, queue: Queue, item: Queue, earlier: Queue) -> None:
        """Note an implied queue whose name another queue has, unless both are the same."""
        is_dead_letter = item.name == queue.dead_letter
        if (is_dead_letter and earlier.implied_by is None) or _declared(item) == _declared(earlier):
            return
        what = "dead-letter queue" if is_dead_letter else "wait queue"
        where = earlier.place.seen_from(item.place)
        message = f"the {what} {quoted(item.name)} that this implies is declared {where}, with other properties"
        self._problems.add(item.place, message, "duplicate")


def _implied(queue: Queue, name: str, arguments: Mapping[str, FieldValue], place: Place) -> Queue:
    return Queue(name=name, arguments=arguments, implied_by=queue.name, vhost=queue.vhost, place=place)


def _key(queue: Queue) -> Key:
    return queue.vhost, queue.name


def _declared(queue: Queue) -> tuple[bool, bool, Mapping[str, FieldValue]]:
    """Return what the broker is told about a queue."""
    return queue.durable, queue.auto_delete, dict(queue.arguments)
