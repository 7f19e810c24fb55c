"""Option values that become message properties and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from amqptool.message import FieldValue


class HeaderType(click.ParamType[tuple[str, Any]]):
    """`key=text`, or `key:=json` for any other type."""

    name = "header"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, FieldValue]:
        """Split and decode one header."""
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key.removesuffix(":"):
            self.fail("write key=text, or key:=json for numbers, booleans and tables", param, ctx)
        if not key.endswith(":"):
            return key, text
        return key.removesuffix(":"), self._decode(text, param, ctx)

    def _decode(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> FieldValue:
        import json

        from amqptool.errors import InputError
        from amqptool.records import field_from_json

        try:
            return field_from_json(json.loads(text))
        except (ValueError, RecursionError):
            self.fail(f"{text!r} is not JSON; after ':=' comes JSON, after '=' plain text", param, ctx)
        except InputError as error:
            self.fail(str(error), param, ctx)


def as_headers(pairs: Sequence[tuple[str, FieldValue]]) -> dict[str, FieldValue]:
    """Return the headers given on the command line; a repeated one counts as it was given last."""
    return dict(pairs)
