"""From nodes to typed values: each reader returns a value, or says what the node must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeAlias, TypeVar

from amqptool.topology import names
from amqptool.topology.file.nodes import Mapping, Scalar, Sequence
from amqptool.topology.problems import did_you_mean, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container

    from amqptool.message import FieldValue
    from amqptool.topology.file.nodes import Node
    from amqptool.topology.problems import Problems

#: How many keys a message names to who wrote an unknown one.
MAX_KEYS = 10

T = TypeVar("T")
Read: TypeAlias = "Callable[[Node], T]"


class Unfit(ValueError):
    """A node is not what its place needs; the message continues the sentence that the key begins."""

    def __init__(self, node: Node, message: str, rule: str = "type") -> None:
        super().__init__(_without_values(node, message))
        self.node = node
        self.rule = rule


class Fields:
    """The entries of one mapping, taken one by one; what nobody asked for is unknown."""

    def __init__(self, mapping: Mapping, problems: Problems) -> None:
        self.mapping = mapping
        self.problems = problems
        self._asked: dict[str, None] = {}
        self._allowed: Collection[str] = ()

    def allow(self, keys: Collection[str]) -> None:
        """Know keys that may be there, beside those that are asked for."""
        self._allowed = keys

    def node(self, key: str) -> Node | None:
        """Return the value at a key as it stands."""
        self._asked[key] = None
        entry = self.mapping.entries.get(key)
        return entry[1] if entry else None

    def take(self, key: str, read: Read[T], default: T) -> T:
        """Return the value at a key, or the default where it is absent or wrong (which is noted)."""
        node = self.node(key)
        if node is None:
            return default
        try:
            return read(node)
        except Unfit as flaw:
            self.problems.add(flaw.node.place, f"{key} {flaw}", flaw.rule)
            return default

    def need(self, key: str, read: Read[T], what: str) -> T | None:
        """Return the value at a key that must be there; None where it is absent or wrong (noted)."""
        if key not in self.mapping.entries:
            self.problems.add(self.mapping.place, f"{what} has no {key}", "missing-key")
        taken: T | None = self.take(key, read, None)
        return taken

    def refuse_others(self, what: str, *left_alone: Container[str]) -> None:
        """Note every key that was not asked for, but for those that are left alone."""
        for key in self.mapping.entries.keys() - self._asked.keys():
            if any(key in keys for keys in (self._allowed, *left_alone)):
                continue
            scalar = self.mapping.entries[key][0]
            self.problems.add(scalar.place, f"{what} has no key {quoted(key)}{self._hint(key)}", "unknown-key")

    def _hint(self, key: str) -> str:
        if key.startswith("x-") and "arguments" in self._asked:
            return "; x-arguments stand under arguments:"
        known = list(dict.fromkeys((*self._asked, *self._allowed)))
        absent = [name for name in known if name not in self.mapping.entries]
        return did_you_mean(key, absent) or f"; it may have {', '.join(known[:MAX_KEYS])}"


def describe(node: Node) -> str:
    """Say what a node is, for a message."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if node.template is not None:
        return quoted(node.template)[1:-1]
    if node.value is None:
        return "empty" if not node.text else node.text
    if isinstance(node.value, str) and not node.plain:
        return f"the text {quoted(node.value)}"
    return quoted(node.text)[1:-1]


def is_nothing(node: Node) -> bool:
    """Return whether a value is absent, or null."""
    return isinstance(node, Scalar) and node.value is None


def mapping(node: Node) -> Mapping:
    """Read a mapping."""
    return node if isinstance(node, Mapping) else _refuse(node, "a mapping (key: value)")


def exported_table(node: Node) -> Mapping:
    """Read a table, which old versions of RabbitMQ exported as an empty list when it was empty."""
    is_empty_list = isinstance(node, Sequence) and not node.items
    return Mapping(node.place) if is_empty_list else mapping(node)


def sequence(node: Node) -> list[Node]:
    """Read a list; nothing is the empty one."""
    if is_nothing(node):
        return []
    return node.items if isinstance(node, Sequence) else _refuse(node, "a list")


def boolean(node: Node) -> bool:
    """Read `true` or `false`."""
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    return _refuse(node, "true or false", _plainly(node, "boolean", ("true", "false")))


def integer(node: Node) -> int:
    """Read a whole number in plain decimal digits."""
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    digits = (node.text,) if isinstance(node, Scalar) and node.text.isdecimal() else ()
    return _refuse(node, "an integer", _plainly(node, "number", digits))


def text(node: Node) -> str:
    """Read a text; a number, a boolean or nothing must be put in quotes to be one."""
    if not isinstance(node, Scalar):
        return _refuse(node, "a text")
    if node.value is None:
        return _refuse(node, "a text", '; write "" for the empty text, and a text that begins with # in quotes')
    if not isinstance(node.value, str) or node.surprise is not None:
        return _refuse(node, "a text", f': put it in quotes: "{describe(node)}"')
    return node.value


def routing_key(node: Node) -> str:
    """Read a routing key, which may be empty."""
    return _checked(node, text(node), names.flaw_of_key)


def name(node: Node) -> str:
    """Read the name of an exchange, a queue or a vhost."""
    return _checked(node, text(node), names.flaw_of_name)


def declared_name(node: Node) -> str:
    """Read the name of an exchange or a queue that is to be declared."""
    value = name(node)
    if value.startswith(names.RESERVED_PREFIX):
        raise Unfit(node, "must not begin with amq., which RabbitMQ keeps for itself", "reserved-name")
    return value


def bound_name(node: Node) -> str:
    """Read the name of a binding's end."""
    if isinstance(node, Scalar) and node.value == "":
        raise Unfit(node, 'is "", the default exchange: nothing can be bound to it or from it', "default-exchange")
    return name(node)


def published_name(node: Node) -> str:
    """Read the name of an exchange that is published to; the default exchange has the empty one."""
    return text(node) and name(node)


def exchange_type(node: Node) -> str:
    """Read an exchange's type."""
    return _checked(node, text(node), names.flaw_of_exchange_type, "exchange-type")


def one_of(choices: tuple[str, ...], rule: str = "type") -> Read[str]:
    """Make a reader of one of several words."""

    def read(node: Node) -> str:
        word = text(node)
        if word in choices:
            return word
        known = ", ".join(choices)
        raise Unfit(node, f"must be one of {known}, not {quoted(word)}{did_you_mean(word, choices)}", rule)

    return read


def field_value(node: Node) -> FieldValue:
    """Read any value of an argument table; what other YAML readers take for another type is refused."""
    if isinstance(node, Sequence):
        return [field_value(item) for item in node.items]
    if isinstance(node, Mapping):
        return {field_name(key): field_value(value) for key, value in node.entries.values()}
    if surprise := node.surprise:
        plain = surprise.plain if node.template is None else None
        advice = f"write {plain} for the {surprise.kind}, or " if plain else ""
        message = f"is {describe(node)}, which YAML readers understand differently: {advice}put the text in quotes"
        raise Unfit(node, message, "ambiguous")
    return node.value


def field_name(key: Scalar) -> str:
    """Read a key of an argument table."""
    return _checked(key, key.text, names.flaw_of_key)


def _checked(node: Node, value: str, flaw_of: Callable[[str], str | None], rule: str = "name") -> str:
    if flaw := flaw_of(value):
        raise Unfit(node, flaw, rule)
    return value


def _plainly(node: Node, kind: str, quoted_forms: tuple[str, ...]) -> str:
    if not isinstance(node, Scalar):
        return ""
    if node.template is not None:
        return "" if node.plain else ": in quotes it stays text; write it without them, on a line of its own"
    if (found := node.surprise) and found.kind == kind and found.plain:
        return f": write {found.plain}"
    return ": remove the quotes" if not node.plain and node.text in quoted_forms else ""


def _without_values(node: Node, message: str) -> str:
    """Show a variable as it is written: its value may be a secret that stands in the wrong place."""
    if not isinstance(node, Scalar) or node.template is None:
        return message
    return message.replace(quoted(node.text), quoted(node.template))


def _refuse(node: Node, wanted: str, advice: str = "") -> NoReturn:
    raise Unfit(node, f"must be {wanted}, not {describe(node)}{advice}")
