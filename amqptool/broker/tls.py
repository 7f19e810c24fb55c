"""TLS to a broker: its certificate is verified always, and ours shown where the URL names one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, TypeVar

from amqptool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from amqptool.settings.url import AmqpUrl

T = TypeVar("T")

_REFUSED = "the broker refused our certificate"
# By what OpenSSL's name for the failure holds; the first that fits tells it.
_FAILURES = {
    "CERTIFICATE_REQUIRED": "the broker wants a client certificate",
    "HANDSHAKE_FAILURE": "the broker wants a client certificate, or ciphers that are not secure",  # TLS 1.2's words
    "PROTOCOL_VERSION": "the broker does not speak TLS 1.2 or later",
    "UNSUPPORTED_PROTOCOL": "the broker does not speak TLS 1.2 or later",
    # So a newer Erlang says it.
    "INSUFFICIENT_SECURITY": "the broker does not speak TLS 1.2 or later, or no cipher that is secure",
    "UNKNOWN_CA": f"{_REFUSED}: its authority is not trusted there",
    "CERTIFICATE_EXPIRED": f"{_REFUSED}: it has expired",
    "CERTIFICATE_REVOKED": f"{_REFUSED}: it was revoked",
    "CERTIFICATE": _REFUSED,
}
_OTHER = "TLS failed: is this the TLS port?"


def client_context(url: AmqpUrl) -> ssl.SSLContext:
    """Make what verifies a broker's certificate and host name, from TLS 1.2 upwards.

    Trusted are the authorities of the URL's `cacertfile`, else the system's or those of SSL_CERT_FILE.

    Raises:
        ConfigError: a file of the URL cannot be read, or does not hold what it should.
    """
    options = url.options
    context = _read(f"cacertfile {options.cacertfile!r}", lambda: _trusting(options.cacertfile))
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    certfile, keyfile = options.certfile, options.keyfile
    if certfile is not None:
        # Without a password, even an empty one, OpenSSL would ask for it at the terminal.
        _read(_pair(certfile, keyfile), lambda: context.load_cert_chain(certfile, keyfile, password=""))
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
        raise ConfigError(f"{what} of the broker URL: {_reason(error)}") from error
    except OSError as error:
        raise ConfigError(f"{what} of the broker URL: {error.strerror}") from error


def _reason(error: ssl.SSLError) -> str:
    if "KEY_VALUES_MISMATCH" in str(error):
        return "the key is not the certificate's"
    return "no usable PEM there: certificates, and a key without a passphrase"


def tls_failure(error: ssl.SSLError) -> str:
    """Say why TLS failed, in words for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate was refused: {error.verify_message}"
    return next((words for alert, words in _FAILURES.items() if alert in str(error)), _OTHER)
