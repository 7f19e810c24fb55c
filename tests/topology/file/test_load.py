"""Files into topologies: both forms, every check, all problems at once."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from amqptool.errors import TopologyError
from amqptool.topology import Binding, Exchange, Place, Queue, Topology
from amqptool.topology.routing import check_tests

EXAMPLES = sorted((Path(__file__).parents[3] / "topologies").glob("*.yaml"))


def problems_of(text: str) -> list[str]:
    with pytest.raises(TopologyError) as caught:
        Topology.parse(text, "t.yaml")
    return [str(problem).removeprefix("t.yaml:") for problem in caught.value.problems]


def arguments_of(body: str) -> dict[str, object]:
    return dict(Topology.parse(f"queues: {{q: {{{body}}}}}").queues[0].arguments)


SHORTHAND = """\
exchanges:
  incoming: topic
  audit: {type: fanout, bindings: [{source: incoming, routing_key: "#"}]}
queues:
  playstore:
    queue_type: quorum
    bindings: [{source: incoming, routing_key: publish.playstore}]
  plain:
bindings:
  - {source: audit, destination: plain}
"""

LISTS = """{
  "exchanges": [
    {"name": "incoming", "type": "topic", "durable": true, "auto_delete": false, "arguments": {}},
    {"name": "audit", "type": "fanout", "durable": true, "internal": false}],
  "queues": [
    {"name": "playstore", "durable": true, "arguments": {"x-queue-type": "quorum"}, "type": "quorum"},
    {"name": "plain", "type": "classic"}],
  "bindings": [
    {"source": "incoming", "destination": "audit", "destination_type": "exchange", "routing_key": "#"},
    {"source": "incoming", "destination": "playstore", "routing_key": "publish.playstore", "arguments": {}},
    {"source": "audit", "destination": "plain", "destination_type": "queue"}]
}"""


@pytest.mark.parametrize("text", [SHORTHAND, LISTS], ids=["shorthand", "lists"])
def test_both_forms(text: str) -> None:
    """Shorthand and RabbitMQ's list form say the same, and everything is durable by default."""
    assert Topology.parse(text) == Topology(
        exchanges=(Exchange(name="incoming", type="topic"), Exchange(name="audit", type="fanout")),
        queues=(Queue(name="playstore", arguments={"x-queue-type": "quorum"}), Queue(name="plain")),
        bindings=(
            Binding(source="incoming", destination="audit", destination_type="exchange", routing_key="#"),
            Binding(source="incoming", destination="playstore", routing_key="publish.playstore"),
            Binding(source="audit", destination="plain"),
        ),
    )


def test_every_property() -> None:
    """Every property of an exchange, a queue and a binding is kept."""
    topology = Topology.parse(
        "exchanges: [{name: e, type: x-random, durable: false, auto_delete: true, internal: true, vhost: v,"
        " alternate_exchange: other}]\n"
        "queues: {q: {durable: false, auto_delete: true, exclusive: false, vhost: v, bindings:"
        " [{source: e, routing_key: k, arguments: {x-match: any, n: 1, t: [1, {a: null}]}}]}}"
    )
    assert topology == Topology(
        exchanges=(
            Exchange(
                name="e",
                type="x-random",
                durable=False,
                auto_delete=True,
                internal=True,
                arguments={"alternate-exchange": "other"},
                vhost="v",
            ),
        ),
        queues=(Queue(name="q", durable=False, auto_delete=True, vhost="v"),),
        bindings=(
            Binding(
                source="e",
                destination="q",
                routing_key="k",
                arguments={"x-match": "any", "n": 1, "t": [1, {"a": None}]},
                vhost="v",
            ),
        ),
    )


def test_the_same_file_twice(tmp_path: Path) -> None:
    """A file that is given twice is one problem, and its objects are not told as duplicates."""
    file = tmp_path / "a.yaml"
    file.write_text("queues: {q: }")
    with pytest.raises(TopologyError, match="^" + re.escape(f"{file}:1:1: this file is given twice [duplicate]") + "$"):
        Topology.load(file, str(file))


def test_places() -> None:
    """Each object knows where it stands."""
    topology = Topology.parse(SHORTHAND, "app.yaml")
    places = [item.place for item in (*topology.exchanges, *topology.queues, *topology.bindings)]
    lines = [(2, 3), (3, 3), (5, 3), (8, 3), (3, 36), (7, 16), (10, 5)]
    assert places == [Place("app.yaml", line, column) for line, column in lines]


def test_place_in_words() -> None:
    """A place is written as editors and compilers write it."""
    assert str(Place("app.yaml", 2, 3)) == "app.yaml:2:3"


def test_counts_in_words() -> None:
    """A topology says how much it holds."""
    assert str(Topology.parse(SHORTHAND)) == "2 exchanges, 2 queues, 3 bindings"


def test_queue_type() -> None:
    """A queue's type is its x-queue-type, and classic without one."""
    assert [queue.type for queue in Topology.parse(SHORTHAND).queues] == ["quorum", "classic"]


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        ("message_ttl: 30s", {"x-message-ttl": 30_000}),
        ("message_ttl: 1500", {"x-message-ttl": 1500}),
        ("expires: 1h30m", {"x-expires": 5_400_000}),
        ("max_length_bytes: 64MiB", {"x-max-length-bytes": 67_108_864}),
        ("type: quorum, delivery_limit: 5", {"x-queue-type": "quorum", "x-delivery-limit": 5}),
        ("type: classic", {"x-queue-type": "classic"}),
        ("queue_type: stream, max_age: 7D", {"x-queue-type": "stream", "x-max-age": "7D"}),
        ("type: quorum, arguments: {x-queue-type: quorum}", {"x-queue-type": "quorum"}),
        ("single_active_consumer: true", {"x-single-active-consumer": True}),
        (
            'dead_letter_exchange: "", dead_letter_routing_key: dead',
            {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"},
        ),
        ("arguments: {x-of-a-plugin: [1, a]}", {"x-of-a-plugin": [1, "a"]}),
        ('arguments: {x-foo: "no"}', {"x-foo": "no"}),
    ],
)
def test_arguments(body: str, arguments: dict[str, object]) -> None:
    """Shorthand becomes typed x-arguments, and unknown x-arguments pass."""
    found = arguments_of(body)
    assert found == arguments
    assert all(type(value) is type(arguments[name]) for name, value in found.items())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            "message_ttl: 30x",
            "integer, not 30x: milliseconds, or a duration such as 30s or 1h30m [argument-type]",
        ),
        ("max_length_bytes: 5XB", "an integer, not 5XB: bytes, or a size such as 64MiB [argument-type]"),
        ("max_length: -1", "max_length must be 0 or more, not -1 [argument-type]"),
        ("max_priority: 256", "max_priority must be 255 or less, not 256 [argument-type]"),
        ("overflow: drop-haed", "not 'drop-haed'; did you mean 'drop-head'? [argument-type]"),
        ("type: qourum", "not 'qourum'; did you mean 'quorum'? [queue-type]"),
        ("durable: yes", "durable must be true or false, not yes: write true [type]"),
        ('durable: "true"', "durable must be true or false, not the text 'true': remove the quotes [type]"),
        ("exclusive: true", "queues vanish with the connection that declares them; leave it out [exclusive]"),
        ("mesage_ttl: 5", "queue 'q' has no key 'mesage_ttl'; did you mean 'message_ttl'? [unknown-key]"),
        (
            "x-message-ttl: 5",
            "queue 'q' has no key 'x-message-ttl'; x-arguments stand under arguments: [unknown-key]",
        ),
        (
            "shovel: 1",
            (
                "queue 'q' has no key 'shovel'; it may have vhost, bindings, exclusive, durable, auto_delete, "
                "type, arguments, retry, dead_letter, queue_type [unknown-key]"
            ),
        ),
        (
            "type: quorum, durable: false",
            "durable must be true for quorum queues: RabbitMQ refuses others [queue-type]",
        ),
        (
            "type: stream, auto_delete: true",
            "auto_delete must be false for stream queues: RabbitMQ refuses others [queue-type]",
        ),
        (
            "type: quorum, max_priority: 5",
            "x-max-priority is not for quorum queues: RabbitMQ refuses it [argument-name]",
        ),
        (
            "type: stream, message_ttl: 5s",
            "x-message-ttl is not for stream queues: RabbitMQ refuses it [argument-name]",
        ),
        (
            "delivery_limit: 5",
            "x-delivery-limit is not for classic queues: RabbitMQ refuses it [argument-name]",
        ),
        (
            "dead_letter_routing_key: k",
            "needs x-dead-letter-exchange beside it: RabbitMQ refuses it alone [argument-name]",
        ),
        (
            "message_ttl: 5s, arguments: {x-message-ttl: 6000}",
            "x-message-ttl is given twice, as 6000 and as 5000 [duplicate]",
        ),
        ("type: stream, max_age: 7", 'max_age must be a text, not 7: put it in quotes: "7" [argument-type]'),
        ("type: stream, max_age: 7d", "one of Y, M, D, h, m, s, such as 7D, not '7d' [argument-type]"),
        ("arguments: []", "arguments must be a mapping (key: value), not a list [type]"),
        ("bindings: {source: e}", "bindings must be a list, not a mapping [type]"),
        ("bindings: [e]", "a binding must be a mapping (source: …, routing_key: …), not e [type]"),
    ],
)
def test_problem_of_a_queue(body: str, problem: str) -> None:
    """What RabbitMQ would refuse, or nobody can have meant, is said in one line."""
    (found,) = problems_of(f"queues: {{q: {{{body}}}}}")
    assert found.endswith(problem)


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("x-mesage-ttl: 5", "x-mesage-ttl is no argument that RabbitMQ knows; did you mean x-message-ttl?"),
        ("message_ttl: 5", "message_ttl is no argument that RabbitMQ knows; did you mean x-message-ttl?"),
        (
            'x-message-ttl: "259200000"',
            "x-message-ttl must be an integer, not the text '259200000': remove the quotes",
        ),
        ("x-message-ttl: 30s", "must be an integer, not 30s: write 30000, or use the shorthand message_ttl"),
        ("x-message-ttl: -1", "x-message-ttl must be 0 or more, not -1"),
        ("x-message-ttl: 1.5", "x-message-ttl must be an integer, not 1.5"),
        ("x-message-ttl: true", "x-message-ttl must be an integer, not true"),
        ("x-message-ttl:", "x-message-ttl must be an integer, not empty"),
        ("x-message-ttl: []", "x-message-ttl must be an integer, not a list"),
        ("x-expires: 0", "x-expires must be 1 or more, not 0"),
        ("x-max-length: 010", "x-max-length must be an integer, not 010: write 10"),
        ("x-max-length: 1e3", "x-max-length must be an integer, not 1e3: write 1000"),
        ("x-max-length: 12:30:45", "x-max-length must be an integer, not 12:30:45"),
        ("x-max-length: .nan", "x-max-length must be an integer, not .nan"),
        (f"x-max-length: {'9' * 5000}", f"x-max-length must be an integer, not {'9' * 59}…"),
        ("x-single-active-consumer: 1", "x-single-active-consumer must be true or false, not 1"),
        ("x-dead-letter-exchange: 5", 'x-dead-letter-exchange must be a text, not 5: put it in quotes: "5"'),
        (
            "x-dead-letter-exchange: 1e3",
            'x-dead-letter-exchange must be a text, not 1e3: put it in quotes: "1e3"',
        ),
        ("x-foo: 1_000", "which YAML readers understand differently: write 1000 for the number, or put the"),
        ("x-foo: [no]", "which YAML readers understand differently: write false for the boolean, or put"),
        ("x-foo: 12:30", "x-foo is 12:30, which YAML readers understand differently: put the text in quotes"),
        ("x-foo: 2024-01-01", "x-foo is 2024-01-01, which YAML readers understand differently: put the text in"),
        ("x-foo: .nan", "x-foo is .nan, which YAML readers understand differently: put the text in quotes"),
    ],
)
def test_problem_of_an_argument(argument: str, problem: str) -> None:
    """Arguments are checked by name, type and range, and told how to be right."""
    (found,) = problems_of(f"queues:\n  q:\n    arguments:\n      {argument}\n")
    assert found.startswith("4:")
    assert problem in found


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            "topc",
            (
                "type must be one of direct, fanout, topic, headers, or a plugin's x-… type, not 'topc'; "
                "did you mean 'topic'? [exchange-type]"
            ),
        ),
        ("", "exchange 'e' has no type [missing-key]"),
        ("{durable: true}", "exchange 'e' has no type [missing-key]"),
        ("5", 'type must be a text, not 5: put it in quotes: "5" [type]'),
        ("[topic]", "an entry of exchanges must be a mapping or a type, not a list [type]"),
        (
            "{type: topic, arguments: {x-alternate-exchange: a}}",
            "did you mean alternate-exchange? [argument-name]",
        ),
        ("{type: x-delayed-message}", "needs delayed_type: direct, fanout, topic or headers [missing-key]"),
    ],
)
def test_problem_of_an_exchange(body: str, problem: str) -> None:
    """An exchange needs a type that RabbitMQ or a plugin has."""
    (found,) = problems_of(f"exchanges:\n  e: {body}\n")
    assert found.endswith(problem)


@pytest.mark.parametrize("kind", ["x-delayed-message", "x-consistent-hash", "x-modulus-hash"])
def test_plugin_types(kind: str) -> None:
    """Exchange types of plugins pass by their prefix."""
    assert Topology.parse(f"exchanges: {{e: {{type: {kind}, delayed_type: direct}}}}").exchanges[0].type == kind


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("5", 'the name of this queue must be a text, not 5: put it in quotes: "5" [type]'),
        ("1.10", 'the name of this queue must be a text, not 1.10: put it in quotes: "1.10" [type]'),
        ("010", 'the name of this queue must be a text, not 010: put it in quotes: "010" [type]'),
        ("true", 'the name of this queue must be a text, not true: put it in quotes: "true" [type]'),
        ("null", "the name of this queue must be a text, not null"),
        ("amq.q", "name of this queue must not begin with amq., which RabbitMQ keeps for itself"),
        ('""', "the name of this queue must not be empty [name]"),
        (r'"a\nb"', "contains a line break, which RabbitMQ would remove silently [name]"),
        ("é" * 128, "the name of this queue is 256 bytes long in UTF-8; AMQP allows 255 [name]"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["queues:\n  {}:\n", "queues:\n- name: {}\n"])
def test_problem_of_a_name(name: str, problem: str, form: str) -> None:
    """A name is a text that RabbitMQ takes as it is."""
    (found,) = problems_of(form.format(name))
    assert problem in found


@pytest.mark.parametrize("name", ["no", "on", "2024-01-01", "12:30", "010", "1_000", "1e3", "NULL"])
def test_names_that_readers_disagree_about(name: str) -> None:
    """What a reader of YAML 1.1 takes for something else is a name only in quotes."""
    (found,) = problems_of(f"queues:\n  {name}:\n")
    assert f'must be a text, not {name}: put it in quotes: "{name}"' in found
    (queue,) = Topology.parse(f'queues:\n  "{name}":\n').queues
    assert queue.name == name


@pytest.mark.parametrize("name", ["yesterday", "v12:30", "é" * 127, "a b", "x" * 255])
def test_good_names(name: str) -> None:
    """What YAML 1.1 has guesses about is simply a name here."""
    assert Topology.parse(f"queues:\n  {name}:\n").queues[0].name == name


BOUND = "exchanges: {incoming: topic}\nqueues: {playstore: }\nbindings:\n- "


@pytest.mark.parametrize(
    ("binding", "problem"),
    [
        (
            "{source: incomin, destination: playstore}",
            "4:3: the exchange 'incomin' of this binding is not declared; did you mean 'incoming'?",
        ),
        (
            "{source: incoming, destination: plystore}",
            "4:3: the queue 'plystore' of this binding is not declared; did you mean 'playstore'?",
        ),
        (
            "{source: incoming, destination: playstore, destination_type: exchange}",
            "4:3: the exchange 'playstore' of this binding is not declared [undeclared]",
        ),
        (
            "{source: incoming, destination: playstore, vhost: other}",
            "4:3: the exchange 'incoming' of this binding is not declared in vhost 'other' [undecl",
        ),
        (
            '{source: "", destination: playstore}',
            '4:12: source is "", the default exchange: nothing can be bound to it or from it [default',
        ),
        ("{destination: playstore}", "4:3: the binding has no source [missing-key]"),
        ("{source: incoming}", "4:3: the binding has no destination [missing-key]"),
        (
            "{source: incoming, destination: playstore, routing_key: 5}",
            '4:59: routing_key must be a text, not 5: put it in quotes: "5" [type]',
        ),
        (
            "{source: incoming, destination: playstore, routing_key: #\n }",
            (
                '4:46: routing_key must be a text, not empty; write "" for the empty text, '
                "and a text that begins with # in quotes [type]"
            ),
        ),
        (
            f"{{source: incoming, destination: playstore, routing_key: {'k' * 256}}}",
            "4:59: routing_key is 256 bytes long in UTF-8; AMQP allows 255 [name]",
        ),
        (
            "{source: incoming, destination: playstore, destination_type: queu}",
            "4:64: destination_type must be one of queue, exchange, not 'queu'; did you mean 'queue'? [type]",
        ),
        (
            "{source: incoming, destination: playstore, arguments: {x-match: al}}",
            (
                "4:67: x-match must be one of all, any, all-with-x, any-with-x, not 'al'; "
                "did you mean 'all'? [argument-type]"
            ),
        ),
        (
            "{source: incoming, destination: playstore, arguments: {x-macth: all}}",
            "4:58: x-macth is no argument that RabbitMQ knows; did you mean x-match? [argument-name]",
        ),
        (
            "{source: incoming, destination: playstore, key: a}",
            (
                "4:46: a binding has no key 'key'; it may have source, destination, destination_type, vhost, "
                "arguments, routing_key [unknown-key]"
            ),
        ),
        ("incoming", "4:3: a binding must be a mapping (source: …, routing_key: …), not incoming [type]"),
    ],
)
def test_problem_of_a_binding(binding: str, problem: str) -> None:
    """A binding joins two declared ends, with a key and arguments that RabbitMQ takes."""
    found = problems_of(BOUND + binding)
    assert found[0].startswith(problem)


@pytest.mark.parametrize("name", ["direct", "fanout", "topic", "headers", "match"])
def test_predeclared_exchanges(name: str) -> None:
    """RabbitMQ's own exchanges may be bound, from and to, without being declared."""
    ends = f"{{source: amq.{name}, destination: amq.fanout, destination_type: exchange, routing_key: k}}"
    assert Topology.parse(f"bindings: [{ends}]").bindings[0].source == f"amq.{name}"


def test_header_that_looks_like_x_match() -> None:
    """Beside x-match, a header's name is the user's own."""
    text = BOUND + "{source: incoming, destination: playstore, arguments: {x-match: all, x-batch: 1}}"
    assert Topology.parse(text).bindings[0].arguments == {"x-match": "all", "x-batch": 1}


def test_declared_twice() -> None:
    """The same object twice is a problem that names both lines, and says whether they agree."""
    text = "queues:\n- {name: a}\n- {name: a}\n- {name: a, durable: false}\n- {name: a, vhost: other}\n"
    assert problems_of(text) == [
        "3:3: queue 'a' is already declared on line 2 [duplicate]",
        "4:3: queue 'a' is already declared on line 2, with other properties [duplicate]",
    ]


@pytest.mark.parametrize(("second", "twice"), [("1", True), ("true", False), ("1.0", False), ('"1"', False)])
def test_binding_twice(second: str, twice: bool) -> None:
    """Two bindings are the same if their arguments are, by type too."""
    text = "exchanges: {e: headers}\nqueues: {q: }\nbindings:\n" + "".join(
        f"- {{source: e, destination: q, arguments: {{a: [{value}]}}}}\n" for value in ("1", second)
    )
    if twice:
        assert problems_of(text) == ["5:3: this binding from 'e' to queue 'q' already stands on line 4 [duplicate]"]
    else:
        assert len(Topology.parse(text).bindings) == 2


def test_all_problems_at_once() -> None:
    """All problems come together, in the order of the file."""
    text = "queues:\n  a: {durable: yes}\n  b: {x: 1}\nexchanges:\n  c:\npolicys: []\n"
    assert [problem.split(":")[0] for problem in problems_of(text)] == ["2", "3", "5", "6"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty; a topology is a mapping with exchanges, queues and bindings [empty]"),
        ("- a", 'queues and bindings, not a list; put a list under the name of its section: {"queues": […]} [type]'),
        ("a", "1:1: a topology is a mapping with exchanges, queues and bindings, not a [type]"),
        ("queue: {}", "1:1: a topology file has no key 'queue'; did you mean 'queues'? [unknown-key]"),
        ("queues: 5", "1:9: queues must be a mapping (name: …) or a list of mappings, not 5 [type]"),
        ("queues: [a]", "1:10: an entry of queues must be a mapping (name: …), not a [type]"),
        ("queues: [{durable: true}]", "1:10: an entry of queues has no name [missing-key]"),
        (
            "queues:\nbroker: {}",
            "no key 'broker'; it may have vhosts, exchanges, queues, bindings, policies, messages, tests [unknown-key]",
        ),
        ("permisions: []", "has no key 'permisions'; did you mean 'permissions'? [unknown-key]"),
    ],
)
def test_problem_of_a_file(text: str, problem: str) -> None:
    """A file is a mapping of the sections that amqptool reads."""
    (found,) = problems_of(text)
    assert found.endswith(problem)


def test_empty_sections() -> None:
    """Sections without entries are fine."""
    assert Topology.parse("exchanges:\nqueues: []\nbindings:\n") == Topology()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    """The examples are valid, and each has tests, which hold."""
    topology = Topology.load(path)
    assert topology.tests
    assert check_tests(topology) == ()


def test_several_files(tmp_path: Path) -> None:
    """Several files make one topology: a binding in one may join what others declare."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("exchanges: {e: fanout}\n")
    second.write_text("queues: {q: {bindings: [{source: e}]}}\n")
    assert str(Topology.load(first, second)) == "1 exchange, 1 queue, 1 binding"


def test_twice_in_several_files(tmp_path: Path) -> None:
    """An object in two files is named with both places."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("queues: {q: }\n")
    second.write_text("queues: {q: {durable: false}}\n")
    with pytest.raises(TopologyError, match=rf"^{second}:1:10: queue 'q' is already declared at {first}:1:10, with"):
        Topology.load(first, second)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    """As the shell's <(command) gives one: to its end, and problems have its path."""
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def written(text: str) -> Topology:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(path.write_text, text)
            return Topology.load(path)

    assert [queue.name for queue in written("queues: {q: }").queues] == ["q"]
    with pytest.raises(TopologyError, match=rf"^{path}:1:13: "):
        written("queues: {q: 5}")


def test_unreadable(tmp_path: Path) -> None:
    """A missing file, a directory and a loop of links are errors of the operating system, with the path."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    reasons = {"none": "No such file", ".": "Is a directory", "loop": "Too many levels of symbolic links"}
    for path, words in ((tmp_path / name, words) for name, words in reasons.items()):
        with pytest.raises(OSError, match=words) as caught:
            Topology.load(path)
        assert caught.value.filename == str(path)
