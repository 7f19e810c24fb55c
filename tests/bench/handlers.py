"""Handlers that do nothing, or next to nothing."""

from __future__ import annotations

import time

from amqptool import Delivery


def nothing(_delivery: Delivery) -> None:
    """Do nothing."""


def millisecond(_delivery: Delivery) -> None:
    """Take a millisecond, without the processor."""
    time.sleep(0.001)
