"""What holds for every command, whatever it was given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

from amqptool.cli.exits import ExitCode
from tests.fuzz.case import SECRET, SECRET_PARTS, Case, Outcome
from tests.security.needles import in_base64
from tests.support.schemas import flaws
from tests.support.terminal import acting

#: Seconds of a processor that no command takes more of, however small the share of it that it gets.
MOST_WORK = 5
#: MiB that no command takes more of.
MOST_MEMORY = 200
#: Bytes of talk that somebody still reads.
MOST_TALK = 1_000_000
_CODES = {int(code) for code in ExitCode} - {
    ExitCode.BUG,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.PIPE_CLOSED,
}
#: Parts of the password, and its beginning in base64.
_SECRETS = (*SECRET_PARTS, *in_base64(SECRET, 16))
_LEFTOVERS = (
    "Traceback (most",
    "never retrieved",
    "never awaited",
    "Exception ignored",
    "Task was destroyed",
    "Warning:",
)


def broken(case: Case, outcome: Outcome) -> list[str]:
    """Return what an outcome breaks of the rules."""
    if outcome.is_hung:
        return [f"hangs for {outcome.seconds:.1f} s"]
    return [*_of_ending(outcome), *_of_talk(case, outcome), *_of_data(case, outcome), *_of_secrets(outcome)]


def _of_ending(outcome: Outcome) -> Iterator[str]:
    if outcome.code not in _CODES:
        yield f"exit code {outcome.code}"
    if outcome.work > MOST_WORK:
        yield f"works for {outcome.work:.1f} s"
    if outcome.memory > MOST_MEMORY:
        yield f"takes {outcome.memory:.0f} MiB"


def _of_talk(case: Case, outcome: Outcome) -> Iterator[str]:
    talk = outcome.stderr.decode("utf-8", "surrogateescape")
    if not {"--debug", "-vv"} & set(case.words):
        yield from (f"says {words!r}" for words in _LEFTOVERS if words in talk)
    if acting(talk):
        yield "says what a terminal would act on"
    options = case.words[: case.words.index("--")] if "--" in case.words else case.words
    if ("--log-format", "json") in pairwise(options):
        yield from (f"logs what is no JSON: {line[:200]}" for line in talk.splitlines() if not _is_object(line))
    if len(talk) > MOST_TALK:
        yield f"says {len(talk):,} characters"
    if (
        outcome.code not in (0, 1, 4, 5, 75)
        and not talk
        and not outcome.stdout
        and not {"-q", "--quiet"} & set(case.words)
    ):
        yield "fails without a word"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _of_data(case: Case, outcome: Outcome) -> Iterator[str]:
    data = outcome.stdout.decode("utf-8", "surrogateescape")
    if not case.prints_bodies and acting(data):
        yield "prints what a terminal would act on"
    if "--json" in case.words and not case.prints_bodies and "--help" not in case.words:
        yield from _of_document(case, outcome, data)


def _of_document(case: Case, outcome: Outcome, data: str) -> Iterator[str]:
    try:
        document = json.loads(data)
    except ValueError as error:
        yield f"prints no document: {error}"
        return
    if document.get("code") != outcome.code:
        yield f"prints the code {document.get('code')} and exits with {outcome.code}"
    else:
        yield from (f"prints what its schema does not allow: {flaw}" for flaw in flaws(case.words, data))


def _of_secrets(outcome: Outcome) -> Iterator[str]:
    yield from (f"shows {part!r} of the password" for part in _secrets_in(outcome.stdout + b"\n" + outcome.stderr))
    for name, content in outcome.left.items():
        yield from (f"leaves {part!r} of the password in {name}" for part in _secrets_in(content))


def _secrets_in(content: bytes) -> list[str]:
    said = unquote(content.decode("utf-8", "replace")).lower()
    return [part for part in _SECRETS if part.lower() in said]
