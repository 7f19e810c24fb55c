"""What the tests of security share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.tls_node import TlsNode, running_tls_node


@pytest.fixture(scope="session")
def tls_node() -> Iterator[TlsNode]:
    """Give the run's RabbitMQ that listens for TLS."""
    with running_tls_node() as node:
        yield node
