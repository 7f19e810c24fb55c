"""A queue changes its properties and keeps its messages; where that is not safe, nothing is touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from amqptool import AmqptoolError, AmqpUrl, InputError, InUse, Message, Topology, declare
from amqptool.broker.actual import read_actual
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.broker.management import Management
from amqptool.message import FarTimestamp
from amqptool.migrate import Migrated, migrate
from amqptool.migrate.temporary import temporary_name
from tests.support.broker import drain, publish, queue_length

IN = "exchanges: {in: topic}\n"
BOUND = "bindings: [{source: in, routing_key: '#'}]"


def file(properties: str, *, more: str = "") -> Topology:
    """Return a topology with queue `q`."""
    comma = ", " if properties else ""
    return Topology.parse(f"{IN}queues: {{q: {{{properties}{comma}{BOUND}}}{more}}}")


@asynccontextmanager
async def api(node: Endpoint) -> AsyncIterator[Management]:
    """Open a session with the management API."""
    async with Management.at(node.management_url, node.url) as management:
        yield management


async def migrated(node: Endpoint, url: AmqpUrl, topology: Topology, **settings: Any) -> Migrated:
    """Migrate queue `q`."""
    async with api(node) as management:
        return await migrate(url, topology, "q", management, **settings)


async def names(node: Endpoint, url: AmqpUrl) -> set[str]:
    """Return the names of all exchanges and queues."""
    async with api(node) as management:
        actual = await read_actual(management, [url.vhost])
    return {each.name for each in (*actual.exchanges, *actual.queues)}


def test_every_message_comes_back_as_it_was(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """From classic to quorum and back: body, key, properties and headers, and no copy went elsewhere by its CC."""
    plain = Message(body=b"", exchange="in", routing_key="plain", message_id=None)
    full = Message(
        body=b"\xff\x00",
        exchange="in",
        routing_key="a.b",
        persistent=False,
        headers={"CC": ["cc"], "ratio": 0.1, "far": FarTimestamp(10**13), "x-death": [{"count": 1}], "n": None},
        content_type="t",
        content_encoding="e",
        correlation_id="c",
        reply_to="r",
        expiration="3600000",
        priority=3,
        timestamp=7,
        type="T",
        user_id=amqptool_vhost.username,
        app_id="a",
    )

    async def main() -> list[Message]:
        cc = ", cc: {bindings: [{source: amq.fanout}]}"
        await declare(amqptool_vhost, file("", more=cc))
        await publish(amqptool_vhost, [plain, full])
        for properties in ("type: quorum", "type: classic"):
            result = await migrated(amqptool_node, amqptool_vhost, file(properties))
            assert result == Migrated(queue="q", changed=("x-queue-type",), moved=4)
        assert await queue_length(amqptool_vhost, "cc") == 0
        return [delivery.message for delivery in await drain(amqptool_vhost, "q")]

    kept = [replace(each, headers={**each.headers, "amqptool-exchange": "in"}) for each in (plain, full)]
    found = asyncio.run(main())
    assert [replace(each, exchange="in") for each in found] == kept
    assert asyncio.run(names(amqptool_node, amqptool_vhost)) == {"in", "q", "cc"}


def test_somebody_elses_message_is_moved(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Its user id, with which we may not publish, is kept in a header."""

    async def main() -> Message:
        async with api(amqptool_node) as management:
            await management._request("test", "PUT", "users", "mover", json={"password": "m", "tags": "administrator"})
            rights = {"configure": ".*", "write": ".*", "read": ".*"}
            await management._request("t", "PUT", "permissions", amqptool_vhost.vhost, "mover", json=rights)
        await declare(amqptool_vhost, file(""))
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q", user_id=amqptool_vhost.username)])
        await migrated(amqptool_node, replace(amqptool_vhost, username="mover", password="m"), file("type: quorum"))
        async with api(amqptool_node) as management:
            await management._request("test", "DELETE", "users", "mover")
        (delivery,) = await drain(amqptool_vhost, "q")
        return delivery.message

    message = asyncio.run(main())
    assert message.user_id is None
    assert message.headers == {"amqptool-user-id": amqptool_vhost.username, "amqptool-exchange": ""}


def test_what_is_as_it_should_be_is_left_alone(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Nothing is moved, and no step is told."""

    async def main() -> Migrated:
        await declare(amqptool_vhost, file("max_length: 5"))
        return await migrated(amqptool_node, amqptool_vhost, file("max_length: 5"), on_progress=pytest.fail)

    assert asyncio.run(main()) == Migrated(queue="q")


def test_bindings_of_the_file_and_of_the_broker_are_made(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The new queue has both."""
    wanted = Topology.parse(f"{IN}queues: {{q: {{type: quorum, bindings: [{{source: amq.direct, routing_key: k}}]}}}}")

    async def main() -> set[str]:
        await declare(amqptool_vhost, file(""))
        await migrated(amqptool_node, amqptool_vhost, wanted)
        async with api(amqptool_node) as management:
            return {str(each) for each in (await read_actual(management, [amqptool_vhost.vhost])).bindings}

    direct, topic = "binding of queue q to amq.direct with key 'k'", "binding of queue q to in with key '#'"
    assert asyncio.run(main()) == {direct, topic}


def test_bindings_of_other_clients_are_handed_over(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Those too whose integers have another width than ours."""

    async def main() -> set[str]:
        await declare(amqptool_vhost, file(""))
        async with api(amqptool_node) as management:
            path = ("bindings", amqptool_vhost.vhost, "e", "amq.headers", "q", "q")
            await management._request("bind", "POST", *path, json={"arguments": {"n": 1}})
            await migrate(amqptool_vhost, file("type: quorum"), "q", management)
            actual = await read_actual(management, [amqptool_vhost.vhost])
        return {f"{each.destination} {each.source} {dict(each.arguments)}" for each in actual.bindings}

    assert asyncio.run(main()) == {"q in {}", "q amq.headers {'n': 1}"}


def test_a_migration_goes_on_after_the_file_has_changed_again(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The second goal counts, whatever the first one has left behind."""

    class Killed(Exception):
        """What ends the first one."""

    def die(step: str) -> None:
        if step.startswith("declared queue q "):
            raise Killed

    async def main() -> tuple[Migrated, dict[str, Any], int]:
        await declare(amqptool_vhost, file(""))
        await publish(amqptool_vhost, [Message(body=b"", exchange="in", routing_key="k") for _ in range(10)])
        with pytest.raises(Killed):
            await migrated(amqptool_node, amqptool_vhost, file("type: quorum"), on_progress=die)
        result = await migrated(amqptool_node, amqptool_vhost, file("message_ttl: 1h"))
        async with api(amqptool_node) as management:
            (queue,) = (await read_actual(management, [amqptool_vhost.vhost])).queues
        return result, dict(queue.arguments), await queue_length(amqptool_vhost, "q")

    result, arguments, length = asyncio.run(main())
    assert result.resumed
    assert arguments["x-message-ttl"] == 3_600_000
    assert "quorum" not in arguments.values()
    assert length == 10


def refused(
    node: Endpoint, url: AmqpUrl, before: Topology, after: Topology, kind: type[AmqptoolError] = InUse, **settings: Any
) -> str:
    """Try a migration of three messages that is refused; return why, having checked that nothing was changed."""

    async def main() -> str:
        await declare(url, before)
        await publish(url, [Message(body=b"", exchange="in", routing_key="k") for _ in range(3)])
        untouched = await names(node, url)
        with pytest.raises(kind) as caught:
            await migrated(node, url, after, on_progress=pytest.fail, **settings)
        assert await names(node, url) == untouched
        assert await queue_length(url, "q") == 3
        return str(caught.value)

    return asyncio.run(main())


@pytest.mark.parametrize("held", [True, False], ids=["un-acked", "consumer"])
@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_a_queue_in_use_is_refused(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, queue_type: str, held: bool
) -> None:
    """A consumer, or one that is gone and still holds a message: it would be taken from under its feet."""
    after = file("max_length: 10")

    async def main() -> str:
        await declare(amqptool_vhost, file(f"type: {queue_type}"))
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            taken = asyncio.Event()
            tag = await channel.consume("q", lambda _: taken.set(), lambda: None, prefetch=1)
            if held:
                await publish(amqptool_vhost, [Message(body=b"", routing_key="q")])
                await taken.wait()
                await channel.cancel(tag)
            with pytest.raises(InUse) as caught:
                await migrated(amqptool_node, amqptool_vhost, after, on_progress=pytest.fail)
        return str(caught.value)

    assert "stop its consumers, and start again" in asyncio.run(main())


def test_limits_that_are_too_low_are_refused(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Three messages do not fit into a queue for two, which would drop or refuse one."""
    words = refused(amqptool_node, amqptool_vhost, file(""), file("max_length: 2"))
    assert "its x-max-length of 2 leaves no room for the 3 messages that are there" in words


def test_policies_that_would_drop_messages_are_refused(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """A policy for all queues is one for the temporary queue too; the next step is told."""

    async def set_policy() -> None:
        async with api(amqptool_node) as management:
            policy = {"pattern": ".*", "definition": {"expires": 3_600_000}}
            await management._request("test", "PUT", "policies", amqptool_vhost.vhost, "all", json=policy)

    asyncio.run(set_policy())
    words = refused(amqptool_node, amqptool_vhost, file(""), file("type: quorum"))
    assert "policy all sets expires for the temporary queue amqptool.migrate.q" in words
    assert "of higher priority" in words


def test_a_queue_that_others_reach_by_its_name_needs_force(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Another queue dead-letters to it through the default exchange: what it sends meanwhile would be lost."""
    other = ", other: {dead_letter_exchange: '', dead_letter_routing_key: q}"
    words = refused(amqptool_node, amqptool_vhost, file("", more=other), file("type: quorum"))
    assert "queue other (classic) dead-letters to it" in words
    assert "--force" in words
    result = asyncio.run(migrated(amqptool_node, amqptool_vhost, file("type: quorum"), force=True))
    assert result.moved == 6


def test_an_unbound_queue_needs_force(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Who fills it must do so by its name."""

    async def main() -> Migrated:
        before, after = (Topology.parse(f"queues: {{q: {{type: {kind}}}}}") for kind in ("classic", "quorum"))
        await declare(amqptool_vhost, before)
        await publish(amqptool_vhost, [Message(body=b"", routing_key="q")])
        with pytest.raises(InUse, match="nothing but the default exchange leads to it"):
            await migrated(amqptool_node, amqptool_vhost, after)
        return await migrated(amqptool_node, amqptool_vhost, after, force=True)

    assert asyncio.run(main()).moved == 2


def test_wait_queues_are_no_reason_to_refuse(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """They dead-letter at least once: what the queue does not take now it gets later."""

    async def main() -> Migrated:
        await declare(amqptool_vhost, file("retry: [1m]"))
        return await migrated(amqptool_node, amqptool_vhost, file("retry: [1m], max_length: 9"))

    assert asyncio.run(main()).changed == ("x-max-length",)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("auto_delete: true", "type: quorum", "deletes an auto-delete queue with its last consumer"),
        ("", "type: stream", "reading takes nothing out of a stream"),
    ],
)
def test_kinds_of_queues_that_cannot_be_emptied_are_refused(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, before: str, after: str, words: str
) -> None:
    """Emptying them would lose messages, or never end."""
    assert words in refused(amqptool_node, amqptool_vhost, file(before), file(after), InputError)


def test_a_missing_exchange_is_told_before_anything_is_done(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """The file binds the queue to what is not there yet."""
    text = "exchanges: {in: topic, new: fanout}\nqueues: {q: {type: quorum, bindings: [{source: new}]}}"
    words = refused(amqptool_node, amqptool_vhost, file(""), Topology.parse(text), InputError)
    assert "exchange new, to which the file binds it, is not on the broker" in words


def test_properties_that_the_broker_refuses_are_told_before_anything_is_done(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl
) -> None:
    """They are tried on another queue first."""
    (queue,) = file("type: quorum").queues
    topology = Topology(queues=(replace(queue, arguments={"x-queue-type": "quorum", "x-expires": "soon"}),))
    assert "x-expires" in refused(amqptool_node, amqptool_vhost, file(""), topology, AmqptoolError)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda _: asyncio.sleep(0), "queue q is not on the broker"),
        (lambda channel: channel.declare_queue("q", exclusive=True), "it is exclusive to another connection"),
    ],
)
def test_a_queue_that_is_nobodys_or_somebodys_is_refused(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, prepare: Callable[[Any], Awaitable[None]], words: str
) -> None:
    """There is nothing to migrate, or nobody may."""

    async def main() -> None:
        async with connect(amqptool_vhost) as connection:
            await prepare(await connection.channel())
            with pytest.raises(InputError, match=words):
                await migrated(amqptool_node, amqptool_vhost, file(""))

    asyncio.run(main())


def test_a_queue_that_no_file_has_is_refused(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Neither has a goal that is in several other vhosts."""
    two = Topology.parse("queues: [{name: q, vhost: a}, {name: q, vhost: b}]")
    for topology, words in ((Topology(), "none of the files"), (two, "several vhosts")):
        with pytest.raises(InputError, match=words):
            asyncio.run(migrated(amqptool_node, amqptool_vhost, topology))


def test_two_at_once_are_refused(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """While one is running another one gives up, and the first completes."""

    async def main() -> tuple[str, Migrated]:
        await declare(amqptool_vhost, file(""))
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def first() -> Migrated:
            def on_progress(_step: str) -> None:
                loop.call_soon_threadsafe(begun.set)
                asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

            return asyncio.run(migrated(amqptool_node, amqptool_vhost, file("type: quorum"), on_progress=on_progress))

        running = asyncio.create_task(asyncio.to_thread(first))
        await begun.wait()
        with pytest.raises(InUse) as caught:
            await migrated(amqptool_node, amqptool_vhost, file("type: quorum"))
        go_on.set()
        return str(caught.value), await running

    words, result = asyncio.run(main())
    assert words == "another migration of queue q is running"
    assert result.changed == ("x-queue-type",)


def test_long_names_are_no_obstacle(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Names of 255 bytes end in a hash in ours."""
    name = "ä" * 127

    async def main() -> Migrated:
        before, after = (
            Topology.parse(f"queues: {{{name}: {{type: {kind}, bindings: [{{source: amq.fanout}}]}}}}")
            for kind in ("classic", "quorum")
        )
        await declare(amqptool_vhost, before)
        await publish(amqptool_vhost, [Message(body=b"", routing_key=name)])
        async with api(amqptool_node) as management:
            return await migrate(amqptool_vhost, after, name, management)

    assert len(temporary_name(name).encode()) <= 255
    assert asyncio.run(main()).moved == 2
