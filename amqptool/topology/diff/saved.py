"""A plan as a file: reviewed today, applied tomorrow, unless the broker has moved in between."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from amqptool.errors import InputError
from amqptool.topology.diff.document import change_document
from amqptool.topology.diff.ownership import Ownership
from amqptool.topology.dump.definitions import definitions
from amqptool.topology.model import NOWHERE, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from amqptool.topology.diff.plan import Change, Plan

KIND, FORMAT = "amqptool-plan", 1

#: What of a change depends on the files that were read, and not on the broker.
_INCIDENTAL = {"file", "line", "hint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """What was planned, and for which broker."""

    #: The cluster's name, as the broker tells it.
    cluster: str
    #: The vhost of objects that name none.
    vhost: str
    desired: Topology
    changes: tuple[Mapping[str, Any], ...]
    prune: Ownership | None = None
    create_vhosts: bool = False

    @classmethod
    def of(
        cls, plan: Plan, desired: Topology, *, cluster: str, vhost: str, prune: Ownership | None, create_vhosts: bool
    ) -> SavedPlan:
        """Make a plan into one that can be saved; sections that amqptool leaves alone are left out."""
        return cls(
            cluster=cluster,
            vhost=vhost,
            desired=replace(desired, tests=(), unmanaged=(), left_out=()),
            changes=tuple(map(_essence, plan.changes)),
            prune=prune,
            create_vhosts=create_vhosts,
        )

    def to_json(self) -> str:
        """Return the file's content."""
        body: dict[str, Any] = {
            "kind": KIND,
            "format": FORMAT,
            "cluster": self.cluster,
            "vhost": self.vhost,
            "create_vhosts": self.create_vhosts,
            "owns": list(self.prune.prefixes) if self.prune else [],
            "owns_vhost": bool(self.prune and self.prune.whole_vhosts),
            "changes": list(self.changes),
            "topology": definitions(self.desired),
        }
        return json.dumps({**body, "checksum": _checksum(body)}, indent=1, ensure_ascii=True) + "\n"

    def moved(self, plan: Plan) -> list[str]:
        """Return in words how a plan made now differs from this one; nothing if it does not."""
        before = {_key(each): each for each in self.changes}
        now = {_key(each): each for each in map(_essence, plan.changes)}
        return [*_gone(before, now), *_new(before, now)]


def read_saved(content: bytes, name: str) -> SavedPlan:
    """Read a plan file; `name` stands for it in errors.

    Raises:
        InputError: it is no plan file, is of another version of amqptool, or is damaged.
        TopologyError: what it says is desired has problems.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"{name}: this is no plan file: `amqptool plan --out` writes one") from None
    if not isinstance(body, dict) or body.get("kind") != KIND:
        raise InputError(f"{name}: this is no plan file: `amqptool plan --out` writes one")
    if body.get("format") != FORMAT:
        raise InputError(f"{name}: the plan has format {body.get('format')!r}; this amqptool reads {FORMAT}")
    if not _is_whole(body):
        raise InputError(f"{name}: the plan file is damaged, or somebody has changed it; plan again")
    try:
        return _restored(body, name)
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{name}: the plan file is damaged; plan again") from None


def _restored(body: dict[str, Any], name: str) -> SavedPlan:
    prune = Ownership(prefixes=tuple(body["owns"]), whole_vhosts=body["owns_vhost"])
    return SavedPlan(
        cluster=str(body["cluster"]),
        vhost=str(body["vhost"]),
        desired=_placeless(Topology.parse(json.dumps(body["topology"]), name)),
        changes=tuple({**each} for each in body["changes"]),
        prune=prune if prune.prefixes or prune.whole_vhosts else None,
        create_vhosts=bool(body["create_vhosts"]),
    )


def _placeless(topology: Topology) -> Topology:
    """Forget the places in the plan file, which nobody reads."""
    return replace(
        topology,
        vhosts=tuple(replace(each, place=NOWHERE) for each in topology.vhosts),
        exchanges=tuple(replace(each, place=NOWHERE) for each in topology.exchanges),
        queues=tuple(replace(each, place=NOWHERE) for each in topology.queues),
        bindings=tuple(replace(each, place=NOWHERE) for each in topology.bindings),
        policies=tuple(replace(each, place=NOWHERE) for each in topology.policies),
    )


def _essence(change: Change) -> dict[str, Any]:
    return {key: value for key, value in change_document(change).items() if key not in _INCIDENTAL}


def _key(change: Mapping[str, Any]) -> str:
    identity = {key: value for key, value in change.items() if key not in {"action", "object", "differences"}}
    return _canonical(identity)


def _gone(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key, change in before.items():
        if key not in now:
            yield f"{change.get('object')} was to be {change.get('action')}d, and needs nothing now"


def _new(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key, change in now.items():
        if key not in before:
            yield f"{change['object']} was to stay, and would now be {change['action']}d"
        elif _canonical(before[key]) != _canonical(change):
            yield f"{change['object']} is not what it was when the plan was made"


def _is_whole(body: dict[str, Any]) -> bool:
    try:
        return bool(body.pop("checksum", None) == _checksum(body))
    except RecursionError:  # it is deeper than what can be written, though not than what can be read
        return False


def _checksum(body: Mapping[str, Any]) -> str:
    return sha256(_canonical(body).encode()).hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
