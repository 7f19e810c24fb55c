"""What commands write as JSON, held against their schemas: a field that none of them describes is a flaw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import click
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from amqptool.cli.context import LOG_FORMAT_VARIABLE
from amqptool.cli.root import COMMANDS, root
from amqptool.cli.schemas import schema_of

#: Of many lines, so many of the first and so many of the last are looked at.
_LOOKED_AT = 100
#: So many characters of what is wrong are told.
_TOLD = 500
#: What else than --json makes stdout JSON that has a schema; `asyncapi --format json` has one of its own.
_AS_JSON = {
    ("consume", "--output", "jsonl"),
    ("peek", "--output", "jsonl"),
    ("tap", "--output", "jsonl"),
    ("status", "--format", "json"),
    ("validate", "--format", "json"),
}
#: Its stdout is what it runs.
_ANOTHERS = "broker run"
_ERROR = "#/$defs/error"


def flaws(words: Sequence[str], stdout: str) -> Iterator[str]:
    """Find what a command line has written to stdout that its schema does not allow."""
    name = _name_of(words)
    lines = [line for line in stdout.split("\n") if line]
    if name != _ANOTHERS and _is_json(words, name):
        yield from _flaws(name or _ANOTHERS, lines[-1:] if "--handler" in words else lines)  # handlers may print too
    elif ("--receipts", "-") in pairwise(_ours(words)):
        yield from _flaws("receipts", lines)


def log_flaws(words: Sequence[str], env: Mapping[str, str], stderr: str) -> Iterator[str]:
    """Find what a command line has written to its log that is not as the schema of logs says."""
    if env.get(LOG_FORMAT_VARIABLE) == "json" or ("--log-format", "json") in pairwise(_ours(words)):
        own = [line for line in stderr.split("\n") if line.startswith('{"time"')]  # a handler may write there too
        yield from _flaws("log", own)


def _flaws(name: str, lines: Sequence[str]) -> Iterator[str]:
    shown = lines if len(lines) <= 2 * _LOOKED_AT else [*lines[:_LOOKED_AT], *lines[-_LOOKED_AT:]]
    return filter(None, (_flaw(name, line) for line in shown))


def _flaw(name: str, line: str) -> str:
    try:
        document = json.loads(line)
    except ValueError:
        return f"no JSON: {line[:_TOLD]}"
    error = best_match(_validator(name, is_error=document.get("kind") == "error").iter_errors(document))
    return "" if error is None else f"{error.json_path}: {error.message[:_TOLD]}"


def _is_json(words: Sequence[str], name: str | None) -> bool:
    ours = _ours(words)
    if {"--help", "-h", "--version"} & set(ours):
        return False
    given = {(name, *pair) for pair in pairwise(ours)}
    return "--json" in ours or name == "dead export" or bool(_AS_JSON & given)


def _ours(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _name_of(words: Sequence[str]) -> str | None:
    """Return the command of a command line, and that of its group; None: there is none."""
    at = next((number for number, word in enumerate(words) if word in COMMANDS), None)
    if at is None:
        return None
    command = root.get_command(click.Context(root), words[at])
    if not isinstance(command, click.Group):
        return words[at]
    own = next((word for word in words[at + 1 :] if word in command.commands), None)
    return own and f"{words[at]} {own}"


@cache
def _validator(name: str, *, is_error: bool) -> Draft202012Validator:
    schema = closed(schema_of(name))
    if "anyOf" in schema:  # of which only one part is of interest, so that it can be told what is wrong
        schema["anyOf"] = [each for each in schema["anyOf"] if (each["$ref"] == _ERROR) is is_error]
    return Draft202012Validator(schema)


def closed(schema: Any, *, is_whole: bool = True) -> Any:
    """Return a schema that allows no field which it does not describe; a definition may be a part of another one."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for key in ("properties", "$defs"):
        if key in schema:
            made[key] = {name: closed(each, is_whole=key != "$defs") for name, each in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            made[key] = closed(schema[key])
    if "anyOf" in schema:
        made["anyOf"] = [closed(each) for each in schema["anyOf"]]
    if is_whole and not schema.keys().isdisjoint(("properties", "$ref")):
        made["unevaluatedProperties"] = False
    return made
