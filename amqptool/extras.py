"""Libraries that only come with an extra of the package."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def importing_for(extra: str, who_needs: str) -> Iterator[None]:
    """Say how to install a library that the block imports in vain; `who_needs` it, such as `metrics need`.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"{who_needs} a library: pip install 'amqptool[{extra}]'") from error


def imported(module: str, extra: str, who_needs: str) -> Any:
    """Return a module that comes with an extra; see `importing_for` for the words and the error."""
    with importing_for(extra, who_needs):
        return import_module(module)
