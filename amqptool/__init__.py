"""A RabbitMQ toolkit: topologies in YAML, confirmed publishing, workers that lose nothing.

The names below are imported when first used, so that `import amqptool` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
