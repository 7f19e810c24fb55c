"""What went wrong with the management API, in fewer words than HTTP needs."""

from __future__ import annotations

from amqptool.broker.http_errors import reason_of, tls_error_of
from amqptool.broker.tls import tls_failure
from amqptool.errors import (
    AccessRefused,
    AmqptoolError,
    BrokerError,
    ConfigError,
    ManagementError,
    ManagementUnavailable,
)


def no_answer(failure: str, base_url: str, error: Exception) -> AmqptoolError:
    """Return the error for a request that nothing, or no HTTP, came back to."""
    if tls_error := tls_error_of(error):
        return ConfigError(f"{failure}: {base_url}: {tls_failure(tls_error)}")
    return ManagementUnavailable(f"{failure}: no management API at {base_url}: {reason_of(error)}")


def refusal(failure: str, tag: str | None, status: int, words: str) -> BrokerError:
    """Return the error for an answer that refuses; `tag` is what users need for the request."""
    refused = status in {401, 403}
    needed = "management" if "Not management user" in words else tag
    hint = f"; the user needs the tag {needed} for that" if refused and needed else ""
    kind = AccessRefused if refused else ManagementError
    return kind(f"{failure}: the management API answered {status}: {words.strip()[:500]}{hint}", reply_code=status)
