"""Routing, offline and exact: which queues a message reaches, and why; a file's own tests of it."""

from amqptool.topology.routing.expectations import FailedTest, check_tests
from amqptool.topology.routing.interface import NearMiss
from amqptool.topology.routing.router import Explanation, Routed, Router, Step, UnknownRouting

__all__ = [
    "Explanation",
    "FailedTest",
    "NearMiss",
    "Routed",
    "Router",
    "Step",
    "UnknownRouting",
    "check_tests",
]
