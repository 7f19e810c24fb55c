"""The bookkeeping of unconfirmed messages, against every order in which a broker may answer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from amqptool.message import Message, Returned
from amqptool.publish.window import InFlight, Window


def message(name: str = "m", *, body: bytes = b"", key: str = "k", exchange: str = "e") -> Message:
    """Make a message whose id is its name."""
    return Message(body=body, message_id=name, routing_key=key, exchange=exchange)


def returned(original: Message) -> Returned:
    """Make what the broker sends back, which is equal to the message but never the same object."""
    return Returned(message=replace(original), reply_code=312, reply_text="NO_ROUTE")


def window_of(count: int) -> Window[int]:
    """Make a window with so many messages in flight; each ticket is its message's tag."""
    window: Window[int] = Window()
    for tag in range(1, count + 1):
        window.add(message(f"m{tag}"), tag, float(tag))
    return window


def tickets(entries: list[InFlight[int]]) -> list[int]:
    """Return whose outcomes these are."""
    return [entry.ticket for entry in entries]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3, 4))))
def test_confirms_may_come_in_any_order(order: tuple[int, ...]) -> None:
    """Confirmed one at a time, in whatever order, each tag settles its own message and no other."""
    window = window_of(4)

    assert [tickets(window.settle(tag, multiple=False)) for tag in order] == [[tag] for tag in order]
    assert len(window) == 0


@pytest.mark.parametrize("settled", list(itertools.product((False, True), repeat=4)))
@pytest.mark.parametrize("tag", [0, 1, 2, 3, 4])
def test_multiple_settles_all_up_to_the_tag(settled: tuple[bool, ...], tag: int) -> None:
    """A multiple confirm takes what is left up to its tag, oldest first; tag 0 takes everything left."""
    window = window_of(4)
    left = [number for number, gone in enumerate(settled, 1) if not gone]
    for number in set(range(1, 5)) - set(left):
        window.settle(number, multiple=False)

    taken = tickets(window.settle(tag, multiple=True))

    assert taken == [number for number in left if number <= tag or tag == 0]
    assert len(window) == len(left) - len(taken)


@pytest.mark.parametrize("tag", [0, 4, 2**63, -1])
def test_a_confirm_of_what_was_never_sent_is_an_error(tag: int) -> None:
    """A single confirm of a number that is not in flight is an error, and settles nothing."""
    window = window_of(3)

    with pytest.raises(KeyError):
        window.settle(tag, multiple=False)

    assert len(window) == 3


@pytest.mark.parametrize("multiple", [False, True])
def test_a_second_confirm_is_an_error(multiple: bool) -> None:
    """A message is settled once: a second single confirm of its number is an error."""
    window = window_of(3)
    window.settle(2, multiple=multiple)

    with pytest.raises(KeyError):
        window.settle(2, multiple=False)


def test_tags_go_on_after_the_window_was_empty() -> None:
    """Numbers count all publishes on the channel: they never start again."""
    window = window_of(3)
    window.settle(3, multiple=True)
    window.add(message(), 4, 4.0)

    with pytest.raises(KeyError):
        window.settle(1, multiple=False)
    assert tickets(window.settle(4, multiple=False)) == [4]


def test_the_number_of_messages_is_bounded() -> None:
    """There is room for exactly so many messages, and for one more after each confirm."""
    window: Window[int] = Window(max_messages=2)
    rooms = []
    for tag in (1, 2):
        rooms.append(window.has_room)
        window.add(message(), tag, 0.0)
    rooms.append(window.has_room)
    window.settle(2, multiple=False)
    rooms.append(window.has_room)

    assert rooms == [True, True, False, True]


@pytest.mark.parametrize(
    ("sizes", "room"),
    [
        ([], True),
        ([9], True),
        ([10], False),
        ([5, 4], True),
        ([5, 5], False),
        ([1000], False),
        ([0] * 50, True),
    ],
)
def test_the_bytes_of_bodies_are_bounded(sizes: list[int], room: bool) -> None:
    """There is room while the bodies in flight are fewer bytes than the limit, however many they are."""
    window: Window[None] = Window(max_bytes=10)
    for size in sizes:
        window.add(message(body=b"x" * size), None, 0.0)

    assert window.has_room is room


def test_headers_count_as_bodies_do() -> None:
    """Their bytes are given with the message, leave with it, and are there again when it is sent again."""
    window: Window[None] = Window(max_bytes=10)
    window.add(message(body=b"xxxx"), None, 0.0, header_bytes=6)
    assert not window.has_room

    (lost,) = window.lose_channel()
    assert window.has_room
    window.resend(lost, 1.0)
    assert not window.has_room


def test_one_message_may_exceed_the_bytes() -> None:
    """An empty window has room for a message of any size, and its confirm frees all of it."""
    window: Window[None] = Window(max_bytes=1)
    assert window.has_room
    window.add(message(body=b"x" * 1000), None, 0.0)
    assert not window.has_room

    window.settle(1, multiple=False)

    assert window.has_room


def test_the_oldest_is_the_first_unconfirmed() -> None:
    """The time of the oldest message moves on only when that very message is settled."""
    window = window_of(3)
    seen = [window.oldest_sent_at]
    for tag in (2, 1, 3):
        window.settle(tag, multiple=False)
        seen.append(window.oldest_sent_at)

    assert seen == [1.0, 1.0, 3.0, None]


def test_draining_takes_everything_oldest_first() -> None:
    """Every message comes out in the order of publishing, with its return."""
    window = window_of(3)
    window.settle(2, multiple=False)
    window.mark_returned(returned(message("m3")))

    drained = window.drain()

    assert tickets(drained) == [1, 3]
    assert [entry.returned is not None for entry in drained] == [False, True]
    assert (len(window), window.oldest_sent_at, window.drain()) == (0, None, [])


def test_a_returned_key_of_escaped_bytes_is_known_again() -> None:
    """Bytes that are UTF-8 together go out escaped, and come back as text."""
    window: Window[int] = Window()
    window.add(message(key="\udcc3\udca9"), 1, 1.0)

    assert window.mark_returned(returned(message(key="é")))


@pytest.mark.parametrize("back", [subset for size in range(5) for subset in itertools.combinations((1, 2, 3, 4), size)])
def test_exactly_the_returned_messages_are_marked(back: tuple[int, ...]) -> None:
    """Whichever messages come back, those and no others carry their return when they are settled."""
    window = window_of(4)

    assert all(window.mark_returned(returned(message(f"m{tag}"))) for tag in back)

    marked = [entry.ticket for entry in window.drain() if entry.returned]
    assert marked == list(back)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3, 4))))
def test_returns_may_come_in_any_order(order: tuple[int, ...]) -> None:
    """A return is found wherever it stands: the search goes on from the last one and wraps around."""
    window = window_of(4)

    backs = {tag: returned(message(f"m{tag}")) for tag in order}
    assert all(window.mark_returned(back) for back in backs.values())

    assert all(entry.returned is backs[entry.ticket] for entry in window.drain())


def test_returns_and_confirms_interleave() -> None:
    """A return that comes after later messages were settled still finds its own."""
    window = window_of(4)
    window.mark_returned(returned(message("m3")))
    assert [entry.returned is not None for entry in window.settle(3, multiple=False)] == [True]
    window.settle(4, multiple=False)

    assert window.mark_returned(returned(message("m1")))

    assert [(entry.ticket, entry.returned is not None) for entry in window.drain()] == [(1, True), (2, False)]


def test_the_search_wraps_past_what_was_settled() -> None:
    """With the last returned message gone and everything after it too, an older one is still found."""
    window = window_of(3)
    window.mark_returned(returned(message("m3")))
    window.settle(3, multiple=False)

    assert window.mark_returned(returned(message("m2")))
    assert not window.mark_returned(returned(message("m3")))


def test_new_messages_are_found_after_old_returns() -> None:
    """A message that is sent after others came back and were settled is found when it comes back too."""
    window = window_of(2)
    window.mark_returned(returned(message("m2")))
    window.settle(2, multiple=True)
    window.add(message("m3"), 3, 3.0)

    assert window.mark_returned(returned(message("m3")))


@pytest.mark.parametrize(
    "other",
    [
        message("other"),
        message("m1", body=b"other"),
        message("m1", key="other"),
        message("m1", exchange="other"),
    ],
)
def test_a_return_of_something_else_is_not_matched(other: Message) -> None:
    """Id, body, routing key and exchange all tell messages apart: a return that differs marks nothing."""
    window = window_of(1)

    assert not window.mark_returned(returned(other))
    assert window.drain()[0].returned is None


@pytest.mark.parametrize("first", [0, 1, 2])
def test_equal_ids_are_told_apart(first: int) -> None:
    """Messages with one id, or none, are told apart by whatever else differs."""
    window: Window[int] = Window()
    variants = [message("same"), message("same", key="other"), message("same", body=b"other")]
    for ticket, variant in enumerate(variants):
        window.add(variant, ticket, 0.0)

    window.mark_returned(returned(variants[first]))

    assert [entry.ticket for entry in window.drain() if entry.returned] == [first]


def test_equal_messages_are_returned_one_by_one() -> None:
    """Each return of messages that are equal in all marks another one, in the order of publishing."""
    window: Window[int] = Window()
    for ticket in range(3):
        window.add(message(), ticket, 0.0)

    assert [window.mark_returned(returned(message())) for _ in range(4)] == [True, True, True, False]
    assert all(entry.returned for entry in window.drain())


def test_many_returns_are_found_in_linear_time() -> None:
    """In a full window, of which every second message comes back, no search begins at the start again."""
    comparisons = 0

    class Counting(str):
        """A text that counts how often it is compared."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal comparisons
            comparisons += 1
            return str(self) == str(other)

    window: Window[None] = Window()
    for number in range(2000):
        window.add(replace(message(), message_id=Counting(number)), None, 0.0)

    assert all(window.mark_returned(returned(message(str(number)))) for number in range(0, 2000, 2))
    assert comparisons <= 2000


def test_a_multiple_confirm_of_what_was_never_sent_is_an_error() -> None:
    """No broker can have taken more than was sent."""
    window = window_of(3)

    with pytest.raises(KeyError):
        window.settle(4, multiple=True)

    assert len(window) == 3


def test_a_new_channel_counts_from_one() -> None:
    """What was in flight on a lost channel comes out, and what is sent again has the new channel's numbers."""
    window = window_of(3)
    window.settle(1, multiple=False)

    lost = window.lose_channel()
    window.resend(lost[1], 10.0)

    assert tickets(lost) == [2, 3]
    assert tickets(window.settle(1, multiple=False)) == [3]


def test_what_is_sent_again_keeps_its_first_time() -> None:
    """A message knows when it was sent first, when last, and how often; an old return is forgotten."""
    window = window_of(1)
    window.mark_returned(returned(message("m1")))
    (entry,) = window.lose_channel()

    window.resend(entry, 10.0)

    assert (entry.first_sent_at, entry.sent_at, entry.sends, entry.returned) == (1.0, 10.0, 2, None)
    assert window.oldest_sent_at == 10.0


def test_held_messages_take_up_room() -> None:
    """A message that waits to be sent again counts like one in flight, in number and in bytes."""
    window: Window[int] = Window(max_messages=1, max_bytes=10)
    window.add(message(body=b"x" * 10), 1, 0.0)
    window.hold(window.lose_channel()[0], 5.0)

    assert (len(window), window.in_flight, window.has_room) == (1, 0, False)
    window.take_held()
    assert (len(window), window.has_room) == (0, True)


def test_held_messages_come_out_when_due() -> None:
    """The earliest is first, and nothing comes before its time."""
    window = window_of(3)
    for entry, due in zip(window.lose_channel(), (7.0, 5.0, 6.0), strict=True):
        window.hold(entry, due)

    assert window.next_due == 5.0
    assert window.first_held(4.9) is None
    taken = []
    while (first := window.first_held(6.0)) is not None:
        assert window.take_held() is first
        taken.append(first.ticket)
    assert taken == [2, 3]
    assert window.next_due == 7.0


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2, 3))))
def test_of_those_due_alike_the_oldest_is_first(order: tuple[int, ...]) -> None:
    """However they came to be held, messages go out again in the order of their first publish."""
    window = window_of(4)
    entries = window.lose_channel()
    for position in order:
        window.hold(entries[position], 0.0)

    assert [window.take_held().ticket for _ in order] == [1, 2, 3, 4]


def test_draining_takes_the_held_too() -> None:
    """Everything comes out in the order of the first publish, in flight or held."""
    window = window_of(3)
    for entry in window.settle(2, multiple=True)[::-1]:
        window.hold(entry, 0.0)

    assert tickets(window.drain()) == [1, 2, 3]
    assert (len(window), window.next_due, window.has_room) == (0, None, True)


@dataclass(slots=True)
class Sent:
    """What the naive model knows of a message."""

    number: int
    message: Message
    #: Its number on the channel; 0 when it is in nobody's hands.
    tag: int
    returned: bool = False
    sends: int = 1
    due: float = 0.0


class WindowAgainstModel(RuleBasedStateMachine):
    """A window and two lists do the same things and must agree at every step."""

    @initialize(messages=st.integers(1, 5), size=st.integers(1, 20))
    def begin(self, messages: int, size: int) -> None:
        """Start with small bounds, so that they are met."""
        self.max_messages, self.max_bytes = messages, size
        self.window: Window[int] = Window(messages, size)
        self.flying: list[Sent] = []
        self.held: list[Sent] = []
        self.out: list[tuple[Sent, InFlight[int]]] = []
        self.numbers = self.last_tag = self.last_returned = 0

    @rule(name=st.sampled_from("ab"), body=st.binary(max_size=8), key=st.sampled_from("xy"))
    def publish(self, name: str, body: bytes, key: str) -> None:
        """Send a message, which may be equal to one in flight."""
        self.numbers += 1
        self.last_tag += 1
        sent = message(name, body=body, key=key)
        self.window.add(sent, self.numbers, float(self.last_tag))
        self.flying.append(Sent(self.numbers, sent, self.last_tag))

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def confirm_one(self, data: st.DataObject) -> None:
        """Confirm one message in flight."""
        sent = data.draw(st.sampled_from(self.flying))
        self.agree([sent], self.window.settle(sent.tag, multiple=False))

    @rule(data=st.data())
    def confirm_multiple(self, data: st.DataObject) -> None:
        """Confirm everything up to a number, settled or not."""
        tag = data.draw(st.integers(0, self.last_tag))
        settled = [sent for sent in self.flying if not tag or sent.tag <= tag]
        self.agree(settled, self.window.settle(tag, multiple=True))

    @rule(data=st.data(), multiple=st.booleans())
    def confirm_nonsense(self, data: st.DataObject, multiple: bool) -> None:
        """Confirm what is not in flight."""
        flying = {sent.tag for sent in self.flying}
        some = st.integers(self.last_tag + 1, self.last_tag + 9) if multiple else st.integers(0, self.last_tag + 2)
        tag = data.draw(some.filter(lambda tag: tag not in flying))
        with pytest.raises(KeyError):
            self.window.settle(tag, multiple=multiple)

    @precondition(lambda self: any(not sent.returned for sent in self.flying))
    @rule(data=st.data())
    def send_back(self, data: st.DataObject) -> None:
        """Return a message in flight: of equal ones, the first after the last returned, if there is one."""
        pick = data.draw(st.sampled_from([sent for sent in self.flying if not sent.returned]))
        assert self.window.mark_returned(returned(pick.message))
        equal = [sent for sent in self.flying if sent.message == pick.message and not sent.returned]
        marked = next((sent for sent in equal if sent.tag > self.last_returned), equal[0])
        marked.returned, self.last_returned = True, marked.tag

    @rule()
    def send_back_nonsense(self) -> None:
        """Return what was never sent."""
        assert not self.window.mark_returned(returned(message("never")))

    @rule()
    def lose_the_channel(self) -> None:
        """Lose everything in flight, and count anew."""
        self.agree(list(self.flying), self.window.lose_channel())
        self.last_tag = self.last_returned = 0

    @rule()
    def give_everything_up(self) -> None:
        """Take out everything."""
        everything = sorted([*self.flying, *self.held], key=lambda sent: sent.number)
        self.held = []
        self.agree(everything, self.window.drain())
        self.last_tag = self.last_returned = 0

    @precondition(lambda self: self.out)
    @rule(data=st.data(), due=st.sampled_from([0.0, 1.0, 2.0]))
    def hold(self, data: st.DataObject, due: float) -> None:
        """Keep a message that came out, to send it again."""
        sent, entry = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.window.hold(entry, due)
        sent.due = due
        self.held.append(sent)

    @rule(now=st.sampled_from([0.0, 1.0, 2.0]))
    def send_what_is_due(self, now: float) -> None:
        """Send the first held message again, if it is due."""
        due = sorted((sent for sent in self.held if sent.due <= now), key=lambda sent: (sent.due, sent.number))
        first = self.window.first_held(now)
        assert (first.ticket if first else None) == (due[0].number if due else None)
        if first is not None:
            self.last_tag += 1
            sent = due[0]
            self.held.remove(sent)
            sent.tag, sent.returned, sent.sends = self.last_tag, False, sent.sends + 1
            self.flying.append(sent)
            self.window.resend(self.window.take_held(), float(self.last_tag))

    def agree(self, expected: list[Sent], settled: list[InFlight[int]]) -> None:
        """Check what came out."""
        assert [(sent.number, sent.message, sent.returned, sent.sends) for sent in expected] == [
            (entry.ticket, entry.message, entry.returned is not None, entry.sends) for entry in settled
        ]
        self.flying = [sent for sent in self.flying if sent not in expected]
        self.out += zip(expected, settled, strict=True)

    @invariant()
    def same_contents(self) -> None:
        """Check what is inside."""
        everything = [*self.flying, *self.held]
        size = sum(len(sent.message.body) for sent in everything)
        assert (len(self.window), self.window.in_flight) == (len(everything), len(self.flying))
        assert self.window.has_room == (len(everything) < self.max_messages and size < self.max_bytes)
        assert self.window.oldest_sent_at == (float(self.flying[0].tag) if self.flying else None)
        assert self.window.next_due == min((sent.due for sent in self.held), default=None)


TestWindowAgainstModel = WindowAgainstModel.TestCase
TestWindowAgainstModel.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
