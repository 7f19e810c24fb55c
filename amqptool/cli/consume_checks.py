"""Options of `amqptool consume` that do not go together."""

from __future__ import annotations

from typing import Any

import click

#: The store's name for working without one.
NO_DEDUP = "none"
AT_MOST_ONCE = "at-most-once"
_LAST_PORT = 65_535
#: What says where failed messages go.
_PLACES = ("retry", "dead_letter", "topology")
#: What only a handler has use for.
_HANDLER_OPTIONS = (
    "dedup",
    "dedup_scope",
    "app_dir",
    *_PLACES,
    "missing_id",
    "commit",
    "transaction",
    "handler_timeout",
    "handler_gzip",
    "validate",
)


def check_look_options(handler: str | None, output: str | None, options: dict[str, Any]) -> None:
    """Check that messages go to one place, and that a handler is not asked for what only a look can do.

    Raises:
        UsageError: they do not, or it is.
    """
    if options["save"] is not None and (handler or output):
        raise click.UsageError("--save saves and --handler or --output does not: give one of them.")
    for name in ("where", "requeue"):
        if handler is not None and options[name]:
            raise click.UsageError(f"--{name} looks through the queue and --handler works it off: give one of them.")


def check_handler_options(handler: str | None, options: dict[str, Any]) -> None:
    """Check that nothing is asked of a handler that there is none for, or none of that kind.

    Raises:
        UsageError: something is.
    """
    for name in _HANDLER_OPTIONS:
        if handler is None and options[name] not in (None, False):
            raise click.UsageError(f"--{name.replace('_', '-')} is for a handler: give --handler too.")
    if not options["handler_gzip"]:
        return
    from amqptool.handlers import is_url

    if not is_url(handler or ""):
        raise click.UsageError("--handler-gzip compresses what is sent to a URL: give --handler https://… too.")


def check_promises(options: dict[str, Any]) -> None:
    """Check that nothing is promised that acknowledging first, or doing without dedup, breaks.

    Raises:
        UsageError: something is.
    """
    if options["missing_id"] is not None and options["dedup"] == NO_DEDUP:
        raise click.UsageError("--missing-id is about dedup, and --dedup none is without.")
    if options["ack_mode"] != AT_MOST_ONCE:
        return
    for name in ("where", "requeue", "dedup", "dedup_scope", "missing_id", "transaction", *_PLACES):
        if options[name] and options[name] != NO_DEDUP:
            raise click.UsageError(
                f"--ack-mode at-most-once lets go of messages first, but --{name.replace('_', '-')} needs them still."
            )


def check_transaction(handler: str | None, options: dict[str, Any]) -> None:
    """Check that a handler can have the transaction in which its message becomes done.

    Raises:
        UsageError: it cannot.
    """
    if not options["transaction"] or handler is None:
        return
    from amqptool.dedup import has_transactions
    from amqptool.handlers import is_python

    if not is_python(handler):
        raise click.UsageError("--transaction is for a function of Python: give --handler package.module:function.")
    if not has_transactions(options["dedup"] or NO_DEDUP):
        raise click.UsageError("--transaction needs the database: give --dedup sqlite:///… or postgresql://… too.")
    if options["missing_id"] == "process":
        raise click.UsageError("--transaction takes an id to make done: --missing-id process has none.")
    if options["commit"] is not None:
        raise click.UsageError("--transaction commits each message by itself: leave --commit out.")
    if options["handler_timeout"] is not None:
        raise click.UsageError("--transaction takes a blocking function, which no --handler-timeout can stop.")


def check_ladder(queue: str, options: dict[str, Any]) -> None:
    """Refuse delays that no broker counts, and a dead-letter queue that is no other queue.

    Raises:
        UsageError: it is so.
    """
    if options["retry"] is None and options["dead_letter"] is None:
        return
    from amqptool.work.ladder import ladder_of

    try:
        ladder_of(queue, options["retry"] or (), options["dead_letter"])
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error


def check_processes(handler: str | None, options: dict[str, Any]) -> None:
    """Check that several processes can share the work.

    Raises:
        UsageError: they cannot.
    """
    if options["processes"] == 1:
        return
    if handler is None:
        raise click.UsageError("--processes is for a handler: give --handler too.")
    if options["max_messages"] is not None:
        raise click.UsageError("--max-messages counts in one process: give it or --processes.")
    if options["metrics_port"] and options["metrics_port"] + options["processes"] - 1 > _LAST_PORT:
        raise click.UsageError("--metrics-port is the first of as many ports as --processes: give a lower one.")
    if options["dedup"] == "memory:":
        raise click.UsageError("--dedup memory: is within one process: give another store, or none.")
