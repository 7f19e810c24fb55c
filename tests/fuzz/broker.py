"""The broker of one worker: a vhost for messages and one for topologies, looked at by another client than ours."""

from __future__ import annotations

import json
import urllib.request
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pika

from amqptool.broker.amqp.fields import teach_pika
from amqptool.broker.local import Endpoint
from tests.fuzz.case import ESCAPED_SECRET, SECRET

teach_pika()  # which by itself makes integers of floats
USER = "fuzz"
QUEUE = "fuzz"
Got = tuple[pika.spec.Basic.GetOk, pika.BasicProperties, bytes]


class Broker:
    """Two vhosts of a node, and a connection to the one for messages."""

    def __init__(self, node: Endpoint, worker: int) -> None:
        self._node = node
        self._messages, self._topologies = f"messages-{worker}", f"topologies-{worker}"
        for vhost in (self._messages, self._topologies):
            self._make(vhost)
        credentials = pika.PlainCredentials(USER, SECRET)
        self._connection = pika.BlockingConnection(
            pika.ConnectionParameters(
                node.url.host, node.url.port, self._messages, credentials, heartbeat=0, blocked_connection_timeout=30
            )
        )
        self._channel = self._connection.channel()
        self._channel.queue_declare(QUEUE, durable=True)

    @property
    def messages_url(self) -> str:
        """Where messages are published to a queue, as a user whose password is the secret."""
        return self._url(self._messages)

    @property
    def topologies_url(self) -> str:
        """Where there is nothing at the start of a case."""
        return self._url(self._topologies)

    @property
    def management_url(self) -> str:
        """The management API."""
        return self._node.management_url

    def _url(self, vhost: str) -> str:
        return f"amqp://{USER}:{ESCAPED_SECRET}@{self._node.url.host}:{self._node.url.port}/{vhost}"

    def names(self) -> set[tuple[str, str]]:
        """Return the exchanges and queues there are in the vhost for topologies."""
        kinds = {"exchange": "exchanges", "queue": "queues"}
        return {
            (kind, each["name"]) for kind, path in kinds.items() for each in self._manage("GET", path, self._topologies)
        }

    def put(self, body: bytes, properties: pika.BasicProperties) -> None:
        """Put a message into the queue."""
        self._channel.basic_publish("", QUEUE, body, properties)
        self._connection.process_data_events(0)

    def take(self) -> list[Got]:
        """Take everything out of the queue."""
        found: list[Got] = []
        while True:
            got = self._channel.basic_get(QUEUE, auto_ack=True)
            if got[0] is None:
                return found
            found.append(got)

    def clear_messages(self) -> None:
        """Leave nothing in the queue."""
        self._channel.queue_purge(QUEUE)

    def renew_queue(self) -> None:
        """Make the queue anew: what a worker that has just gone had in hand comes back to the old one."""
        self._channel.queue_delete(QUEUE)
        self._channel.queue_declare(QUEUE, durable=True)

    def clear_topologies(self) -> None:
        """Leave nothing in the vhost for topologies."""
        self._manage("DELETE", "vhosts", self._topologies)
        self._make(self._topologies)

    def _make(self, vhost: str) -> None:
        self._manage("PUT", "vhosts", vhost)
        for user in (USER, self._node.url.username):
            everything = {"configure": ".*", "write": ".*", "read": ".*"}
            self._manage("PUT", "permissions", vhost, user, content=everything)

    def _manage(self, method: str, *path: str, content: Any = None) -> Any:
        return _managed(self._node, method, *path, content=content)


def add_user(node: Endpoint) -> None:
    """Make the user whose password is the secret."""
    _managed(node, "PUT", "users", USER, content={"password": SECRET, "tags": "policymaker"})


def _managed(node: Endpoint, method: str, *path: str, content: Any = None) -> Any:
    url = "/".join((node.management_url, "api", *(quote(part, safe="") for part in path)))
    credentials = b64encode(f"{node.url.username}:{node.url.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    data = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        read = answer.read()
    return json.loads(read) if read else None
