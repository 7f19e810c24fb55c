"""Asking before something is deleted."""

from __future__ import annotations

import sys

import click

from amqptool.cli.sanitize import clean_text


def confirmed(question: str, *, to: str) -> bool:
    """Ask at the terminal, and return the answer.

    Raises:
        click.UsageError: there is no terminal to ask at; `to` is what was to be done.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"Say --yes to {to} without being asked.")
    return click.confirm(clean_text(question), err=True)
