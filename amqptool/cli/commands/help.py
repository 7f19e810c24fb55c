"""`amqptool help`: topics that no single command explains, and the help of commands."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from amqptool.cli.context import Context, pass_context
from amqptool.cli.examples import examples
from amqptool.cli.options import OfflineCommand
from amqptool.cli.output import View
from amqptool.cli.topics import TOPICS, painted, read_topic, rendered, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from amqptool.cli.exits import ExitCode

_MORE = (
    "`amqptool help TOPIC` explains one of them. `amqptool --help` lists the commands, and `amqptool help COMMAND` "
    "shows the help of one."
)


def _offered(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the topics and commands that begin so, or after a command those below it."""
    words = context.params.get("words") or ()
    found, unknown = _below(context.find_root(), words)
    names = [] if unknown else [*(() if words else TOPICS), *_commands(found)]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _below(context: click.Context, words: Sequence[str]) -> tuple[click.Context, Sequence[str]]:
    """Return the context of a command, as if it had been called, and the words that name none there."""
    group = context.command
    command = group.get_command(context, words[0]) if words and isinstance(group, click.Group) else None
    if command is None:
        return context, words
    return _below(click.Context(command, info_name=words[0], parent=context), words[1:])


def _commands(context: click.Context) -> list[str]:
    return context.command.list_commands(context) if isinstance(context.command, click.Group) else []


def _list() -> View:
    titles = {topic: title_of(read_topic(topic)) for topic in TOPICS}
    width = max(map(len, TOPICS)) + 2
    lines = [f"{topic:<{width}}{title}" for topic, title in titles.items()]
    return _page(
        "\n".join(["# Topics", "", *lines, "", _MORE]),
        {"topics": [{"topic": topic, "title": title} for topic, title in titles.items()]},
    )


def _topic(topic: str) -> View:
    text = read_topic(topic)
    return _page(text, {"topic": topic, "title": title_of(text), "text": text})


def _page(text: str, document: dict[str, object]) -> View:
    columns = shutil.get_terminal_size().columns
    return View(kind="help", document=document, data=rendered(text, columns), paint=painted)


def _command(root: click.Context, words: Sequence[str]) -> View:
    found, unknown = _below(root, words)
    if unknown:
        _fail(found, unknown[0], is_first=found is root)
    text = found.get_help()
    return View(kind="help", document={"command": " ".join(words), "text": text}, data=text)


def _fail(context: click.Context, word: str, *, is_first: bool) -> NoReturn:
    """Say what the word may have been meant to be.

    Raises:
        UsageError: always.
    """
    from amqptool.topology.problems import SHORT_WORDS, did_you_mean, quoted

    names = _commands(context)
    if is_first:
        hint = did_you_mean(word, [*TOPICS, *names], cutoff=SHORT_WORDS) or "; `amqptool help` lists the topics"
        raise click.UsageError(f"there is no topic and no command {quoted(word)}{hint}")
    hint = did_you_mean(word, names, cutoff=SHORT_WORDS) or (f"; it has {', '.join(names)}" if names else "")
    raise click.UsageError(f"`{context.command_path}` has no command {quoted(word)}{hint}")


@click.command(
    cls=OfflineCommand,
    epilog=examples(
        ("What happens to a message whose handler fails", "amqptool help retry"),
        ("The same as `amqptool dead replay --help`", "amqptool help dead replay"),
    ),
)
@click.argument("words", nargs=-1, metavar="[TOPIC | COMMAND...]", shell_complete=_offered)
@pass_context
def help(context: Context, words: tuple[str, ...]) -> ExitCode:  # noqa: A001 - the command's name
    """Explain a topic, or show the help of a command.

    Without a word, the topics are listed. Where a topic and a command have one name, it is the topic; for the command
    there is `amqptool COMMAND --help`. What is longer than the terminal is shown by the program that $PAGER names.
    """
    if not words:
        view = _list()
    elif len(words) == 1 and words[0] in TOPICS:
        view = _topic(words[0])
    else:
        view = _command(click.get_current_context().find_root(), words)
    return context.output.page(view)
