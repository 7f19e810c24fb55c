"""Ids: of chance, of a run, of a body."""

from __future__ import annotations

import json
import os
import uuid
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amqptool.errors import InputError
from amqptool.publish.ids import BODY_NAMESPACE, MakeId, body_ids, named_ids, run_ids


def made_in_a_fork(make: MakeId) -> str:
    """Fork, and return the id that the child makes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, make("1", b"").encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as made:
        return made.read()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("name", ["uuid4", "uuid7"])
def test_a_forked_process_makes_other_ids(name: str) -> None:
    """What was asked of the system in advance is the parent's alone."""
    make = named_ids(name)
    make("1", b"")
    assert made_in_a_fork(make)[-12:] != make("1", b"")[-12:]


@settings(deadline=None)
@given(st.uuids(allow_nil=True), st.text())
def test_the_ids_of_a_run_are_those_of_the_standard_library(run: UUID, name: str) -> None:
    """They are uuid5 of run and name, so anybody can compute them."""
    assert run_ids(run)(name, b"whatever") == str(uuid.uuid5(run, name))


def test_a_path_that_is_no_text_has_an_id_too() -> None:
    """A file name of any bytes is a name."""
    make = run_ids(uuid.uuid4())
    assert make("\udcff", b"") == make("\udcff", b"") != make("\udcfe", b"")


A_UUID = "6f1c3b2e-9f0a-4c3d-8e47-2b1a0c9d8e7f"


@pytest.mark.parametrize(
    ("pointer", "body", "made"),
    [
        ("/id", {"id": A_UUID}, A_UUID),
        ("/id", {"id": A_UUID.upper()}, A_UUID),
        ("/id", {"id": "order 7"}, str(uuid.uuid5(BODY_NAMESPACE, "order 7"))),
        ("/id", {"id": 7}, str(uuid.uuid5(BODY_NAMESPACE, "7"))),
        ("/id", {"id": "7"}, str(uuid.uuid5(BODY_NAMESPACE, "7"))),
        ("/a/1/b", {"a": [0, {"b": A_UUID}]}, A_UUID),
        ("/a~1b/~0", {"a/b": {"~": A_UUID}}, A_UUID),
        ("/", {"": A_UUID}, A_UUID),
        ("", A_UUID, A_UUID),
        ("/0", {"0": A_UUID}, A_UUID),
    ],
)
def test_an_id_comes_from_the_body(pointer: str, body: object, made: str) -> None:
    """A UUID is taken, in its canonical form; of anything else one is made, always the same."""
    assert body_ids(pointer)("1", json.dumps(body).encode()) == made


@pytest.mark.parametrize(
    ("pointer", "body", "complaint"),
    [
        ("/id", b"not json", "no JSON"),
        ("/id", b"", "no JSON"),
        ("/id", b'{"id": NaN}', "no JSON"),
        ("/id", b"[" * 100_000, "no JSON"),
        ("/id", b"{}", "no /id"),
        ("/id", b"[]", "no /id"),
        ("/id", b'"id"', "no /id"),
        ("/9", b"[1]", "no /9"),
        ("/-1", b"[1]", "no /-1"),
        ("/a", b'{"a": null}', "no id"),
        ("/a", b'{"a": true}', "no id"),
        ("/a", b'{"a": {}}', "no id"),
        ("/a", b'{"a": ""}', "no id"),
        ("", b"[]", "whole is no id"),
    ],
)
def test_a_body_without_an_id_is_bad_input(pointer: str, body: bytes, complaint: str) -> None:
    """What leads nowhere, or to what names nothing, is an error of that message."""
    with pytest.raises(InputError, match=complaint):
        body_ids(pointer)("1", body)


@pytest.mark.parametrize("name", ["", "uuid1", "UUID4", "body", "body:id", "run"])
def test_an_unknown_name_is_refused(name: str) -> None:
    """There are three kinds, and a pointer begins with a slash."""
    with pytest.raises(InputError):
        named_ids(name)


def test_ids_are_named() -> None:
    """The names lead to their kinds."""
    assert [UUID(named_ids(name)("1", b"{}")).version for name in ("uuid4", "uuid7")] == [4, 7]
    assert named_ids("body:/x")("1", b'{"x": 1}') == str(uuid.uuid5(BODY_NAMESPACE, "1"))


def test_the_bodys_namespace_can_be_computed() -> None:
    """It is no magic number."""
    assert uuid.uuid5(uuid.NAMESPACE_URL, "amqptool:body") == BODY_NAMESPACE
