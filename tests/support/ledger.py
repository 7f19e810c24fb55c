"""What has happened to each message, and which of a worker's promises that breaks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf

from amqptool.dedup.interface import Acquired, Key, State
from amqptool.message import Message, normalize_message_id
from amqptool.work.copies import ATTEMPT


@dataclass
class Holder:
    """Who has a key."""

    token: str
    process: str
    lease_until: float
    attempt: int
    #: Whether an attempt was counted in advance, before its handler began.
    is_counted: bool = False


class Ledger:
    """Hears of all that matters, and keeps in `broken` whatever must not have been.

    A message is known by its body, which no other has and all of its copies have; several messages may have one id.
    """

    def __init__(self, scope: str, state_of: Callable[[Key], State | None]) -> None:
        self.broken: list[str] = []
        # What must not be lost: body → id.
        self._to_keep: dict[bytes, str | None] = {}
        self.effects: Counter[str] = Counter()
        self._scope = scope
        self._state_of = state_of
        # How often each id's effect may have been repeated, and how many attempts at it there have been.
        self._excused: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        # Without an id, the bodies of which handlers have succeeded.
        self._handled: set[bytes] = set()
        # Which attempts the confirmed copies of each message are for.
        self._confirmed: dict[bytes, set[float]] = defaultdict(set)
        self._holders: dict[Key, Holder] = {}
        self._crashed: set[str] = set()

    # -- messages --

    def publish(self, message: Message) -> None:
        """Note a new message."""
        self._to_keep[message.body] = normalize_message_id(message.message_id)

    def replay(self, message: Message, *, is_alone: bool) -> None:
        """Note that a dead letter is taken from its queue; if nothing else has its id, its attempts begin anew."""
        message_id = normalize_message_id(message.message_id)
        self._to_keep.pop(message.body, None)  # there may be two copies: its confirm was lost
        if is_alone and message_id is not None:
            self._attempts[message_id] = 0

    def confirm(self, copy: Message) -> None:
        """Note that the broker has confirmed a copy of a failed message; a dead letter is for no attempt any more."""
        self._confirmed[copy.body].add(_attempt(copy, inf))

    def acknowledge(self, message: Message) -> None:
        """Note that a worker has acknowledged a copy: it is done, or a later copy is confirmed."""
        is_done = self._is_done(message.body, normalize_message_id(message.message_id))
        if not is_done and max(self._confirmed[message.body], default=0) <= _attempt(message, 1):
            self._break(f"{message.body!r} was acknowledged: neither done nor passed on")

    def check_lost(self, bodies: Collection[bytes]) -> None:
        """Compare with the bodies of all that is in the broker's queues."""
        for body, message_id in self._to_keep.items():
            if body not in bodies and not self._is_done(body, message_id):
                self._break(f"{body!r} is lost")

    # -- handlers --

    def start(self, message: Message, attempt: int) -> None:
        """Note that a handler is called: an attempt that was counted was made."""
        message_id = normalize_message_id(message.message_id)
        if message_id is not None and attempt > 1 + self._attempts[message_id]:
            self._break(f"{message.body!r}: attempt {attempt} after {self._attempts[message_id]}")

    def fail(self, message: Message, process: str) -> None:
        """Note that a handler fails, with which an attempt that was counted in advance was made."""
        message_id = normalize_message_id(message.message_id) or ""
        self._attempts[message_id] += 1
        holder = self._holders.get(Key(self._scope, message_id))
        if holder is not None and holder.process == process:
            holder.attempt += 1
            holder.is_counted = False

    def act(self, message: Message) -> None:
        """Note that a handler has its effect; a second one needs an excuse."""
        message_id = normalize_message_id(message.message_id)
        if message_id is None:
            self._handled.add(message.body)
            return
        self.effects[message_id] += 1
        if self.effects[message_id] > 1 + self._excused[message_id]:
            self._break(f"{message.body!r} had its effect again")

    # -- processes --

    def die(self, process: str, acted: Collection[Message], *, running: int, most: int) -> None:
        """Note the end of a process in which handlers are running, and have acted whose DONE may not be written."""
        self._crashed.add(process)
        ids = {normalize_message_id(message.message_id) for message in acted}
        held = {key.message_id: holder for key, holder in self._holders.items() if holder.process == process}
        repeated = held.keys() & ids  # what others have taken over was excused then
        self._excused.update(repeated)
        if len(repeated) > most:
            self._break(f"the end of {process} may repeat {len(repeated)} effects, more than {most}")
        if any(holder.is_counted for holder in held.values()) and running > 1:
            self._break(f"the end of {process} costs an attempt at one of {running} messages, whichever is to blame")
        if sum(holder.is_counted for holder in held.values()) > 1:
            self._break(f"the end of {process} costs several messages an attempt")

    # -- claims --

    def claim(self, claim: Acquired, process: str, now: float, lease: float) -> None:
        """Note a claim: nobody else has a live one."""
        old = self._holders.get(claim.key)
        if old is not None:
            self._take_over(claim.key, old, now)
        self._holders[claim.key] = Holder(claim.token, process, now + lease, claim.attempt)

    def renew(self, claim: Acquired, now: float, lease: float) -> None:
        """Note a renewal."""
        holder = self._holders.get(claim.key)
        if holder is not None and holder.token == claim.token:
            holder.lease_until = now + lease
            holder.is_counted = claim.attempt > holder.attempt

    def end(self, claim: Acquired) -> None:
        """Note that a claim was completed, released or discarded."""
        holder = self._holders.get(claim.key)
        if holder is not None and holder.token == claim.token:
            del self._holders[claim.key]

    def _take_over(self, key: Key, old: Holder, now: float) -> None:
        if old.lease_until > now:
            self._break(f"{key.message_id} was claimed while {old.process} had it")
        if old.process not in self._crashed:  # cut off from the store for longer than its lease
            self._excused[key.message_id] += 1
        self._attempts[key.message_id] += old.is_counted

    def _is_done(self, body: bytes, message_id: str | None) -> bool:
        return body in self._handled if message_id is None else self._is_recorded(message_id)

    def _is_recorded(self, message_id: str) -> bool:
        return self._state_of(Key(self._scope, message_id)) == State.DONE

    def _break(self, what: str) -> None:
        self.broken.append(what)


def _attempt(message: Message, otherwise: float) -> float:
    """Return which attempt a copy is for, as far as it says so."""
    attempt = message.headers.get(ATTEMPT)
    return attempt if isinstance(attempt, int) else otherwise
