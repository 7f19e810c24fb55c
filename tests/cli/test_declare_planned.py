"""`amqptool declare` with the management API: what differs is changed, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from tests.support.broker import publish, queue_length
from tests.support.cli import run_cli
from tests.support.vhost import VhostUnderTest, limited_user

FILE = """
exchanges:
  orders: topic
queues:
  jobs: {max_length: 20, bindings: [{source: orders, routing_key: a}]}
policies:
  - {name: ttl, pattern: "^jobs$", definition: {message-ttl: 5000}}
"""


@pytest.fixture
def broker(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> VhostUnderTest:
    """Give an empty vhost."""
    return VhostUnderTest(amqptool_node, amqptool_vhost)


@pytest.fixture
def limited(broker: VhostUnderTest) -> Iterator[VhostUnderTest]:
    """Give the vhost as a user sees it who may only touch names that begin with `lim`."""
    with limited_user(broker.node, broker.url, configure="^lim", write="^lim", read="^lim") as url:
        yield VhostUnderTest(broker.node, url)


def outcomes(broker: VhostUnderTest, *words: str, text: str) -> dict[str, str]:
    """Declare and return what became of each object."""
    document = json.loads(broker.run("declare", "--json", *words, "-", text=text).stdout)
    return {each["object"].split(" (")[0]: each["outcome"] for each in document["objects"]}


def test_what_is_missing_is_created_and_the_rest_unchanged(broker: VhostUnderTest) -> None:
    """The first time everything is created, the second time nothing."""
    first = broker.run("declare", "-", text=FILE)
    assert (first.returncode, first.stderr.splitlines()[-1]) == (0, "4 created")
    second = broker.run("declare", "-", text=FILE)
    assert (second.returncode, second.stderr.splitlines()[-1]) == (0, "4 unchanged")
    assert broker.run("plan", "--detailed-exitcode", "-", text=FILE).returncode == 0


def test_a_policy_is_updated(broker: VhostUnderTest) -> None:
    """A policy changes in place."""
    broker.has_policy("ttl", "^jobs$", **{"message-ttl": 9})
    assert outcomes(broker, text=FILE)["policy ttl"] == "updated"
    assert [dict(each.definition) for each in broker.actual().policies] == [{"message-ttl": 5000}]


def test_a_conflict_shows_every_property(broker: VhostUnderTest) -> None:
    """All differences are told, those too that RabbitMQ does not compare, and nothing is changed."""
    broker.holds("queues: {jobs: {max_length: 10, arguments: {x-owner: them}}}")
    done = broker.run("declare", "-", text="queues: {jobs: {max_length: 20, arguments: {x-owner: us}}}")
    assert done.returncode == 4
    assert (
        "jobs (classic): x-owner is us in the file and them on the broker, "
        "x-max-length is 20 in the file and 10 on the broker" in done.stderr
    )
    (held,) = broker.actual().queues
    assert (held.arguments["x-max-length"], held.arguments["x-owner"]) == (10, "them")


def test_a_missing_vhost_is_created_on_demand(broker: VhostUnderTest) -> None:
    """Without --create-vhosts its objects fail with that hint, and others are declared."""
    name = f"amqptool-test-{uuid4().hex[:12]}"
    text = f"queues: [{{name: here}}, {{name: there, vhost: {name}}}]"
    refused = broker.run("declare", "-", text=text)
    assert refused.returncode == 3
    assert f"vhost {name!r} does not exist" in refused.stderr
    assert "--create-vhosts" in refused.stderr
    try:
        created = outcomes(broker, "--create-vhosts", text=text)
        assert created == {f"vhost {name}": "created", "queue there": "created", "queue here": "unchanged"}
    finally:
        asyncio.run(_delete_vhost(broker.node, name))


def test_a_vhost_that_its_user_may_not_create_is_told_once(limited: VhostUnderTest) -> None:
    """Which tag that takes, and that the objects of the vhost were not tried."""
    name = f"amqptool-test-{uuid4().hex[:12]}"
    queue = f"{{name: lim, vhost: {name}}}"
    policy = f"{{name: p, vhost: {name}, pattern: a, definition: {{max-length: 1}}}}"
    done = limited.run("declare", "--create-vhosts", "-", text=f"queues: [{queue}]\npolicies: [{policy}]")
    assert done.returncode == 77
    (error,) = [line for line in done.stderr.splitlines() if "error:" in line]
    assert f"cannot create vhost {name!r}" in error
    assert "the user needs the tag administrator" in error
    assert done.stderr.splitlines()[1:] == [
        f"  queue lim (classic) in vhost {name}: skipped",
        f"  policy p in vhost {name}: skipped",
        "2 skipped, 1 failed",
    ]


async def _delete_vhost(node: Endpoint, name: str) -> None:
    async with Management.at(node.management_url, node.url) as management:
        await management.delete_vhost(name)


def test_replacing_keeps_all_bindings(broker: VhostUnderTest) -> None:
    """What cannot be changed is replaced on demand, and bindings that others made are there again."""
    broker.holds(
        """
        exchanges: {orders: direct, theirs: fanout, inner: fanout}
        queues:
          jobs: {max_length: 10, bindings: [{source: orders, routing_key: a}, {source: theirs}]}
          other: {bindings: [{source: orders, routing_key: b, arguments: {n: 1}}]}
        bindings: [{source: orders, destination: inner, destination_type: exchange, routing_key: c}]
        """
    )
    before = {each for each in broker.names() if each.startswith("binding")}
    done = outcomes(broker, "--allow-replace", text=FILE)
    assert done["exchange orders"] == done["queue jobs"] == "replaced"
    after = broker.names()
    assert {each for each in after if each.startswith("binding")} == before
    assert not [each for each in after if "amqptool" in each]
    assert broker.run("plan", "--detailed-exitcode", "-", text=FILE).returncode == 0


@asynccontextmanager
async def _unacked(url: AmqpUrl, queue: str) -> AsyncIterator[None]:
    """Hold one message of a queue un-acked."""
    async with connect(url) as connection:
        channel = await connection.channel()
        taken = asyncio.Event()
        await channel.consume(queue, lambda _: taken.set(), taken.set, prefetch=1)
        await taken.wait()
        yield


@pytest.mark.parametrize("kind", ["classic", "quorum"])
@pytest.mark.parametrize("state", ["ready", "unacked"])
def test_a_queue_that_holds_messages_is_kept(broker: VhostUnderTest, kind: str, state: str) -> None:
    """Neither replaced nor pruned, whether the message is ready or in somebody's hands."""
    broker.holds(f"queues: {{full: {{queue_type: {kind}}}}}")
    changed = f"queues: {{full: {{queue_type: {kind}, max_length: 5}}}}"

    async def scenario() -> list[dict[str, str]]:
        await publish(broker.url, [Message(body=b"x", routing_key="full")])
        if state == "ready":
            return await asyncio.to_thread(both)
        async with _unacked(broker.url, "full"):
            return await asyncio.to_thread(both)

    def both() -> list[dict[str, str]]:
        replacing = outcomes(broker, "--allow-replace", text=changed)
        return [replacing, outcomes(broker, "--prune", "--owns-vhost", text="queues: {new: }")]

    replaced, pruned = asyncio.run(scenario())
    assert replaced == {"queue full": "kept"}
    assert pruned == {"queue new": "created", "queue full": "kept"}
    assert asyncio.run(queue_length(broker.url, "full")) == 1


def test_why_a_queue_is_kept_is_told(broker: VhostUnderTest) -> None:
    """The message counts, and the flag that overrides them."""
    broker.holds("queues: {full: }")
    asyncio.run(publish(broker.url, [Message(body=b"x", routing_key="full")] * 12))
    changed = "queues: {full: {max_length: 5}}"
    done = broker.run("declare", "--allow-replace", "-", text=changed)
    assert done.returncode == 1
    assert "kept: it holds 12 messages; --migrate keeps them, --delete-messages replaces it all the same" in done.stderr
    assert outcomes(broker, "--allow-replace", "--delete-messages", text=changed) == {"queue full": "replaced"}
    assert asyncio.run(queue_length(broker.url, "full")) == 0


def test_what_the_broker_refuses_costs_nothing(broker: VhostUnderTest) -> None:
    """A replacement that the broker would not declare is found out before anything is deleted."""
    broker.holds("exchanges: {orders: topic}\nqueues: {jobs: {bindings: [{source: orders}]}}")
    text = "exchanges: {orders: x-not-there}\nqueues: {jobs: {bindings: [{source: orders}]}}"
    assert outcomes(broker, "--allow-replace", text=text)["exchange orders"] == "failed"
    assert broker.names() == {
        "exchange orders (topic)",
        "queue jobs (classic)",
        "binding of queue jobs to orders",
    }


def test_an_exclusive_queue_keeps_its_exchange(broker: VhostUnderTest) -> None:
    """Only its own connection could bind it again."""
    broker.holds("exchanges: {orders: topic}")

    async def scenario() -> dict[str, str]:
        async with connect(broker.url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("mine", durable=False, exclusive=True)
            await channel.bind_queue("orders", "mine", "k")
            replacing = "exchanges: {orders: direct}"
            return await asyncio.to_thread(outcomes, broker, "--allow-replace", text=replacing)

    assert asyncio.run(scenario()) == {"exchange orders": "kept"}


def test_prune_deletes_what_is_owned_and_nothing_else(broker: VhostUnderTest) -> None:
    """Bindings, queues, exchanges and policies with the prefix go; others stay."""
    broker.holds(
        """
        exchanges: {shop.old: topic, shop.in: topic, other: topic}
        queues:
          shop.gone: {bindings: [{source: shop.in, routing_key: x}]}
          shop.jobs: {bindings: [{source: shop.in, routing_key: old}, {source: other}]}
        """
    )
    broker.has_policy("shop.policy", "x", **{"max-length": 1})
    text = "exchanges: {shop.in: topic}\nqueues: {shop.jobs: }"
    done = broker.run("declare", "--prune", "--owns", "shop.", "-", text=text)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "4 deleted, 2 unchanged")
    assert broker.names() == {
        "exchange shop.in (topic)",
        "exchange other (topic)",
        "queue shop.jobs (classic)",
        "binding of queue shop.jobs to other",
    }


def test_prune_removes_bindings_that_others_made(broker: VhostUnderTest) -> None:
    """A binding that was made over the management API, with integers of another width than ours, goes too."""
    text = "exchanges: {orders: headers}\nqueues: {jobs: }"
    broker.holds(text)
    broker.is_bound("orders", "jobs", n=1)
    assert (
        outcomes(broker, "--prune", "--owns-vhost", text=text)[
            'binding of queue jobs to orders with arguments {"n": 1}'
        ]
        == "deleted"
    )
    assert broker.run("plan", "--detailed-exitcode", "--prune", "--owns-vhost", "-", text=text).returncode == 0


def test_check_changes_nothing(broker: VhostUnderTest) -> None:
    """What is missing or differs is exit 4, and everything there is exit 0."""
    broker.holds("exchanges: {orders: topic}\nqueues: {jobs: {max_length: 7}}")
    before = broker.names()
    done = broker.run("declare", "--check", "-", text=FILE)
    assert done.returncode == 4
    assert "queue jobs (classic): x-max-length is 20 in the file and 7 on the broker" in done.stderr
    assert "binding of queue jobs to orders with key 'a': it does not exist" in done.stderr
    assert done.stderr.splitlines()[-1] == "1 unchanged, 2 absent, 1 conflict"
    assert broker.names() == before
    assert broker.run("declare", "--allow-replace", "-", text=FILE).returncode == 0
    assert broker.run("declare", "--check", "-", text=FILE).returncode == 0


def test_check_over_amqp_alone_says_what_it_cannot_know(broker: VhostUnderTest) -> None:
    """Whether a name exists is all that AMQP tells."""
    broker.holds("exchanges: {orders: topic}\nqueues: {jobs: }")
    done = broker.run("declare", "--check", "--amqp-only", "-", text="queues: {jobs: }")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "1 unknown")
    assert "properties" in done.stderr
    assert broker.run("declare", "--check", "--amqp-only", "-", text="queues: {more: }").returncode == 4


def test_a_check_that_cannot_see_does_not_pass() -> None:
    """Without the management API it is an error, even at an address that is only a guess."""
    done = run_cli("declare", "--check", "--url", "amqp://guest:guest@127.0.0.9:1", "-", input="queues: {jobs: }")
    assert done.returncode == 69
    assert "no management API at http://127.0.0.9:15672" in done.stderr


@pytest.mark.parametrize("words", [["--check", "--prune", "--owns-vhost"], ["--amqp-only", "--allow-replace"]])
def test_options_that_contradict_each_other(broker: VhostUnderTest, words: list[str]) -> None:
    """Wrong usage, before anything is done."""
    done = broker.run("declare", *words, "-", text=FILE)
    assert done.returncode == 2
    assert broker.names() == set()


def test_without_the_management_api_policies_fail(broker: VhostUnderTest) -> None:
    """At a guessed address it may be missing: the rest is declared, and that is said."""
    done = broker.run("declare", "--amqp-only", "-", text=FILE)
    assert done.returncode == 3
    assert "policy ttl: policies are set over the management API only" in done.stderr
    assert done.stderr.splitlines()[-1] == "3 declared, 1 failed"


def test_a_given_management_address_must_be_right(broker: VhostUnderTest) -> None:
    """Nothing is declared when the API is not where somebody said it is."""
    done = broker.run("declare", "--management-url", "http://127.0.0.1:1", "-", text=FILE)
    assert done.returncode == 69
    assert broker.names() == set()


def test_wait_gives_up_in_time(broker: VhostUnderTest) -> None:
    """A broker that does not come is exit 69."""
    env = {"AMQPTOOL_URL": "amqp://guest:guest@127.0.0.1:1/%2F"}
    assert broker.run("declare", "--wait", "0.2", "-", text=FILE, env=env).returncode == 69


def test_wait_goes_on_when_the_broker_is_there(broker: VhostUnderTest) -> None:
    """With a broker at hand nothing is waited for."""
    assert broker.run("declare", "--wait", "60", "-", text=FILE).returncode == 0


@pytest.mark.parametrize(
    ("held", "text", "right"),
    [
        ("queues: {}", "queues: {mine: }", "configure permission on queue 'mine'"),
        ("queues: {}", "exchanges: {mine: topic}", "configure permission on exchange 'mine'"),
        (
            "exchanges: {lim.in: topic}\nqueues: {theirs: }",
            "exchanges: {lim.in: topic}\nqueues: {theirs: {bindings: [{source: lim.in}]}}",
            "write permission on queue 'theirs'",
        ),
        (
            "exchanges: {theirs: topic}\nqueues: {lim.q: }",
            "exchanges: {theirs: topic}\nqueues: {lim.q: {bindings: [{source: theirs}]}}",
            "read permission on exchange 'theirs'",
        ),
        (
            "exchanges: {theirs: topic}",
            "exchanges: {theirs: topic}\nqueues: {lim.q: {dead_letter_exchange: theirs}}",
            "write permission on exchange 'theirs'",
        ),
    ],
)
def test_a_missing_permission_is_named(
    broker: VhostUnderTest, limited: VhostUnderTest, held: str, text: str, right: str
) -> None:
    """Which right, on which resource, in which vhost."""
    broker.holds(held)
    done = limited.run("declare", "-", text=text)
    assert done.returncode in {77, 3}
    assert f"has no {right} in vhost {broker.url.vhost!r}" in done.stderr


def test_policies_take_a_tag(limited: VhostUnderTest) -> None:
    """A user who may not set policies is told what is missing."""
    done = limited.run("declare", "-", text="policies: [{name: p, pattern: a, definition: {max-length: 1}}]")
    assert done.returncode == 77
    assert "tag policymaker" in done.stderr
