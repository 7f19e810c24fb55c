"""The least rights with which each command does its work: the table of the README, and what its test runs."""

from __future__ import annotations

from dataclasses import dataclass

_WAITING = r"amqptool\.retry\.playstore\..*"


@dataclass(frozen=True)
class Least:
    """What a user needs for a command; '' is no right."""

    #: The command as people write it, and what else its test gives it.
    command: str
    more: tuple[str, ...] = ()
    configure: str = ""
    write: str = ""
    read: str = ""

    @property
    def rights(self) -> dict[str, str]:
        """Return the right of each kind, as `rabbitmqctl` takes them."""
        return {"configure": self.configure, "write": self.write, "read": self.read}


FILE = "topologies/app-publishing.yaml"
RIGHTS = [
    Least("publish -e incoming -k publish.playstore", ("x",), write="^incoming$"),
    Least("publish -k notifications", ("x",), write=r"^amq\.default$"),
    Least("consume notifications", ("-n", "1"), read="^notifications$"),
    Least("consume notifications --handler SPEC", ("-n", "1"), read="^notifications$"),
    Least("peek notifications", read="^notifications$"),
    Least(
        "tap incoming",
        ("--timeout", "100ms"),
        configure=r"^amqptool\.tap\..*$",
        write=r"^amqptool\.tap\..*$",
        read=r"^(incoming|amqptool\.tap\..*)$",
    ),
    # Its handler fails, so that the message is copied to a wait queue.
    Least(
        f"consume playstore --handler SPEC --topology {FILE}", ("-n", "1"), write=r"^amq\.default$", read="^playstore$"
    ),
    Least(
        "consume playstore --handler SPEC --retry 30s",
        ("-n", "1"),
        configure=rf"^{_WAITING}$",
        write=r"^amq\.default$",
        read=rf"^(playstore|{_WAITING})$",
    ),
    Least(
        f"declare {FILE}",
        configure=rf"^(incoming|notifications|playstore|playstore\.dead|{_WAITING})$",
        write=r"^(notifications|playstore|amq\.default)$",
        read=rf"^(incoming|{_WAITING})$",
    ),
    Least(f"plan {FILE}"),
    Least(f"declare --check {FILE}"),
    Least("export"),
    Least("status"),
    Least("wait --queue notifications"),
    Least("purge notifications --yes", read="^notifications$"),
]


def rights_table() -> str:
    """Return the table as the README has it."""
    shown = [f"`{each.command.replace(FILE, 'FILE')}`" for each in RIGHTS]
    cells = [[f"`'{value}'`".replace("|", "\\|") for value in each.rights.values()] for each in RIGHTS]
    rows = [f"| {command} | {' | '.join(row)} |" for command, row in zip(shown, cells, strict=True)]
    return "\n".join(["| command | configure | write | read |", "|---|---|---|---|", *rows]) + "\n"
