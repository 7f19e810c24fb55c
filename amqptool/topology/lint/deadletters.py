"""Dead-lettering: where the broker drops messages without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqptool import units
from amqptool.topology.lint.rule import Finding, Rule
from amqptool.topology.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amqptool.topology.lint.index import DeadLettering, Index, Key

_DLX, _TTL, _STRATEGY = "dead-letter-exchange", "message-ttl", "dead-letter-strategy"
_DLX_GUIDE = "https://www.rabbitmq.com/docs/dlx"
_QUORUM_GUIDE = "https://www.rabbitmq.com/docs/quorum-queues#dead-lettering"
#: Who looks after a dead-letter queue needs a day at least.
_A_DAY = 86_400_000


def _missing_exchange(index: Index) -> Iterator[Finding]:
    for each in index.dead_letterings:
        if not index.is_exchange(each.queue.vhost, each.exchange):
            hint = index.hint(each.exchange, "exchange")
            message = f"{each.author.name} dead-letters to the exchange {quoted(each.exchange)}, which is not declared"
            yield Finding(each.author.place, f"{message}: dead letters vanish{hint}")


def _unroutable(index: Index) -> Iterator[Finding]:
    for each in index.dead_letterings:
        vhost = each.queue.vhost
        if index.is_exchange(vhost, each.exchange) and not index.reach.may(vhost, each.exchange, each.routing_key):
            hint = index.hint(each.routing_key or "", "queue") if each.exchange == "" else ""
            message = f"{each.author.name} dead-letters to {_where(each)}: dead letters vanish{hint}"
            yield Finding(each.author.place, message)


def _where(each: DeadLettering) -> str:
    key = each.routing_key
    if each.exchange == "":
        return f"the queue {quoted(key or '')}, which is not declared"
    exchange = f"the exchange {quoted(each.exchange)}"
    return f"{exchange}, to which no queue is bound" + ("" if key is None else f" that takes the key {quoted(key)}")


def _expiring_wait_queue(index: Index) -> Iterator[Finding]:
    for each in index.dead_letterings:
        settings = index.of(each.queue)
        if "expires" in settings and _TTL in settings:
            author = index.author(each.queue, "expires")
            message = f"{author.name} expires when nobody consumes: what waits in it is deleted, not dead-lettered"
            yield Finding(author.place, message)


def _idle_at_least_once(index: Index) -> Iterator[Finding]:
    for queue in index.own_queues:
        settings = index.of(queue)
        if settings.get(_STRATEGY) != "at-least-once" or index.policies.queue_type(queue) != "quorum":
            continue
        author = index.author(queue, _STRATEGY)
        if _DLX not in settings:
            yield Finding(author.place, f"{author.name} dead-letters at least once, but has no dead_letter_exchange")
        elif settings.get("overflow") != "reject-publish":
            message = f"{author.name} dead-letters at least once, which needs overflow: reject-publish"
            yield Finding(author.place, f"{message}; without it RabbitMQ falls back to at most once")


def _at_most_once(index: Index) -> Iterator[Finding]:
    for each in index.dead_letterings:
        if index.policies.queue_type(each.queue) == "quorum" and _STRATEGY not in index.of(each.queue):
            advice = "dead_letter_strategy: at-least-once and overflow: reject-publish lose none"
            yield Finding(each.author.place, f"{each.author.name} may lose dead letters on their way; {advice}")


def _short_lived_dead_letters(index: Index) -> Iterator[Finding]:
    short = _short_lived(index)
    for each in index.dead_letterings if short else ():
        vhost = each.queue.vhost
        for name in index.reach.sure(vhost, each.exchange, each.routing_key):
            if (ttl := short.pop((vhost, name), None)) is not None:
                author = index.author(index.queues[vhost, name], _TTL)
                kept = f"keeps the dead letters of queue {quoted(each.queue.name)} for only {units.duration(ttl)}"
                yield Finding(author.place, f"queue {quoted(name)} {kept}, then they are deleted")


def _short_lived(index: Index) -> dict[Key, int]:
    """Return the queues that soon delete what nobody takes, and how soon."""
    times = {key: settings.get(_TTL) for key, settings in index.settings.items() if _DLX not in settings}
    return {key: ttl for key, ttl in times.items() if isinstance(ttl, int) and ttl < _A_DAY}


def _retry_without_end(index: Index) -> Iterator[Finding]:
    for queue in index.topology.queues:
        if queue.retry and queue.dead_letter is None:
            message = f"queue {quoted(queue.name)} has retry but no dead_letter: after the last attempt a message"
            yield Finding(queue.place, f"{message} stays with its worker")


RULES = (
    Rule(
        id="dead-letter-exchange",
        summary="A queue dead-letters to an exchange that does not exist.",
        why="RabbitMQ does not look for the exchange when the queue is declared. When a message is dead-lettered and"
        " the exchange is not there, the message is dropped, with nothing but a line in the broker's log. If the"
        " exchange is in another file, check both together with --merge.",
        source=f"{_DLX_GUIDE}; seen on RabbitMQ 3.10: the message is gone, and the channel stays open",
        failing="""\
queues:
  orders: {dead_letter_exchange: failed}
""",
        passing="""\
exchanges:
  failed: fanout
queues:
  orders: {dead_letter_exchange: failed}
  orders.failed: {bindings: [{source: failed}]}
""",
        check=_missing_exchange,
    ),
    Rule(
        id="dead-letter-route",
        summary="The dead-letter exchange exists, but leads to no queue.",
        why="A dead letter is published to the dead-letter exchange with the dead-letter routing key, or with its own"
        " key if there is none. If no binding takes it, it is dropped like every message that cannot be routed. The"
        ' default exchange ("") routes to the queue of that name.',
        source=_DLX_GUIDE,
        failing="""\
queues:
  orders: {dead_letter_exchange: "", dead_letter_routing_key: orders.faild}
  orders.failed:
""",
        passing="""\
queues:
  orders: {dead_letter_exchange: "", dead_letter_routing_key: orders.failed}
  orders.failed:
""",
        check=_unroutable,
    ),
    Rule(
        id="wait-queue-expires",
        summary="A queue whose messages wait to be dead-lettered is itself deleted when it is unused.",
        why="expires deletes a queue that had no consumer, no get and no declare for that long, whether messages come"
        " or not. A wait queue never has consumers, so it is always deleted in the end, and the messages of an expired"
        " queue are not dead-lettered.",
        source="https://www.rabbitmq.com/docs/ttl#queue-ttl; seen on RabbitMQ 3.10",
        failing="""\
queues:
  work:
  work.wait: {message_ttl: 30s, expires: 1h, dead_letter_exchange: "", dead_letter_routing_key: work}
""",
        passing="""\
queues:
  work:
  work.wait: {message_ttl: 30s, dead_letter_exchange: "", dead_letter_routing_key: work}
""",
        check=_expiring_wait_queue,
    ),
    Rule(
        id="at-least-once",
        summary="A quorum queue asks for at-least-once dead-lettering, but lacks what that needs.",
        why="At-least-once dead-lettering needs a dead-letter exchange and overflow: reject-publish. With drop-head,"
        " the default, RabbitMQ falls back to at-most-once without an error.",
        source=_QUORUM_GUIDE,
        failing="""\
queues:
  orders:
    queue_type: quorum
    dead_letter_exchange: ""
    dead_letter_routing_key: orders.failed
    dead_letter_strategy: at-least-once
  orders.failed:
""",
        passing="""\
queues:
  orders:
    queue_type: quorum
    dead_letter_exchange: ""
    dead_letter_routing_key: orders.failed
    dead_letter_strategy: at-least-once
    overflow: reject-publish
  orders.failed:
""",
        check=_idle_at_least_once,
    ),
    Rule(
        id="at-most-once",
        summary="A quorum queue dead-letters at most once.",
        why="By default a dead letter leaves its queue before any other queue has confirmed it, so it is lost if the"
        " broker dies in between or no queue takes it. Quorum queues can keep it until then. Say"
        " dead_letter_strategy: at-most-once if that loss is acceptable.",
        source=_QUORUM_GUIDE,
        failing="""\
queues:
  orders: {queue_type: quorum, dead_letter_exchange: "", dead_letter_routing_key: orders.failed}
  orders.failed:
""",
        passing="""\
queues:
  orders: {queue_type: quorum, dead_letter: true}
""",
        check=_at_most_once,
    ),
    Rule(
        id="dead-letter-ttl",
        summary="A queue keeps dead letters for less than a day and then deletes them.",
        why="Dead letters are there to be looked at. A message whose time is over in a queue that has no dead-letter"
        " exchange of its own is deleted.",
        source="https://www.rabbitmq.com/docs/ttl",
        failing="""\
queues:
  orders: {dead_letter_exchange: "", dead_letter_routing_key: orders.failed}
  orders.failed: {message_ttl: 10m}
""",
        passing="""\
queues:
  orders: {dead_letter_exchange: "", dead_letter_routing_key: orders.failed}
  orders.failed: {message_ttl: 14d}
""",
        check=_short_lived_dead_letters,
    ),
    Rule(
        id="retry-without-dead-letter",
        summary="A queue has a retry ladder, and nothing at its end.",
        why="After the last attempt amqptool's worker puts a message into the dead-letter queue. Without one it keeps"
        " the message un-acked and tries it again in place: nothing is lost, but failed messages fill the prefetch.",
        source="amqptool itself",
        failing="""\
queues:
  orders: {retry: [5s, 1m]}
""",
        passing="""\
queues:
  orders: {retry: [5s, 1m], dead_letter: true}
""",
        check=_retry_without_end,
    ),
)
