"""What must not be migrated, and why: each check raises, or does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError, InUse
from amqptool.migrate.temporary import RISKY_KEYS
from amqptool.topology.model import Topology
from amqptool.topology.policies import Policies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from amqptool.broker.occupancy import Occupancy
    from amqptool.migrate.state import State
    from amqptool.topology.model import Policy, Queue


def check_kind(state: State) -> None:
    """Refuse queues that cannot be emptied safely."""
    queue = state.queue
    if queue is None:
        return
    if "stream" in (queue.type, state.queue_type):
        raise InputError(f"{queue} cannot be migrated: reading takes nothing out of a stream")
    if queue.auto_delete:
        words = "the broker deletes an auto-delete queue with its last consumer, messages included"
        raise InputError(f"{queue} cannot be migrated: {words}")


def check_bindings(state: State) -> None:
    """Refuse a file whose bindings could not be made in the end."""
    held = {exchange.name for exchange in state.actual.exchanges}
    for binding in state.goal.bindings:
        if binding.source not in held and not binding.source.startswith("amq."):
            words = f"exchange {binding.source}, to which the file binds it, is not on the broker"
            raise InputError(
                f"{state.goal.queue} cannot be migrated: {words}; declare the file without --migrate first"
            )


def check_occupancy(name: str, occupancy: Occupancy) -> None:
    """Refuse a queue that somebody takes messages from."""
    if occupancy.consumers or occupancy.unacked:
        raise InUse(f"queue {name} {occupancy}: stop its consumers, and start again")


def check_length(queue: Queue, messages: int) -> None:
    """Refuse a limit under which the new queue would not take over all messages."""
    _check_limit(queue, "x-max-length", messages, "messages")


def check_size(queue: Queue, messages: int, size: int | None) -> None:
    """Refuse the same for the size of their bodies; the statistics may not know it yet."""
    if size is not None:
        _check_limit(queue, "x-max-length-bytes", size, "bytes")
    elif messages and "x-max-length-bytes" in queue.arguments:
        raise InUse(f"how many bytes queue {queue.name} holds is not known yet: start again in ten seconds")


def _check_limit(queue: Queue, name: str, count: int, noun: str) -> None:
    limit = queue.arguments.get(name)
    if isinstance(limit, int) and count > limit:
        words = f"its {name} of {limit:,} leaves no room for the {count:,} {noun} that are there"
        raise InUse(f"queue {queue.name} cannot be migrated: {words}")


def check_policies(temporary: Queue, users: Sequence[Policy], operators: Sequence[Policy]) -> None:
    """Refuse policies under which the temporary queue could lose messages; one of each kind applies."""
    for policies in (users, operators):
        for policy in Policies(Topology(policies=tuple(policies))).matching(temporary)[:1]:
            risky = sorted(RISKY_KEYS & policy.definition.keys())
            if risky:
                words = f"policy {policy.name} sets {', '.join(risky)} for the temporary queue {temporary.name}"
                raise InUse(f"{words}, which could lose messages: give that a policy of its own, of higher priority")


def check_default_exchange(state: State, statistics: Mapping[str, Any]) -> None:
    """Refuse a queue to which somebody may publish by its name: such messages are lost while it is not there."""
    reasons = list(_default_exchange_reasons(state, statistics))
    if reasons:
        words = "messages that are published to it by its name would be lost while it is not there"
        raise InUse(f"queue {state.goal.queue.name} cannot be migrated without --force: {reasons[0]}; {words}")


def _default_exchange_reasons(state: State, statistics: Mapping[str, Any]) -> Iterator[str]:
    name = state.goal.queue.name
    bound = {binding.destination for binding in state.actual.bindings if binding.destination_type == "queue"}
    if state.temporary is None and name not in bound:
        yield "nothing but the default exchange leads to it"
    if any(each["exchange"]["name"] == "" for each in statistics.get("incoming") or ()):
        yield "the broker's statistics show messages from the default exchange"
    policies = Policies(state.actual)
    for queue in state.actual.queues:
        if _dead_letters_to(name, policies.effective(queue)):
            yield f"{queue} dead-letters to it"


def _dead_letters_to(name: str, effective: Mapping[str, object]) -> bool:
    """Return whether a queue dead-letters to another by its name, and not at-least-once, which waits for it."""
    by_name = effective.get("dead-letter-exchange") == "" and effective.get("dead-letter-routing-key") == name
    return by_name and effective.get("dead-letter-strategy") != "at-least-once"
