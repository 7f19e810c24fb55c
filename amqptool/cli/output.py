"""stdout is data, stderr is talk: the only two ways a command says anything."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from amqptool.cli.exits import ExitCode
from amqptool.cli.sanitize import clean_line, clean_text, without_passwords
from amqptool.errors import ConfigError, TopologyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class StdoutError(Exception):
    """stdout could not be written; `reason` says why."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(f"stdout: {describe(reason)}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One result, seen three ways: text, JSON document and exit code."""

    #: The command, such as `dead list`; the `"kind"` of the JSON document.
    kind: str
    document: Mapping[str, Any]
    #: What a script reads, for stdout.
    data: str = ""
    #: Gives a line of `data` its colour; it shows on terminals only.
    paint: Callable[[str], str] | None = None
    #: What went wrong, a line each, for stderr even with `-q`.
    errors: tuple[str, ...] = ()
    #: What a person reads, for stderr.
    talk: str = ""
    #: What only a curious person reads, for stderr with `-v`.
    detail: str = ""
    code: ExitCode = ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Writes views, talk and errors, as text or as JSON.

    What cannot be written to stderr is dropped; stdout that cannot be written is a `StdoutError`.
    """

    as_json: bool = False
    #: Whether stderr is a JSON object a line.
    logs_json: bool = False
    quiet: bool = False
    verbose: int = 0
    #: None: colour on terminals.
    color: bool | None = None

    def show(self, view: View) -> ExitCode:
        """Write a result and return its exit code."""
        if self.as_json:
            self._document(view.kind, view.code, view.document)
        elif view.data:
            self._print(_painted(clean_text(view.data), view.paint))
        for line in view.errors:
            self.complain(line)
        if view.talk:
            self.talk(view.talk)
        if view.detail and self.verbose:
            self.talk(view.detail)
        return view.code

    def page(self, view: View) -> ExitCode:
        """Write a text and return its exit code; what is longer than the terminal goes through the user's pager.

        Raises:
            ConfigError: the environment names a pager that cannot be read.
        """
        if self.as_json or not _is_too_long(view.data):
            return self.show(view)
        text = clean_text(view.data)
        try:
            click.echo_via_pager(text if self.color is False else _painted(text, view.paint), color=self.color)
        except ValueError as error:  # of shlex
            raise ConfigError(f"PAGER: {error}") from error
        return view.code

    def talk(self, text: str) -> None:
        """Say something to the person at the terminal, unless told to be quiet."""
        if not self.quiet:
            self._log("info", text) if self.logs_json else self._say(clean_text(text))

    def complain(self, line: str, **fields: Any) -> None:
        """Say in one line what went wrong, even when told to be quiet; `fields` are for a JSON log."""
        if self.logs_json:
            self._log("error", line, **fields)
        else:
            self._say(f"amqptool: error: {clean_line(line)}")

    def usage(self, text: str) -> None:
        """Say in click's lines how the command is used and what was wrong, even when told to be quiet."""
        self._say(clean_text(text))

    def error(self, error: BaseException, code: int, message: str | None = None) -> None:
        """Say why the command failed: on stderr, and with `--json` in a document on stdout."""
        text = describe(error) if message is None else message
        for line in map(str, error.problems) if isinstance(error, TopologyError) else [text]:
            self.complain(line, error=type(error).__name__, code=int(code))
        if self.as_json:
            self._document("error", code, error_fields(error, text))

    def trace(self, error: BaseException) -> None:
        """Show where in the code an error came from."""
        import traceback

        text = "".join(traceback.format_exception(error)).rstrip()
        if self.logs_json:
            self._log("debug", describe(error), traceback=text)
        else:
            self._say(clean_text(text))

    def ended(self, code: int, kind: str, reason: str) -> None:
        """Write the document of a command that somebody has ended, and no error."""
        self._document("error", code, {"error": kind, "message": reason})

    def _document(self, kind: str, code: int, fields: Mapping[str, Any]) -> None:
        import json

        self._print(json.dumps({"kind": kind, "code": int(code), **fields}))

    def _print(self, text: str) -> None:
        try:
            click.echo(text, color=self.color)
        except OSError as error:
            raise StdoutError(error) from error

    def _log(self, level: str, message: str, **fields: Any) -> None:
        from amqptool.cli.log_lines import log_line

        self._say(log_line(level, "amqptool", message, fields=fields))

    def _say(self, text: str) -> None:
        with suppress(OSError):
            click.echo(without_passwords(text), err=True, color=self.color)


def _is_too_long(text: str) -> bool:
    """Whether a person sees only the end of a text that is written to stdout."""
    from shutil import get_terminal_size  # of which most commands have no use

    streams = (sys.stdin, sys.stdout)
    on_terminal = all(stream is not None and stream.isatty() for stream in streams)
    return on_terminal and text.count("\n") + 1 >= get_terminal_size().lines


def _painted(text: str, paint: Callable[[str], str] | None) -> str:
    return text if paint is None else "\n".join(map(paint, text.split("\n")))


def describe(error: BaseException) -> str:
    """Return an error's message as people read it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def error_fields(error: BaseException | None, message: str | None = None) -> dict[str, str | None]:
    """Return an error as every document has it: its kind and, unless another one is given, its own message."""
    if error is None:
        return {"error": None, "message": None}
    return {
        "error": type(error).__name__,
        "message": without_passwords(describe(error) if message is None else message),
    }


def counted(number: int, noun: str) -> str:
    """Return a number of things as people write it: `1 file`, `2 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
