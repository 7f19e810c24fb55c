"""Check that README and CHANGELOG say what the code says: `python -m tests.docs.check [--write]`.

A block of the README between `<!-- begin NAME -->` and `<!-- end NAME -->` is generated; `--write` brings
it up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from amqptool import __version__
from amqptool.cli.context import Context
from amqptool.cli.exits import MEANINGS
from amqptool.cli.root import root
from tests.docs.reliability import reliability
from tests.docs.sizes import sizes
from tests.security.rights import rights_table

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"

_BLOCK = re.compile(r"(<!-- begin (?P<name>[^>]+) -->\n)(?P<text>.*?)(<!-- end (?P=name) -->)", re.DOTALL)


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows]) + "\n"


def help_text() -> str:
    """Return the help of every command, as a terminal of 80 columns shows it."""
    outputs = [_help(words) for words in [[], *_all_commands()]]
    return "```text\n" + "\n".join(outputs) + "```\n"


def _all_commands() -> Iterator[list[str]]:
    context = click.Context(root)
    for name in root.list_commands(context):
        yield [name]
        command = root.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ([name, each] for each in command.list_commands(context))


def _help(words: list[str]) -> str:
    result = CliRunner().invoke(root, [*words, "--help"], prog_name="amqptool", obj=Context(), terminal_width=80)
    return f"$ {' '.join(['amqptool', *words, '--help'])}\n{result.output}"


BLOCKS: dict[str, Callable[[], str]] = {
    "exit codes": exit_codes,
    "help": help_text,
    "sizes": sizes,
    "rights": rights_table,
    "reliability": reliability,
}


def problems(write: bool) -> list[str]:
    """Return what is wrong; with `write`, put the generated blocks right first."""
    text = README.read_text()
    fresh = _BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match['name']]()}{match[4]}", text)
    if write:
        README.write_text(fresh)
    found = [] if write or text == fresh else ["README.md: generated blocks are out of date: run make fmt"]
    missing = set(BLOCKS) - {match["name"] for match in _BLOCK.finditer(text)}
    found += [f"README.md: no block named {name!r}" for name in sorted(missing)]
    if f"\n## {__version__}" not in CHANGELOG.read_text():
        found.append(f"CHANGELOG.md: nothing about version {__version__}")
    return found


def main() -> int:
    """Print what is wrong and return the exit code."""
    found = problems(write="--write" in sys.argv[1:])
    print("\n".join(found) or "README and CHANGELOG agree with the code")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
