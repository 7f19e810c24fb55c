"""Where files go that nobody gave a place for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return the user's directory for amqptool's state (XDG Base Directory Specification)."""
    base = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME", "")
    root = Path(base) if base.startswith("/") else (Path(home) if home else Path.home()) / ".local/state"
    return root / "amqptool"


def dedup_url(environ: Mapping[str, str]) -> str:
    """Return the URL of the dedup store that handlers use by default."""
    return f"sqlite:///{state_directory(environ) / 'dedup.db'}"
