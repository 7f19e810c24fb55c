"""Command lines of every command, made of its own options and of what may be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

import click

from amqptool.cli.root import root
from tests.fuzz import mutate, oddities
from tests.fuzz.case import Case, Place

#: Commands that would start a RabbitMQ or wait for it, apart from their wrong usage.
_SLOW = {("broker", "start"), ("broker", "run")}
#: How commands end that go on for long.
_BOUNDS = {
    ("consume",): ("--timeout", "0.2", "--idle-timeout", "0.2"),
    ("tap",): ("--timeout", "0.2"),
    ("wait",): ("--timeout", "0.2"),
}
#: Values that fit, by the name of the option; what it takes long over is kept short.
_FITTING: dict[str, tuple[str, ...]] = {
    "handler": (
        "exec:true",
        "exec:",
        "exec-lines:cat",
        "tests.fuzz.handlers:decode",
        "os:path",
        "os.path:join",
        "nothing:x",
        "exec:'",
        ":",
        "x",
    ),
    "dedup": (
        "memory:",
        "none",
        "sqlite:///dedup.db",
        "sqlite:///",
        "sqlite:////dev/null",
        "sqlite:///t.yaml",
        "memory:x",
        "redis://127.0.0.1:1/0",
    ),
    "processes": ("1", "0", "-1", "x", "1.0"),
    "count": ("1", "2", "0", "-1", "1e3", "x"),
    "rate": ("100/s", "1/x", "0/s", "-1/s", "1e400/s", "nan/s", "/s", "100/h"),
    "wait": ("0", "0.1", "-1", "nan", "x"),
    "timeout": ("0.1", "0", "-1", "nan"),
    "retry": ("5s,1m", "5s,", ",", "5s,5s", "0s", "1y", "5s 1m"),
    "where": (
        "routing_key=a.#",
        "header.x=1",
        "header.x!=*",
        "=",
        "x=y",
        "header.=1",
        "message_id!=" + "*" * 300,
        "routing_key=" + "#." * 500 + "#",
    ),
    "settings": ("A=1", "A", "=1", "A=", "A=${A}", "é=1"),
    "headers": ("k=v", "k:=1", "k:={", "=", "k", ":=1", "k:=[1,null]", "k:=NaN", "k:=" + "[" * 3_000),
    "header": ("k=v", "k:=1", "k:={", "=", "k"),
    "words": ("retry", "rety", "dead", "replay", "help", ""),
    "url": ("amqp://127.0.0.1:1", "amqp://", "x", ""),
    "management_url": ("http://127.0.0.1:1", "http://", "x", ""),
}
#: Files and directories, there and not there.
_PATHS = (
    "t.yaml",
    "records",
    "stdin",
    ".",
    "nothing",
    "new",
    "new/x",
    "-",
    "/dev/null",
    "/dev/full",
    "",
    "/",
    "t.yaml/x",
    "x" * 300,
    "\udcff",
)
_PATH_OPTIONS = {
    "files",
    "output",
    "out",
    "plan_file",
    "topology",
    "lines",
    "jsonl",
    "file",
    "receipts",
    "failed",
    "save",
    "app_dir",
    "directory",
    "proto_descriptor",
    "validate",
}
#: What makes a command do something, more often than not.
_USUAL = {
    ("publish",): ["-k", "q"],
    ("consume",): ["q"],
    ("delete",): ["-y"],
    ("dedup", "show"): ["6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21"],
    ("dedup", "forget"): ["6f0d6e31-4f2c-4a7e-9a55-0c9b1f6d7a21"],
}
_FILES = {
    "t.yaml": b"exchanges: {incoming: topic}\nqueues: {a: {bindings: [{source: incoming, routing_key: a.#}]}}\n",
    "records": b'{"routing_key": "q", "body": "x"}\n',
}


@cache
def _commands() -> tuple[tuple[tuple[str, ...], click.Command], ...]:
    return tuple(_walk(root, ()))


def _walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _walk(found, (*path, name))


def case(random: Random, place: Place) -> Case:
    """Make a command line."""
    path, command = random.choice(_commands())
    words = [word for parameter in _chosen(random, command) for word in _given(random, parameter)]
    if random.random() < 0.6:
        words += _USUAL.get(path, [])
    if random.random() < 0.2:
        words = _spoilt(random, words, "x" if path[:1] == ("broker",) else place.dead_url)  # which names its directory
    if path in _SLOW:
        words = ["--no-such-option", *words]
    bounds = _BOUNDS.get(path, ())
    words = [oddities.argument(word) for word in (*path, *words, *bounds)]
    environ = place.for_topologies if random.random() < 0.2 else {"AMQPTOOL_URL": place.dead_url}
    return Case(
        words=words,
        stdin=b"body\n",
        files=_FILES,
        environ=environ,
        prints_bodies=_may_print_bodies(words),
    )


def _may_print_bodies(words: list[str]) -> bool:
    """Whether --json may stand where it is a value, or where stdout is something else's."""
    return "--help" in words or "-h" in words or "--version" in words or "--" in words or words.count("--json") > 1


def _chosen(random: Random, command: click.Command) -> list[click.Parameter]:
    arguments = [each for each in command.params if isinstance(each, click.Argument) and random.random() < 0.9]
    options = [each for each in command.params if isinstance(each, click.Option)]
    chosen: list[click.Parameter] = [*arguments, *random.sample(options, min(len(options), random.randrange(5)))]
    if random.random() < 0.5:
        random.shuffle(chosen)
    return chosen


def _given(random: Random, parameter: click.Parameter) -> list[str]:
    values = [_value(random, parameter) for _ in range(abs(parameter.nargs))]
    if isinstance(parameter, click.Argument):
        return values * random.choice((1, 1, 1, 2))
    name = random.choice(parameter.opts + parameter.secondary_opts)
    if random.random() < 0.03:
        name = mutate.misspelt(random, name)
    if parameter.is_flag or parameter.count:
        return [name]
    return (
        [f"{name}={values[0]}"]
        if len(values) == 1 and name.startswith("--") and random.random() < 0.3
        else [name, *values]
    )


def _value(random: Random, parameter: click.Parameter) -> str:
    name = str(parameter.name)
    if name in _FITTING:
        return random.choice(_FITTING[name])
    if name == "files" and random.random() < 0.6:
        return random.choice(tuple(_FILES))
    if name in _PATH_OPTIONS or isinstance(parameter.type, click.Path):
        return random.choice(_PATHS)
    if isinstance(parameter.type, click.Choice) and random.random() < 0.7:
        return str(random.choice(parameter.type.choices))
    if isinstance(parameter.type, click.IntRange | click.FloatRange) and random.random() < 0.7:
        return str(random.choice((1, 2, 5, 255, 0, -1, "1.5", "nan", "inf", "１", "1_0", "9" * 5_000)))
    return random.choice(("q", "a.b", "30s", oddities.text(random), oddities.text(random)))


def _spoilt(random: Random, words: list[str], url: str) -> list[str]:
    """Leave a word out, turn them round, or put in what does not belong there, such as a URL with a password."""
    at = random.randrange(len(words) + 1)
    odd = random.choice((oddities.text(random), *words[at : at + 1], url, f"--ulr={url}"))
    return random.choice(
        (
            words[:at] + words[at + 1 :],
            [*words[:at], odd, *words[at:]],
            [*words[:at], odd, *words[at + 1 :]],
            words[::-1],
        )
    )
