"""Topologies that a broker is asked to hold, and saved plans of them."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any

import yaml

from tests.fuzz import mutate
from tests.fuzz.case import Case, Outcome, Place, Scene
from tests.fuzz.documents import EVERYTHING, FILES, changed, written

#: What `plan --out` writes, but for the name of the cluster.
_PLAN: dict[str, Any] = {
    "kind": "amqptool-plan",
    "format": 1,
    "cluster": "c",
    "vhost": "v",
    "create_vhosts": False,
    "owns": ["a"],
    "owns_vhost": False,
    "changes": [{"action": "create", "object": "queue q (classic)", "type": "queue", "name": "q", "vhost": "v"}],
    "topology": {"queues": [{"name": "q", "durable": True, "auto_delete": False, "arguments": {}}]},
}
#: What a broker of any kind takes: no vhosts, and no plugins.
_DECLARABLE = (
    {**EVERYTHING, "vhosts": {}, "exchanges": {**EVERYTHING["exchanges"], "late": "direct"}},
    *(yaml.safe_load(path.read_bytes()) for path in FILES if path.suffix == ".yaml"),
)


def declared(random: Random, place: Place) -> Case:
    """Make a file that a broker is asked to hold."""
    made = changed(random, _DECLARABLE) if random.random() < 0.7 else written(random, random.choice(_DECLARABLE))
    command = random.choice(
        (["declare", "--json"], ["declare", "--json"], ["declare", "--json", "--amqp-only"], ["plan", "--json"])
    )
    return Case(
        words=[*command, "t.yaml"],
        files={"t.yaml": made},
        environ=place.for_topologies,
        check=_is_declared,
    )


def _is_declared(outcome: Outcome, scene: Scene) -> list[str] | None:
    """What was declared is there, and nothing is left to do."""
    if outcome.document.get("kind") != "declare":
        return None
    made = {(each["type"], each.get("name")) for each in outcome.document["objects"] if each["outcome"] == "created"}
    wanted = {(kind, name) for kind, name in made if kind in ("exchange", "queue")}
    if outcome.code != 0 and not wanted:
        return None
    found = [f"{kind} {name!r} is said to be created and is not there" for kind, name in wanted - scene.broker.names()]
    # The management API shows a null within a table as something else, so that it seems to be missing.
    if outcome.code == 0 and b"null" not in (scene.directory / "t.yaml").read_bytes():
        again = scene.run(["plan", "--json", "--detailed-exitcode", "t.yaml"])
        if again.code != 0:
            found.append(f"declared, and to plan it again is {again.code}: {again.stdout[:500]!r}")
    return found


def planned(random: Random, place: Place) -> Case:
    """Make a saved plan that somebody has damaged, and half of the time has signed."""
    vhost = place.topologies_url.rpartition("/")[2]
    body = mutate.tree(random, {**_PLAN, "vhost": vhost}, (_PLAN,), (*_PLAN, *_PLAN["changes"][0]))
    if isinstance(body, dict) and random.random() < 0.5:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        body["checksum"] = hashlib.sha256(canonical.encode()).hexdigest()
    words = ["declare", "--plan", "plan.json", "--json"]
    return Case(words=words, files={"plan.json": written(random, body)}, environ=place.for_topologies)
