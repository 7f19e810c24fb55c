"""The options of `amqptool consume`, in the sections of its help."""

from __future__ import annotations

import click

from amqptool.cli.consume_checks import AT_MOST_ONCE
from amqptool.cli.looking import Where
from amqptool.cli.measures import Delays, Duration, DurationOrNone, Size
from amqptool.cli.names import queue_names
from amqptool.cli.options import options_in, together
from amqptool.cli.printing import FORMATS

_choosing = options_in("Which messages")
_printing = options_in("Printing them")
_handling = options_in("Handling them")
_delivering = options_in("Deliveries")
_remembering = options_in("Dedup")
_failing = options_in("What fails")
_stopping = options_in("When to stop")
_watching = options_in("Metrics")

consume_options = together(
    _choosing(
        "--where", type=Where(), multiple=True, metavar="FIELD=VALUE", help="Only what is so; FIELD!=VALUE: is not."
    ),
    _printing("--output", type=click.Choice(FORMATS), help="How to print messages.  [default: body]"),
    _printing("--save", metavar="DIR", help="Save each as NAME.body and NAME.json instead of printing it."),
    _handling("--handler", metavar="SPEC", help="Give each delivery to this instead of printing it."),
    _handling("--app-dir", metavar="DIR", help="Look for the handler's module here too."),
    _handling("--handler-timeout", type=Duration(), metavar="30s", help="How long the handler may take for a message."),
    _handling("--handler-gzip", is_flag=True, help="Compress bodies for a handler that is a URL."),
    _handling(
        "--concurrency",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Handlers at a time.",
    ),
    _handling(
        "--processes",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Worker processes, started again when they die; with --metrics-port, each has one from there on.",
    ),
    _delivering("--requeue", is_flag=True, help="Put every message back: look, and take nothing."),
    _delivering(
        "--prefetch",
        type=click.IntRange(1, 65535),
        metavar="N",
        help="Deliveries in hand.  [default: 250; for exec: and http: twice --concurrency]",
    ),
    _delivering("--prefetch-bytes", type=Size(), default="64MiB", show_default=True, help="Bytes of bodies in hand."),
    _delivering(
        "--ack-mode",
        type=click.Choice(("at-least-once", AT_MOST_ONCE)),
        default="at-least-once",
        show_default=True,
        help="at-most-once: ack first; what fails is lost.",
    ),
    _delivering(
        "--consumer-timeout",
        type=DurationOrNone(),
        default="30m",
        show_default=True,
        metavar="30m",
        help="How long the broker lets a delivery be un-acked (its consumer_timeout); none: for ever.",
    ),
    _remembering(
        "--dedup",
        metavar="URL",
        help="sqlite:///FILE, postgresql://HOST/DATABASE, redis://HOST/NUMBER, memory: or none."
        "  [default: AMQPTOOL_DEDUP, the profile's, or a file of the user's]",
    ),
    _remembering(
        "--dedup-scope", metavar="NAME", help="Share the ids under this name.  [default: cluster, vhost, queue]"
    ),
    _remembering(
        "--missing-id", type=click.Choice(("process", "reject")), help="An id that is no UUID.  [default: process]"
    ),
    _remembering(
        "--commit",
        type=click.Choice(["group", "each"]),
        help="Commit what is done together, or each message before the next.  [default: group]",
    ),
    _remembering(
        "--transaction", is_flag=True, help="Handle each in the transaction of --dedup in which it becomes done."
    ),
    _failing("--retry", type=Delays(), metavar="5s,1m,10m", help="Wait so long after each failed attempt, in queues."),
    _failing(
        "--dead-letter", metavar="QUEUE", shell_complete=queue_names, help="Where messages go that failed for good."
    ),
    _failing("--topology", metavar="FILE", help="Take both from what this topology file says of the queue."),
    _failing(
        "--validate",
        metavar="FILE",
        help="Reject, before the handler, bodies that do not fit the schemas of this topology file's messages.",
    ),
    _stopping("--max-messages", "-n", type=click.IntRange(min=1), metavar="N", help="Stop after N, each tried once."),
    _stopping("--min-messages", type=click.IntRange(min=0), metavar="N", help="Fewer than N are a failure (exit 75)."),
    _stopping("--idle-timeout", type=Duration(), metavar="10s", help="Stop when nothing comes for so long."),
    _stopping("--timeout", type=Duration(zero=True), metavar="5m", help="Stop after this time."),
    _stopping(
        "--grace",
        type=Duration(zero=True),
        default="30s",
        show_default=True,
        metavar="30s",
        help="How long running handlers may take to finish when stopping.",
    ),
    _watching(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Serve /metrics, /live and /ready here; 0 picks a port, which -v tells.",
    ),
    _watching(
        "--metrics-address", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="And at this address."
    ),
    click.option("--supervised", type=int, hidden=True),
)
