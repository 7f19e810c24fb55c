"""Files that are something else than a topology."""

from __future__ import annotations

import gzip

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Topology


def problems_of(content: str | bytes) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        Topology.parse(content, "t")
    return [str(problem).removeprefix("t:") for problem in caught.value.problems]


MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: definitions}\ndata:\n  definitions.json: '{}'\n"
LOOP = "queues:\n{% for q in queues %}\n  {{ q }}:\n{% endfor %}\n"
PAGE = "\n<!DOCTYPE html>\n<html><body>Please log in.</body></html>\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            MANIFEST,
            "1:1: this is a Kubernetes manifest; give amqptool the topology itself, such as the definitions.json",
        ),
        ('{"kind": "Secret", "apiVersion": "v1"}', "this is a Kubernetes manifest"),
        (f"---\n{MANIFEST}---\n{MANIFEST}", "2:1: this is a Kubernetes manifest"),
        ("version: '3'\nservices: {rabbit: {image: rabbitmq}}\n", "2:1: this is a Compose file; give amqptool the"),
        ('[{"name": "a"}]', "1:1: a topology is a mapping with exchanges, queues and bindings, not a list; put a list"),
        (LOOP, "2:1: this is a template of Helm, Jinja or the like: fill it first, or write ${NAME}"),
        ("queues:\n  {{ .Values.name }}:\n    durable: true\n", "2:3: this is a template of Helm"),
        ('{"queues": [{% for q in all %}{"name": "{{ q }}"}{% endfor %}]}', "1:13: this is a template of Helm"),
        (PAGE, "2:1: this is an HTML page, maybe an error or a login page; a topology has exchanges"),
        ('<?xml version="1.0"?>\n<queues/>', "1:1: this is XML or HTML; a topology has exchanges"),
        (gzip.compress(b"queues: {}", mtime=0), "1:1: this is no text file but compressed with gzip: unpack it first"),
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "1:1: this is no text file but a program; a topology has"),
        (b"\x00\x01\x02\xff", "1:1: this is no text file but a binary one; a topology has"),
        ("name,vhost,durable\na,/,true\n", "1:1: this looks like CSV, not YAML or JSON; a topology has"),
        ("name;durable\na;true\n", "1:1: this looks like CSV"),
        ("# a node\nlisteners.tcp.default = 5672\n", "2:1: this looks like the settings of a program; a topology has"),
    ],
)
def test_foreign(content: str | bytes, problem: str) -> None:
    """What is known to be something else is one problem, and says what to do instead."""
    (found,) = problems_of(content)
    assert found.startswith(problem) or (not problem[0].isdigit() and problem in found)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("queues: {'{{ a }}': {durable: no}}", "1:31: durable must be true or false, not no: write false [type]"),
        ("queues: {a: }\nservices: {}\n", "2:1: a topology file has no key 'services'"),
        ("queues: {a: {x: 1}}\nkind: a\napiVersion: v1\n", "1:14: queue 'a' has no key 'x'"),
        ("a: b", "1:1: a topology file has no key 'a'"),
    ],
)
def test_not_foreign(content: str, problem: str) -> None:
    """What merely reminds of something else has its own problems."""
    assert problems_of(content)[0].startswith(problem)


def test_a_good_file_is_never_foreign() -> None:
    """Nothing is guessed about a file without problems."""
    assert [queue.name for queue in Topology.parse("queues: {'{{ a }}': , '<html>': }").queues] == ["{{ a }}", "<html>"]
