"""How queues are doing, in the words of monitoring systems."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from amqptool.cli.output import counted
from amqptool.cli.sanitize import clean_line, without_passwords
from amqptool.errors import BrokerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from amqptool.broker.status import Limits, QueueStatus
    from amqptool.errors import AmqptoolError

#: Of what is wrong, and of queues with figures of their own, a line for Nagios tells so many: it has limits of its own.
_TOLD = 20


class NagiosCode(IntEnum):
    """What Nagios takes the exit codes of its plugins for; they are not those of everything else."""

    OK = 0
    CRITICAL = 2
    UNKNOWN = 3


def nagios(
    queues: Sequence[QueueStatus], limits: Limits, breaches: Sequence[str], unknown: Sequence[str]
) -> tuple[str, NagiosCode]:
    """Return a plugin's line with its performance data, and its exit code."""
    data = f" | {' '.join(_performance(queues, limits))}"
    if breaches:
        more = f"; and {len(breaches) - _TOLD:,} more" if len(breaches) > _TOLD else ""
        return _line(NagiosCode.CRITICAL, "; ".join(breaches[:_TOLD]) + more) + data, NagiosCode.CRITICAL
    if unknown:
        words = f"what a limit needs is not known of {counted(len(unknown), 'queue')}, {unknown[0]!r} among them"
        return _line(NagiosCode.UNKNOWN, words) + data, NagiosCode.UNKNOWN
    depth = sum(queue.depth or 0 for queue in queues)
    words = f"{counted(len(queues), 'queue')}, {counted(depth, 'message')}"
    return _line(NagiosCode.OK, words) + data, NagiosCode.OK


def nagios_failure(error: AmqptoolError) -> tuple[str, NagiosCode]:
    """Return a plugin's line and exit code where nothing could be asked: critical only if the broker is away."""
    code = NagiosCode.CRITICAL if isinstance(error, BrokerUnavailable) else NagiosCode.UNKNOWN
    return _line(code, without_passwords(str(error))), code


def prometheus(queues: Sequence[QueueStatus], vhost: str, now: float) -> str:
    """Return figures in the text format of Prometheus, as for node_exporter's textfile collector."""
    return "\n".join(
        line
        for (name, text), value in _GAUGES.items()
        for line in _gauge(f"amqptool_queue_{name}", text, [(queue.name, value(queue, now)) for queue in queues], vhost)
    )


_GAUGES: dict[tuple[str, str], Callable[[QueueStatus, float], float | None]] = {
    ("messages_ready", "Messages in nobody's hands."): lambda queue, _: queue.ready,
    ("messages_unacked", "Messages that wait for an ack."): lambda queue, _: queue.unacked,
    ("consumers", "Consumers."): lambda queue, _: queue.consumers,
    ("bytes", "Bytes of all bodies."): lambda queue, _: queue.size,
    ("incoming_per_second", "Messages that come in."): lambda queue, _: queue.incoming,
    ("outgoing_per_second", "Messages that leave for good."): lambda queue, _: queue.outgoing,
    ("oldest_age_seconds", "Age of the oldest ready message."): lambda queue, now: queue.age(now),
    ("drain_seconds", "Time until it is empty, if all goes on."): lambda queue, _: queue.seconds_to_drain,
}


def _gauge(name: str, text: str, samples: Sequence[tuple[str, float | None]], vhost: str) -> Iterator[str]:
    known = [(queue, value) for queue, value in samples if value is not None]
    if known:
        yield f"# HELP {name} {text}"
        yield f"# TYPE {name} gauge"
    for queue, value in known:
        yield f'{name}{{vhost="{_label(vhost)}",queue="{_label(queue)}"}} {_number(value)}'


def _label(text: str) -> str:
    return clean_line(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:.15g}"


def _line(code: NagiosCode, words: str) -> str:
    return f"RABBITMQ {code.name} - {clean_line(words).replace('|', '/')}"


def _performance(queues: Sequence[QueueStatus], limits: Limits) -> Iterator[str]:
    """Yield `'label'=value;warning;critical;minimum`: of each queue if they are few, else of all together."""
    if len(queues) > _TOLD:
        yield f"ready={sum(queue.ready or 0 for queue in queues)};;;0"
        yield f"unacked={sum(queue.unacked or 0 for queue in queues)};;;0"
        return
    for queue in queues:
        name = clean_line(queue.name).replace("'", "''").replace("=", "_").replace("|", "_")
        if queue.depth is not None:
            yield f"'{name} depth'={queue.depth};;{_range(limits.max_depth)};0"
        if queue.unacked is not None:
            yield f"'{name} unacked'={queue.unacked};;{_range(limits.max_unacked)};0"
        if queue.consumers is not None:
            yield f"'{name} consumers'={queue.consumers};;{_range(limits.min_consumers, ':')};0"


def _range(limit: int | None, end: str = "") -> str:
    """Write a limit as Nagios does: `10` is anything beyond 10, `10:` anything below."""
    return "" if limit is None else f"{limit}{end}"
