"""`amqptool dedup`: what workers remember of message ids."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.exits import ExitCode, tally
from amqptool.cli.options import ProfiledGroup
from amqptool.cli.output import View, counted, error_fields
from amqptool.cli.sanitize import clean_line
from amqptool.errors import InputError, InUse, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from amqptool.dedup.interface import Counts, DedupStore, Entry
    from amqptool.errors import AmqptoolError

store_option = click.option(
    "--dedup",
    "url",
    metavar="URL",
    help="The store, as of consume.  [default: AMQPTOOL_DEDUP, the profile's, or a file of the user's]",
)
scope_option = click.option("--dedup-scope", "scope", metavar="NAME", help="Only the ids under this name.")
ids_argument = click.argument("ids", nargs=-1, required=True, metavar="ID...")


@click.group(cls=ProfiledGroup)
def dedup() -> None:
    """Look into the store of the message ids that workers have handled.

    What is done there is not handled again. An id is done for one scope: by default, one queue of one cluster.
    """


@dedup.command(
    epilog=examples(
        ("Count what is in your own store", "amqptool dedup stats"),
        ("Count what is in another one", "amqptool dedup stats --dedup sqlite:///shop.db"),
    ),
)
@store_option
@pass_context
def stats(context: Context, url: str | None) -> ExitCode:
    """Count the ids of each scope: done, claimed by a worker, released after a failure."""
    with _store(context, url) as store:
        counts = store.counts()
    return context.output.show(
        View(
            kind="dedup stats",
            document={"scopes": [each._asdict() for each in counts]},
            data="\n".join(map(_counts_line, counts)),
            talk="" if counts else "the store is empty",
        )
    )


@dedup.command(
    epilog=examples(
        ("See whether a message is done", "amqptool dedup show 6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21"),
        (
            "See it in another store",
            "amqptool dedup show --dedup sqlite:///shop.db \\\n    6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21",
        ),
    ),
)
@ids_argument
@scope_option
@store_option
@pass_context
def show(context: Context, ids: Sequence[str], scope: str | None, url: str | None) -> ExitCode:
    """Show what is known of message ids; an unknown one is a failure."""
    wanted = [_normal(each) for each in ids]
    with _store(context, url) as store:
        found = [_of(store, each, scope) for each in wanted]
    entries = [entry for each in found for entry in each]
    missing = [(each, _unknown(each)) for each, known in zip(wanted, found, strict=True) if not known]
    return context.output.show(
        View(
            kind="dedup show",
            document={"entries": [_document(entry) for entry in entries], "failures": list(map(_failure, missing))},
            data="\n".join(map(_entry_line, entries)),
            errors=tuple(str(error) for _, error in missing),
            code=tally(len(wanted) - len(missing), [error for _, error in missing]),
        )
    )


@dedup.command(
    epilog=examples(
        ("Let a message be handled once more", "amqptool dedup forget 6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21"),
        (
            "Forget it in another store",
            "amqptool dedup forget --dedup sqlite:///shop.db \\\n    6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21",
        ),
    ),
)
@ids_argument
@scope_option
@store_option
@pass_context
def forget(context: Context, ids: Sequence[str], scope: str | None, url: str | None) -> ExitCode:
    """Forget message ids, so that their messages are handled again.

    An id that a live worker is at is kept, and that is a failure.
    """
    wanted = [_normal(each) for each in ids]
    forgotten: list[Entry] = []
    failures: list[tuple[str, AmqptoolError]] = []
    with _store(context, url) as store:
        for each in wanted:
            entries = _of(store, each, scope)
            went = store.forget([entry.key for entry in entries])
            forgotten += [entry for entry, gone in zip(entries, went, strict=True) if gone]
            failures += [(each, _in_use(entry)) for entry, gone in zip(entries, went, strict=True) if not gone]
            failures += [] if entries else [(each, _unknown(each))]
    return context.output.show(
        View(
            kind="dedup forget",
            document={
                "forgotten": [entry.key._asdict() for entry in forgotten],
                "failures": list(map(_failure, failures)),
            },
            errors=tuple(str(error) for _, error in failures),
            talk=f"{len(forgotten):,} forgotten",
            code=tally(len(forgotten), [error for _, error in failures]),
        )
    )


@dedup.command(
    epilog=examples(
        ("Forget what is old enough", "amqptool dedup prune"),
        ("In another store", "amqptool dedup prune --dedup sqlite:///shop.db"),
    ),
)
@store_option
@pass_context
def prune(context: Context, url: str | None) -> ExitCode:
    """Forget what was done longer ago than it is to be remembered, as workers do every ten minutes."""
    with _store(context, url) as store:
        count = sum(iter(store.prune, 0))
    return context.output.show(
        View(kind="dedup prune", document={"pruned": count}, talk=f"{counted(count, 'id')} pruned")
    )


@contextmanager
def _store(context: Context, url: str | None) -> Iterator[DedupStore]:
    from amqptool.dedup import open_existing

    store = open_existing(context.resolve_dedup(url).value)
    try:
        yield store
    finally:
        store.close()


def _normal(message_id: str) -> str:
    from amqptool.message import normalize_message_id

    normal = normalize_message_id(message_id)
    if normal is None:
        raise InputError(f"{message_id!r} is no UUID, and of other ids nothing is remembered")
    return normal


def _of(store: DedupStore, message_id: str, scope: str | None) -> list[Entry]:
    return [entry for entry in store.find(message_id) if scope in (None, entry.key.scope)]


def _unknown(message_id: str) -> NotFound:
    return NotFound(f"{message_id}: nothing is known of it")


def _in_use(entry: Entry) -> InUse:
    return InUse(f"{entry.key.message_id}: kept: a live worker is at it in {entry.key.scope}")


def _failure(failure: tuple[str, AmqptoolError]) -> dict[str, Any]:
    message_id, error = failure
    return {"message_id": message_id, **error_fields(error)}


def _counts_line(counts: Counts) -> str:
    return clean_line(f"{counts.scope}: {counts.done:,} done, {counts.claimed:,} claimed, {counts.released:,} released")


def _entry_line(entry: Entry) -> str:
    told = _document(entry)
    return clean_line("{message_id} {state} in {scope}, attempt {attempt}, until {until}".format(**told))


def _document(entry: Entry) -> dict[str, Any]:
    from amqptool.dedup.interface import State
    from amqptool.records import time_to_json

    key, row = entry
    return {
        **key._asdict(),
        "state": State(row.state).name.lower(),
        "attempt": row.attempt,
        "owner": row.owner,
        "until": time_to_json(datetime.fromtimestamp(row.lease_until, UTC), "seconds"),
    }
