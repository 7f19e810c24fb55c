"""Certificates of every kind that a client must be able to tell apart, made anew for each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """A directory with an authority, and with certificates of servers and clients, as PEM files."""

    directory: Path

    def file(self, name: str) -> str:
        """Return the path of a certificate with its key, or of the authority's certificate, `ca`."""
        return str(self.directory / f"{name}.pem")


def make_certificates(directory: Path) -> Certificates:
    """Make an authority `ca`; `good` of it for localhost, others that are to be refused, and `client`."""
    authority, stranger = trustme.CA(), trustme.CA()
    long_ago = datetime.now(UTC) - 3 * _DAY
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    kinds = {
        "good": authority.issue_cert("localhost"),
        "expired": authority.issue_cert("localhost", not_before=long_ago, not_after=long_ago + _DAY),
        "wrong-name": authority.issue_cert("elsewhere.example"),
        "wrong-authority": stranger.issue_cert("localhost"),
        "client": authority.issue_cert("client@example.org", common_name="client"),
        "strange-client": stranger.issue_cert("client@example.org", common_name="client"),
    }
    for name, issued in kinds.items():
        _write(directory / f"{name}.pem", [issued.private_key_pem, *issued.cert_chain_pems])
    _write(directory / "self-signed.pem", [stranger.private_key_pem, stranger.cert_pem])
    return Certificates(directory)


def _write(path: Path, parts: Sequence[trustme.Blob]) -> None:
    path.write_bytes(b"".join(part.bytes() for part in parts))
