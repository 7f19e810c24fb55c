"""stderr as JSON, a line an object."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from amqptool import AmqpUrl, Message
from amqptool.cli.log_lines import log_line
from tests.support.broker import declare_queue, publish
from tests.support.cli import run_cli

AS_JSON = {"AMQPTOOL_LOG_FORMAT": "json"}
TASKS = str(Path(__file__).parents[2] / "topologies/tasks.yaml")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MESSAGE = Message(
    body=b"secret body",
    routing_key="q",
    correlation_id="4\x1b2",
    headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
)
HANDLERS = r"""
import asyncio, logging

def fail(delivery):
    raise ValueError("line one\nline two \x1b[31m\u202e")

def show(delivery):
    pass

async def talk_async(delivery):
    await asyncio.sleep(0)
    talk(delivery)

def talk_wrapped(delivery):
    return talk_async(delivery)

def configured(delivery):
    logging.basicConfig(format="%(name)s says %(message)s")
    logging.getLogger("shop").warning("sold")

def complain(delivery):
    try:
        raise KeyError("tea")
    except KeyError:
        logging.getLogger("shop").exception("nothing sold")

def talk(delivery):
    logging.getLogger("shop").warning("sold %s", "tea", extra={"order": delivery.attempt, "where": {"a": object}})
    logging.getLogger("shop").warning("no place for %d of these", "x", "y")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a directory with handlers."""
    (tmp_path / "app.py").write_text(HANDLERS)
    return tmp_path


def lines(stderr: str) -> list[dict[str, Any]]:
    """Read a log of which every line is an object."""
    return [json.loads(line) for line in stderr.splitlines()]


def handled(url: AmqpUrl, app: Path, handler: str, *words: str, copies: int = 1) -> tuple[str, list[dict[str, Any]]]:
    """Let a handler have a message, so many times, and return its id and the log of the run."""
    message = Message(body=b"secret body", routing_key="q", message_id=str(uuid4()))
    return str(message.message_id), lines(log_of(url, app, handler, message, *words, copies=copies))


def log_of(
    url: AmqpUrl, app: Path, handler: str, message: Message, *words: str, copies: int = 1, form: str = "json"
) -> str:
    """Let a handler have a message, so many times, and return the log of the run."""

    async def prepare() -> None:
        await declare_queue(url, "q")
        await publish(url, [message] * copies)

    asyncio.run(prepare())
    where = ("--handler", f"app:{handler}", "--app-dir", str(app), "--dedup", "memory:", "-n", str(copies))
    done = run_cli("consume", "q", *where, *words, "--log-format", form, env={"AMQPTOOL_URL": url.reveal()})
    return done.stderr


@pytest.mark.parametrize("words", [("--log-format", "json"), ("--log-format=json",)])
@pytest.mark.parametrize("before", [True, False])
def test_a_wrong_command_line_is_complained_about_in_json(words: tuple[str, ...], before: bool) -> None:
    """The option counts wherever it is, even if the line cannot be parsed."""
    done = run_cli(*((*words, "pubish") if before else ("pubish", *words)))
    (line,) = lines(done.stderr)
    assert (done.returncode, line["level"], line["code"]) == (2, "error", 2)
    assert "pubish" in line["message"]


def test_the_last_line_of_a_failure_says_why_and_with_which_code() -> None:
    """What a script wants: a kind of error, an exit code and the reason, without the password."""
    done = run_cli("consume", "q", "--debug", env=AS_JSON | {"AMQPTOOL_URL": "amqp://me:hidden@127.0.0.1:1"})
    *_, last = lines(done.stderr)
    assert (last["level"], last["error"], last["code"]) == ("error", "BrokerUnavailable", done.returncode)
    assert "connection refused" in last["message"]
    assert "hidden" not in done.stderr


def test_there_is_a_traceback_with_debug_alone() -> None:
    """In a field of a line of its own, before the error."""
    words = ("consume", "q", "--url", "amqp://127.0.0.1:1", "--log-format", "json")
    assert "Traceback" not in run_cli(*words, "-vv").stderr
    *_, trace, error = lines(run_cli(*words, "--debug").stderr)
    assert (trace["level"], "traceback" in trace, "traceback" in error) == ("debug", True, False)


def test_the_option_goes_before_the_variable() -> None:
    """As with every setting."""
    assert run_cli("validate", "--log-format", "text", TASKS, env=AS_JSON).stderr.startswith(TASKS)
    assert lines(run_cli("validate", TASKS, env=AS_JSON).stderr)[-1]["level"] == "info"


def test_an_unknown_format_is_a_configuration_error() -> None:
    """It is named with its variable."""
    done = run_cli("validate", TASKS, env={"AMQPTOOL_LOG_FORMAT": "xml"})
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "amqptool: error: AMQPTOOL_LOG_FORMAT is text or json, not 'xml'\n"


def test_a_failed_attempt_tells_which_message(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Queue, message id, attempt and kind of error are fields; what the error says cannot break the line."""
    message_id, log = handled(amqptool_vhost, app, "fail", "-vv")
    line = next(each for each in log if "attempt" in each)
    assert (line["level"], line["logger"]) == ("warning", "amqptool.work.outcomes")
    assert (line["queue"], line["message_id"], line["attempt"]) == ("q", message_id, 1)
    assert line["error"] == "ValueError"
    assert line["message"] == f"message {message_id}: attempt 1 failed: ValueError: line one\nline two \x1b[31m\u202e"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert "traceback" not in line
    assert log[-1]["message"].startswith("0 handled in ")


def test_a_duplicate_tells_which_message(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """With -v, in the same fields."""
    message_id, log = handled(amqptool_vhost, app, "show", "-v", copies=2)
    line = next(each for each in log if "duplicate, acknowledged" in each["message"])
    assert (line["level"], line["queue"], line["message_id"]) == ("info", "q", message_id)


def test_what_a_handler_logs_is_json_too(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """With its own fields, whatever they hold, and also when its arguments do not fit."""
    _, log = handled(amqptool_vhost, app, "talk")
    sold, wrong = [each for each in log if each["logger"] == "shop"]
    assert (sold["message"], sold["order"], sold["where"]) == ("sold tea", 1, "{'a': <class 'object'>}")
    assert wrong["message"] == "no place for %d of these"


def test_an_error_that_a_handler_logs_is_told(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Its kind is a field, and what it says ends the message; its traceback is there with --debug alone."""
    _, log = handled(amqptool_vhost, app, "complain")
    [line] = [each for each in log if each["logger"] == "shop"]
    assert (line["error"], line["message"]) == ("KeyError", "nothing sold: KeyError: 'tea'")
    assert "traceback" not in line


@pytest.mark.parametrize("handler", ["talk", "talk_async", "talk_wrapped"])
def test_what_a_handler_logs_tells_which_message(amqptool_vhost: AmqpUrl, app: Path, handler: str) -> None:
    """By its ids, its queue and its trace, beside fields of its own."""
    log = lines(log_of(amqptool_vhost, app, handler, MESSAGE))
    sold = next(each for each in log if each["message"] == "sold tea")
    assert (sold["message_id"], sold["correlation_id"], sold["trace_id"]) == (MESSAGE.message_id, "4\x1b2", TRACE)
    assert (sold["queue"], sold["attempt"], sold["order"]) == ("q", 1, 1)
    assert "message_id" not in log[-1]


def test_a_failed_attempt_tells_its_correlation_id(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """And its trace."""
    line = lines(log_of(amqptool_vhost, app, "fail", MESSAGE))[0]
    assert (line["message_id"], line["correlation_id"], line["trace_id"]) == (MESSAGE.message_id, "4\x1b2", TRACE)


@pytest.mark.parametrize("handler", ["talk", "talk_async", "talk_wrapped"])
def test_lines_for_people_end_with_the_message(amqptool_vhost: AmqpUrl, app: Path, handler: str) -> None:
    """What a handler logs is otherwise as it would be without us; what a sender made up does nothing to a terminal."""
    sold, wrong, *_ = log_of(amqptool_vhost, app, handler, MESSAGE, form="text").splitlines()
    ending = f" [id {MESSAGE.message_id} corr 4\\x1b2 trace {TRACE}]"
    assert (sold, wrong) == (f"sold tea{ending}", f"no place for %d of these{ending}")


def test_our_own_lines_for_people_do_not_say_an_id_twice(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """What the text does not say is at the end."""
    [line] = log_of(amqptool_vhost, app, "fail", MESSAGE, "-q", form="text").splitlines()
    assert line.startswith(f"amqptool: warning: message {MESSAGE.message_id}: attempt 1 failed: ValueError: ")
    assert line.endswith(rf" [corr 4\x1b2 trace {TRACE}]")


def test_a_program_that_configures_its_log_has_it_so(amqptool_vhost: AmqpUrl, app: Path) -> None:
    """Nothing of ours is in its way."""
    assert log_of(amqptool_vhost, app, "configured", MESSAGE, "-q", form="text") == "shop says sold\n"


def test_fields_do_not_replace_what_every_line_has() -> None:
    """A line's level and time are ours; NaN, which JSON has not, is text, and all is ASCII."""
    line = log_line("info", "amqptool", "ü\x9b\n", at=0.0, fields={"level": "fatal", "rate": float("nan"), "n": 1.5})
    assert line.isascii()
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "logger": "amqptool",
        "message": "ü\x9b\n",
        "rate": "nan",
        "n": 1.5,
    }
