"""stdout is data, stderr is talk: the only two ways a command says anything."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.exits import ExitCode
from amqptool.cli.sanitize import clean_line, clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One result, seen three ways: text, JSON document and exit code."""

    #: Names the document's shape; the `"kind"` of the JSON document.
    kind: str
    document: Mapping[str, Any]
    #: What a script reads, for stdout.
    data: str = ""
    #: What a person reads, for stderr.
    talk: str = ""
    #: What only a curious person reads, for stderr with `-v`.
    detail: str = ""
    code: ExitCode = ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Writes views, talk and errors, as text or as JSON."""

    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    #: None: colour on terminals.
    color: bool | None = field(default=None)

    def show(self, view: View) -> ExitCode:
        """Write a result and return its exit code."""
        if self.as_json:
            self.document(view.kind, view.document)
        elif view.data:
            click.echo(clean_text(view.data), color=self.color)
        if view.talk:
            self.talk(view.talk)
        if view.detail and self.verbose:
            self.talk(view.detail)
        return view.code

    def document(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Write one JSON document, in one line, to stdout."""
        click.echo(json.dumps({"kind": kind, **fields}, ensure_ascii=True))

    def talk(self, text: str) -> None:
        """Say something to the person at the terminal, unless told to be quiet."""
        if not self.quiet:
            click.echo(clean_text(text), err=True, color=self.color)

    def warn(self, text: str) -> None:
        """Say something that matters even when told to be quiet."""
        click.echo(f"amqptool: warning: {clean_line(text)}", err=True, color=self.color)

    def error(self, error: BaseException, code: int, message: str | None = None) -> None:
        """Say why the command failed: a line on stderr, and with `--json` a document on stdout."""
        text = describe(error) if message is None else message
        click.echo(f"amqptool: error: {clean_text(text)}", err=True)
        if self.as_json:
            self.document("error", {"code": int(code), "error": type(error).__name__, "message": text})


def describe(error: BaseException) -> str:
    """Return an error's message as people read it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def on_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout.isatty()
