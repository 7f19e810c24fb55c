"""The options of `amqptool publish`, in the sections of its help."""

from __future__ import annotations

import click

from amqptool.cli.coding import BODIES, coding_options
from amqptool.cli.fields import HeaderType
from amqptool.cli.measures import Duration, Factor, Rate
from amqptool.cli.names import exchange_names, queue_names
from amqptool.cli.options import options_in, together


def _refuse_delay(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.BadParameter(
            "RabbitMQ does not delay single messages without a plugin. Delay a whole queue: one with 'message_ttl' "
            "and a 'dead_letter_exchange' that leads on, or 'retry:' in a topology file.",
            context,
            parameter,
        )


_addressing = options_in("Where to")
_reading = options_in("What, instead of BODY")
_pacing = options_in("How often, and how fast")
_recording = options_in("What became of it")
_describing = options_in("Properties")
_making = options_in(BODIES)
_confirming = options_in("Confirms")

publish_options = together(
    _addressing(
        "--exchange",
        "-e",
        metavar="NAME",
        shell_complete=exchange_names,
        help="The exchange; left out, the default one: the key is a queue.",
    ),
    _addressing("--routing-key", "-k", metavar="KEY", shell_complete=queue_names, help="The routing key."),
    _addressing("--allow-unroutable", is_flag=True, help="Confirm even what no queue takes (not mandatory)."),
    _reading(
        "--file",
        "files",
        multiple=True,
        metavar="PATH",
        help="Publish a file's bytes, or each file of a directory, as one message; - is stdin. Repeatable.",
    ),
    _reading("--recursive", is_flag=True, help="With --file: the files of subdirectories too."),
    _reading("--lines", metavar="FILE", help="Publish each line as a message; - is stdin."),
    _reading("--jsonl", metavar="FILE", help="Publish JSON records, as 'consume --output jsonl' writes them."),
    _reading(
        "--on-error",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        show_default=True,
        help="What to do about a line or file that is no message.",
    ),
    _pacing("--count", type=click.IntRange(min=1), metavar="N", help="Publish the message N times."),
    _pacing("--rate", type=Rate(), metavar="N/s", help="No more than so many a second (/s), minute (/m), hour (/h)."),
    _pacing(
        "--speed",
        type=Factor(),
        metavar="2",
        help="With --jsonl: as fast as 'tap' has recorded it, or so many times as fast.",
    ),
    _recording("--receipts", metavar="FILE", help="Append to FILE what became of each message; - is stdout."),
    _recording(
        "--resume", is_flag=True, help="Go on with the run in --receipts: send what it does not say is confirmed."
    ),
    _recording("--failed", metavar="FILE", help="Write the messages that did not go, for --jsonl; - is stdout."),
    _describing(
        "--header", "-H", "headers", multiple=True, type=HeaderType(), metavar="K=V", help="k=text or k:=json."
    ),
    _describing("--message-id", metavar="UUID", help="Left out, a new UUID."),
    _describing(
        "--id-from",
        metavar="uuid4|uuid7|body:/POINTER",
        help="Where ids come from: chance, time and chance, or "
        "a place in a JSON body.  [default: time and chance; with --receipts, run and line]",
    ),
    _describing("--content-type", metavar="TYPE", help="Such as application/json."),
    _describing("--correlation-id", metavar="TEXT"),
    _describing("--reply-to", metavar="TEXT"),
    _describing("--expiration", metavar="30s", help="How long the message may wait in a queue; plain: milliseconds."),
    _describing("--priority", type=click.IntRange(0, 255), metavar="N"),
    _describing("--timestamp", type=click.IntRange(min=0), metavar="SECONDS", help="Seconds since the epoch."),
    _describing("--type", metavar="TEXT"),
    _describing("--user-id", metavar="NAME", help="Must be the connection's user; the broker checks."),
    _describing("--app-id", metavar="TEXT"),
    _describing("--transient", is_flag=True, help="Do not ask for survival of a broker restart."),
    _making(
        "--template",
        is_flag=True,
        help="Fill {{count}}, {{uuid}}, {{now}} and {{random 1 100}} in bodies, "
        "routing key and header values; {{{{ is {{ itself.",
    ),
    _making(
        "--validate",
        metavar="FILE",
        help="Check bodies first, by the schemas that this topology file's messages have for them.",
    ),
    coding_options,
    _confirming("--confirm-timeout", type=Duration(), default="30s", show_default=True, metavar="TIME"),
    _confirming("--blocked-timeout", type=Duration(), default="60s", show_default=True, metavar="TIME"),
    _confirming(
        "--reconnect-timeout",
        type=Duration(),
        default="60s",
        show_default=True,
        metavar="TIME",
        help="How long to try to send what a lost connection left in doubt again.",
    ),
    _confirming(
        "--nack-retries",
        type=click.IntRange(min=0),
        default=5,
        show_default=True,
        metavar="N",
        help="How often to send a message again that the broker refused with a nack.",
    ),
    click.option("--delay", hidden=True, expose_value=False, callback=_refuse_delay),
)
