"""What all parts of a document have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

#: One object of an AsyncAPI document.
Body: TypeAlias = "dict[str, Any]"

#: The release of AsyncAPI's AMQP bindings: of channels, operations and messages.
BINDING_VERSION = "0.3.0"
