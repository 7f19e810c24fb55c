"""Asking before something is deleted."""

from __future__ import annotations

import sys

import click

from amqptool.cli.sanitize import clean_text


class DeclinedError(Exception):
    """Whoever was asked said no."""

    def __init__(self) -> None:
        super().__init__("nothing was deleted")


def ask(question: str, *, to: str) -> None:
    """Ask at the terminal whether to go on.

    Raises:
        DeclinedError: the answer is no.
        click.UsageError: there is no terminal to ask at; `to` is what was to be done.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"Say --yes to {to} without being asked.")
    if not click.confirm(clean_text(question), err=True):
        raise DeclinedError
