"""The topics of `amqptool help`: the texts in amqptool/help, as a terminal shows them.

They are written in a little of Markdown:

============  ============================================================================
`# `, `## `   a title, a heading
`- `          an item of a list
`TERM  `      an item of a list of terms: two spaces or more stand before what it means
four spaces   a line of code or of a table, which is never wrapped
anything else a paragraph; `code` in it stays on one line
============  ============================================================================
"""

from __future__ import annotations

import re
from textwrap import fill

import click

from amqptool.cli.exits import MEANINGS

#: In the order in which they are listed; each is a file.
TOPICS = (
    "topology",
    "routing",
    "connect",
    "retry",
    "dead-letters",
    "dedup",
    "testing",
    "embed",
    "exit-codes",
)
#: Longer lines are hard to read.
MAX_WIDTH = 88
#: Below it, what hangs behind a term has no room left.
MIN_WIDTH = 40
#: Where a text has the table of exit codes.
_EXIT_CODES = "{exit codes}"
_INDENT = "  "
_CODE = re.compile(r"`[^`\n]+`")
_MARK = re.compile(r"(?:- |\S+ {2,})(?=\S)")
#: A space that is none to `textwrap`.
_FIRM = "\N{NO-BREAK SPACE}"


def read_topic(topic: str) -> str:
    """Return the text of a topic, as it is written."""
    from importlib.resources import files  # of which --help has no use

    text = files("amqptool").joinpath("help", f"{topic}.md").read_text("utf-8")
    return text.replace(_EXIT_CODES, "\n".join(f"{int(code):<5}{meaning}" for code, meaning in MEANINGS.items()))


def title_of(text: str) -> str:
    """Return the title of a topic's text."""
    return text.partition("\n")[0].removeprefix("# ")


def rendered(text: str, columns: int) -> str:
    """Return the text of a topic as a terminal with so many columns shows it."""
    width = max(MIN_WIDTH, min(columns, MAX_WIDTH))
    return "\n\n".join(_block(block, width) for block in text.strip("\n").split("\n\n"))


def painted(line: str) -> str:
    """Return a line that was rendered, with its colours."""
    if line[:1].strip():
        return click.style(line, bold=True)
    return _CODE.sub(lambda code: click.style(code[0], fg="cyan"), line)


def _block(block: str, width: int) -> str:
    if block.startswith("    "):
        return block
    if block.startswith("#"):
        return fill(block.lstrip("# "), width)
    items = re.split(r"\n(?! )", block) if _MARK.match(block) else [block]
    return "\n".join(_wrapped(item, width) for item in items)


def _wrapped(item: str, width: int) -> str:
    mark = found[0] if (found := _MARK.match(item)) else ""
    text = re.sub(r"\n *", " ", item.removeprefix(mark))
    firm = _CODE.sub(lambda code: code[0].replace(" ", _FIRM), text)
    return fill(
        firm,
        width,
        initial_indent=_INDENT + mark,
        subsequent_indent=_INDENT + " " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    ).replace(_FIRM, " ")
