"""TLS to a broker, or to etcd: its certificate is verified always, and ours shown where the URL names one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, TypeVar

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.settings.url_options import UrlOptions

T = TypeVar("T")

_REFUSED = "{who} refused our certificate"
# By what OpenSSL's name for the failure holds; the first that fits tells it.
_FAILURES = {
    "CERTIFICATE_REQUIRED": "{who} wants a client certificate",
    "HANDSHAKE_FAILURE": "{who} wants a client certificate, or ciphers that are not secure",  # TLS 1.2's words
    "PROTOCOL_VERSION": "{who} does not speak TLS 1.2 or later",
    "UNSUPPORTED_PROTOCOL": "{who} does not speak TLS 1.2 or later",
    # So a newer Erlang says it.
    "INSUFFICIENT_SECURITY": "{who} does not speak TLS 1.2 or later, or no cipher that is secure",
    "UNKNOWN_CA": f"{_REFUSED}: its authority is not trusted there",
    "CERTIFICATE_EXPIRED": f"{_REFUSED}: it has expired",
    "CERTIFICATE_REVOKED": f"{_REFUSED}: it was revoked",
    "CERTIFICATE": _REFUSED,
}
_OTHER = "TLS failed: is this the TLS port?"


def client_context(options: UrlOptions, whose: str = "the broker URL") -> ssl.SSLContext:
    """Make what verifies a server's certificate and host name, from TLS 1.2 upwards.

    Trusted are the authorities of `cacertfile`, else the system's or those of SSL_CERT_FILE.

    Raises:
        ConfigError: a file of the URL cannot be read, or does not hold what it should.
    """
    context = _read(f"cacertfile {options.cacertfile!r} of {whose}", lambda: _trusting(options.cacertfile))
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    certfile, keyfile = options.certfile, options.keyfile
    if certfile is not None:
        # Without a password, even an empty one, OpenSSL would ask for it at the terminal.
        _read(f"{_pair(certfile, keyfile)} of {whose}", lambda: context.load_cert_chain(certfile, keyfile, password=""))
    return context


def _trusting(cacertfile: str | None) -> ssl.SSLContext:
    # Verification of peer and host name is the default context's; nothing here may weaken it.
    return ssl.create_default_context(cafile=cacertfile)


def _pair(certfile: str, keyfile: str | None) -> str:
    return f"certfile {certfile!r}" + (f" with keyfile {keyfile!r}" if keyfile else "")


def _read(what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ssl.SSLError as error:
        raise ConfigError(f"{what}: {_reason(error)}") from error
    except OSError as error:
        raise ConfigError(f"{what}: {error.strerror}") from error


def _reason(error: ssl.SSLError) -> str:
    if "KEY_VALUES_MISMATCH" in str(error):
        return "the key is not the certificate's"
    return "no usable PEM there: certificates, and a key without a passphrase"


def tls_failure(error: ssl.SSLError, who: str = "the broker") -> str:
    """Say why TLS failed, in words for people; `who` is at the other end."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{who}'s certificate was refused: {error.verify_message}"
    return next((words for alert, words in _FAILURES.items() if alert in str(error)), _OTHER).format(who=who)
