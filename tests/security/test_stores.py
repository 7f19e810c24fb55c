"""Dedup stores on servers over TLS: nothing is let through that is not verified."""

from __future__ import annotations

import pytest

from amqptool import ConfigError, DedupError
from amqptool.dedup.redis import RedisStore
from tests.security.tls_node import TlsNode


def test_a_redis_with_the_certificate_of_another_host_is_refused(tls_node: TlsNode) -> None:
    """Whoever it is, nothing is said to it."""
    authority = tls_node.certificates.file("ca")
    with pytest.raises(DedupError, match=r"[Hh]ostname mismatch"):
        RedisStore(f"rediss://:secret@localhost:{tls_node.ports['wrong-name']}/0?ssl_ca_certs={authority}")


@pytest.mark.parametrize(
    "option", ["ssl_cert_reqs=none", "ssl_check_hostname=false", "ssl_min_version=769", "ssl_ciphers="]
)
def test_no_option_weakens_the_tls_of_redis(option: str) -> None:
    """It is refused before anything is connected to."""
    with pytest.raises(ConfigError, match="all is always verified"):
        RedisStore(f"rediss://localhost:1/0?{option}")
