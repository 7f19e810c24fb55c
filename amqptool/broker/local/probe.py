"""Ask a node on this machine whether it answers."""

from __future__ import annotations

import base64
import http.client
import json
import socket

from amqptool.broker.local.node import LOCALHOST

#: Seconds until a single question counts as not answered.
_TIMEOUT = 2.0

_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"

# A method frame on channel 0 that carries connection.start (AMQP 0-9-1 sections 2.3.5 and 1.4).
_FRAME_START, _METHOD_START = b"\x01\x00\x00", b"\x00\x0a\x00\x0a"


def amqp_answers(port: int) -> bool:
    """Return whether an AMQP 0-9-1 broker greets us on this port."""
    try:
        with socket.create_connection((LOCALHOST, port), _TIMEOUT) as connection:
            connection.sendall(_PROTOCOL_HEADER)
            frame = connection.makefile("rb").read(11)
    except OSError:
        return False
    return frame.startswith(_FRAME_START) and frame.endswith(_METHOD_START)


def management_version(port: int) -> str | None:
    """Return RabbitMQ's version as the management API tells it, or None if it does not answer."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=_TIMEOUT)
    login = base64.b64encode(b"guest:guest").decode()
    try:
        connection.request("GET", "/api/overview", headers={"Authorization": f"Basic {login}"})
        overview = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return overview.get("rabbitmq_version") if isinstance(overview, dict) else None
