"""A topology as YAML in shorthand: what people would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from amqptool.retry import at_least_once, dead_letter_queue
from amqptool.topology.described import ANY_KEY
from amqptool.topology.dump import layout
from amqptool.topology.dump.fold import folded
from amqptool.topology.dump.table import shorthand
from amqptool.units import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from amqptool.message import FieldValue
    from amqptool.topology.argument import Scope
    from amqptool.topology.described import DescribedMessage
    from amqptool.topology.model import Binding, Exchange, Policy, Queue, RoutingTest, Topology

#: One object's keys and values, in the order in which they are written.
Body: TypeAlias = "dict[str, object]"

T = TypeVar("T", "Exchange", "Queue", "Policy")


def to_yaml(topology: Topology, *, fold: bool = True) -> str:
    """Return the topology as a file for people, in its own order.

    Wait queues and dead-letter queues become `retry` and `dead_letter` of the queue that implies them; without
    `fold`, everything is written out. The sections that amqptool leaves alone (users, permissions, …) are left out.
    """
    sections = _sections(folded(topology) if fold else topology, fold=fold)
    return layout.document({name: body for name, body in sections.items() if body} or {"queues": {}})


def _sections(topology: Topology, *, fold: bool) -> dict[str, object]:
    queues = [queue for queue in topology.queues if not fold or queue.implied_by is None]
    ends = _Ends(topology.exchanges, queues, topology.bindings)
    return {
        "vhosts": {each.name: _given(default_queue_type=each.default_queue_type) or None for each in topology.vhosts},
        "exchanges": _section(topology.exchanges, lambda each: _exchange(each, ends.under("exchange", each))),
        "queues": _section(queues, lambda each: _queue(each, ends.under("queue", each), fold=fold)),
        "bindings": [_free_binding(each) for each in ends.others],
        "policies": _section(topology.policies, _policy),
        "messages": [_message(each) for each in topology.messages],
        "tests": [_test(each) for each in topology.tests],
    }


class _Ends:
    """The bindings, by what they lead to; `others` lead to what has no entry in the file."""

    def __init__(self, exchanges: Iterable[Exchange], queues: Iterable[Queue], bindings: Iterable[Binding]) -> None:
        self._under: dict[tuple[str, str | None, str], list[Body]] = {}
        self._under |= {("exchange", each.vhost, each.name): [] for each in exchanges}
        self._under |= {("queue", each.vhost, each.name): [] for each in queues}
        self.others: list[Binding] = []
        for binding in bindings:
            end = self._under.get((binding.destination_type, binding.vhost, binding.destination))
            if end is None:
                self.others.append(binding)
            else:
                end.append({"source": binding.source, **_match(binding)})

    def under(self, kind: str, thing: Exchange | Queue) -> Body:
        """Return the key with the bindings that lead to an exchange or a queue."""
        return _unless([], bindings=self._under[kind, thing.vhost, thing.name])


def _section(things: Iterable[T], body: Callable[[T], Body]) -> object:
    """Return a section by name, or as a list where a name may stand for several things: in several vhosts."""
    found = list(things)
    if len({thing.vhost for thing in found}) > 1:
        return [{"name": thing.name, **_listed(body(thing))} for thing in found]
    return {thing.name: _short(body(thing)) for thing in found}


def _short(body: Body) -> object:
    """Return `topic` for what has a type and nothing more, and nothing for what has nothing."""
    return body["type"] if body.keys() == {"type"} else body or None


def _listed(body: Body) -> Body:
    """Return a body for a list, where `type: classic` says nothing: RabbitMQ's exports say it of any such queue."""
    return {("queue_type" if (key, value) == ("type", "classic") else key): value for key, value in body.items()}


def _exchange(exchange: Exchange, bindings: Body) -> Body:
    return {
        **_given(vhost=exchange.vhost),
        "type": exchange.type,
        **_unless(True, durable=exchange.durable),
        **_unless(False, auto_delete=exchange.auto_delete, internal=exchange.internal),
        **_arguments("exchange", exchange.arguments),
        **bindings,
    }


def _queue(queue: Queue, bindings: Body, *, fold: bool) -> Body:
    own = dict(queue.arguments)
    kind = own.pop("x-queue-type", None)
    if fold and queue.dead_letter is not None and kind == "quorum":
        own = {name: value for name, value in own.items() if name not in at_least_once(queue.dead_letter)}
    return {
        **_given(vhost=queue.vhost, type=kind),
        **_unless(True, durable=queue.durable),
        **_unless(False, auto_delete=queue.auto_delete),
        **_arguments("queue", own),
        **(_failures(queue) if fold else {}),
        **bindings,
    }


def _failures(queue: Queue) -> Body:
    is_usual = queue.dead_letter == dead_letter_queue(queue.name)
    dead_letter = {"dead_letter": True if is_usual else queue.dead_letter} if queue.dead_letter is not None else {}
    return {**_unless([], retry=[duration(delay) for delay in queue.retry]), **dead_letter}


def _free_binding(binding: Binding) -> Body:
    return {
        **_given(vhost=binding.vhost),
        "source": binding.source,
        "destination": binding.destination,
        **_unless("queue", destination_type=binding.destination_type),
        **_match(binding),
    }


def _match(binding: Binding) -> Body:
    """Return what a binding lets through."""
    return {
        **_unless("", routing_key=binding.routing_key),
        **_unless({}, arguments=dict(binding.arguments)),
    }


def _policy(policy: Policy) -> Body:
    short, others = shorthand("policy", policy.definition)
    return {
        **_given(vhost=policy.vhost),
        "pattern": policy.pattern,
        **_unless("all", apply_to=policy.apply_to),
        **_unless(0, priority=policy.priority),
        "definition": {**short, **others},
    }


def _message(message: DescribedMessage) -> Body:
    return {
        **_given(name=message.name, vhost=message.vhost),
        "exchange": message.exchange,
        **_unless(ANY_KEY, routing_key=message.routing_key),
        **_given(content_type=message.content_type, description=message.description),
        "schema": message.schema,
    }


def _test(test: RoutingTest) -> Body:
    publish = {
        **_unless("", exchange=test.exchange, routing_key=test.routing_key),
        **_unless({}, headers=dict(test.headers)),
    }
    return {**_given(vhost=test.vhost), "publish": publish, "reaches": list(test.reaches)}


def _arguments(scope: Scope, table: Mapping[str, FieldValue]) -> Body:
    short, others = shorthand(scope, table)
    return {**short, **_unless({}, arguments=others)}


def _given(**fields: object) -> Body:
    return {name: value for name, value in fields.items() if value is not None}


def _unless(default: object, /, **fields: object) -> Body:
    return {name: value for name, value in fields.items() if value != default}
