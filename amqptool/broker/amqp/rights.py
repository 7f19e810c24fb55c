"""Which right is missing when RabbitMQ refuses access, which versions before 3.12 do not say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from amqptool.errors import AccessRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The right that a call takes on each resource: its kind and its name.
Rights: TypeAlias = "Mapping[tuple[str, str], str]"

_REFUSAL = re.compile(
    r"(?:(?P<right>configure|write|read) )?access to (?P<kind>queue|exchange) '(?P<name>.*)' "
    r"in vhost '(?P<vhost>.*)' refused for user '(?P<user>.*)'"
)


def naming_the_right(
    error: AccessRefused, doing: str, rights: Rights, *, otherwise: str = "sufficient"
) -> AccessRefused:
    """Return the same refusal in words that name the right and the resource, if it is about one."""
    match = _REFUSAL.search(str(error))
    if match is None:
        return error
    kind, name = match["kind"], match["name"]
    right = match["right"] or rights.get((kind, name), otherwise)
    lacking = f"user {match['user']!r} has no {right} permission on {kind} {name!r} in vhost {match['vhost']!r}"
    return AccessRefused(f"{doing}: {lacking}", reply_code=error.reply_code)
