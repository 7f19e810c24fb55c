"""Handlers that are Python callables: how they are found, and how they are called."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from amqptool.errors import HandlerError
from amqptool.handlers.interface import Handler
from amqptool.handlers.python import AsyncHandler, BlockingHandler, ThreadEach, load_callable, python_handler
from amqptool.message import Delivery
from amqptool.testing import make_delivery

MODULE = """
import functools

def takes_one(delivery): ...
def takes_more(delivery, extra=None, *rest, **named): ...
def takes_none(): ...
def takes_two(delivery, other): ...
def takes_by_name(*, delivery): ...
async def coroutine(delivery): ...
number = 5

class Service:
    def handle(self, delivery): ...
    @classmethod
    def of_class(cls, delivery): ...
    @staticmethod
    def of_none(delivery): ...
    def __call__(self, delivery): ...

service = Service()
partial = functools.partial(takes_two, other=1)
wrapped = functools.wraps(takes_one)(lambda *arguments: takes_one(*arguments))
builtin = print
silent = min  # a builtin that does not tell its signature
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Give a function that makes a module; what the test imports is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def make(name: str, source: str) -> None:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    yield make
    for name in set(sys.modules) - known:
        del sys.modules[name]


# -- finding --


@pytest.mark.parametrize(
    "name",
    [
        "takes_one",
        "takes_more",
        "coroutine",
        "service",
        "service.handle",
        "Service.of_class",
        "Service.of_none",
        "partial",
        "wrapped",
        "builtin",
        "silent",
    ],
)
def test_a_callable_is_found(modules: Callable[[str, str], None], name: str) -> None:
    """Any callable that takes a delivery will do: functions, methods, instances, partials."""
    modules("shop.handlers", MODULE)

    found = load_callable(f"shop.handlers:{name}")

    assert found == functools.reduce(getattr, name.split("."), sys.modules["shop.handlers"])


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "must be written package.module:callable"),
        ("shop.handlers", "must be written package.module:callable"),
        ("shop.handlers:", "must be written package.module:callable"),
        (":takes_one", "must be written package.module:callable"),
        (":", "must be written package.module:callable"),
        ("missing:handle", "there is no module 'missing'; is it installed, or do you need --app-dir?"),
        ("missing.inner:handle", "there is no module 'missing'; is it installed"),
        ("shop.missing:handle", "there is no module 'shop.missing'; is it installed"),
        ("shop.handlers.deeper:handle", "there is no module 'shop.handlers.deeper'; is it installed"),
        (".handlers:handle", "importing '.handlers' failed: TypeError"),
        ("../handlers.py:handle", "importing '../handlers.py' failed: TypeError"),
        ("shop.handlers:missing", "'shop.handlers' has no 'missing'"),
        ("shop.handlers:service.missing", "'shop.handlers' has no 'service.missing'"),
        ("shop.handlers:a:b", "'shop.handlers' has no 'a:b'"),
        ("shop.handlers:service.", "'shop.handlers' has no 'service.'"),
        ("shop.handlers:number", "is not callable but int"),
        ("shop.handlers:__doc__", "is not callable but NoneType"),
        ("shop.handlers:takes_none", "must take one argument, the delivery"),
        ("shop.handlers:takes_two", "must take one argument, the delivery"),
        ("shop.handlers:takes_by_name", "must take one argument, the delivery"),
        ("shop.handlers:Service.handle", "must take one argument, the delivery"),
        ("shop.handlers:Service", "must take one argument, the delivery"),
    ],
)
def test_what_is_no_handler_is_refused(modules: Callable[[str, str], None], spec: str, words: str) -> None:
    """Each way in which a handler can be missing has an error of its own that repeats what was asked for."""
    modules("shop.handlers", MODULE)

    with pytest.raises(HandlerError) as caught:
        load_callable(spec)

    assert str(caught.value).startswith(f"handler {spec!r}")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nowhere", "importing 'broken' failed: No module named 'nowhere'"),
        ("import broken.inner", "importing 'broken' failed: No module named 'broken.inner'"),
        ("from json import nothing", "importing 'broken' failed: ImportError: cannot import name 'nothing'"),
        ("1 / 0", "importing 'broken' failed: ZeroDivisionError: division by zero"),
        ("def", "importing 'broken' failed: SyntaxError: invalid syntax"),
        ("import sys; sys.exit('no settings')", "importing 'broken' failed: SystemExit: no settings"),
        ("raise ModuleNotFoundError('by hand')", "importing 'broken' failed: by hand"),
    ],
)
def test_a_module_that_does_not_import_says_why(modules: Callable[[str, str], None], source: str, words: str) -> None:
    """What goes wrong inside the handler's module is told as such, and not as a missing handler."""
    modules("broken", source)

    with pytest.raises(HandlerError) as caught:
        load_callable("broken:handle")

    assert str(caught.value).startswith(f"handler 'broken:handle': {words}")
    assert caught.value.__cause__ is not None


def test_a_missing_import_of_a_package_is_not_blamed_on_the_handler(
    modules: Callable[[str, str], None],
) -> None:
    """A handler's package that imports something missing names that, though the handler is further down."""
    modules("shop.__init__", "import nowhere.at_all")
    modules("shop.handlers", MODULE)

    with pytest.raises(HandlerError, match=r"importing 'shop\.handlers' failed: No module named 'nowhere'"):
        load_callable("shop.handlers:takes_one")


# -- async or not --


async def coroutine_function(delivery: Delivery) -> None:
    """Handle on the loop."""


def plain_function(delivery: Delivery) -> None:
    """Handle in a thread."""


class AsyncService:
    """Has async ways to be called."""

    async def __call__(self, delivery: Delivery) -> None:
        """Handle on the loop."""

    async def handle(self, delivery: Delivery) -> None:
        """Handle on the loop."""


class PlainService:
    """Has plain ways to be called."""

    def __call__(self, delivery: Delivery) -> None:
        """Handle in a thread."""

    def handle(self, delivery: Delivery) -> None:
        """Handle in a thread."""


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (coroutine_function, AsyncHandler),
        (AsyncService(), AsyncHandler),
        (AsyncService().handle, AsyncHandler),
        (functools.partial(coroutine_function), AsyncHandler),
        (plain_function, BlockingHandler),
        (PlainService(), BlockingHandler),
        (PlainService().handle, BlockingHandler),
        (functools.partial(plain_function), BlockingHandler),
        (print, BlockingHandler),
    ],
)
def test_async_callables_run_on_the_loop_and_others_in_threads(function: Callable[[Delivery], Any], kind: type) -> None:
    """What is async is awaited; whatever may block goes to a thread."""
    assert type(python_handler(function)) is kind


def test_a_generator_is_refused() -> None:
    """Calling a generator function handles nothing, and its message would be acknowledged all the same."""

    def generator(_: Delivery) -> Iterator[None]:
        yield

    async def async_generator(_: Delivery) -> Any:
        yield

    for function in (generator, async_generator):
        with pytest.raises(HandlerError, match="is a generator"):
            python_handler(function)


def runnable(function: Callable[[Delivery], Any]) -> Handler:
    """Make a handler that can be awaited, in a thread if it has to be."""
    handler = python_handler(function)
    return ThreadEach(handler) if isinstance(handler, BlockingHandler) else handler


def sync_wrapper(function: Callable[[Delivery], Awaitable[None]]) -> Callable[[Delivery], Awaitable[None]]:
    """Decorate as many a decorator does: the result is a plain function that returns a coroutine."""

    def wrapper(delivery: Delivery) -> Awaitable[None]:
        return function(delivery)

    return wrapper


def test_a_wrapped_async_handler_is_awaited() -> None:
    """An async function behind a plain one is not forgotten: it runs on the loop, to its end."""
    ran = []

    @sync_wrapper
    async def handler(_: Delivery) -> None:
        await asyncio.sleep(0)
        ran.append(threading.current_thread())

    asyncio.run(runnable(handler).handle(make_delivery()))

    assert ran == [threading.current_thread()]


def test_a_wrapped_async_handler_may_fail() -> None:
    """The error of an async function behind a plain one is the handler's error."""

    @sync_wrapper
    async def handler(_: Delivery) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(runnable(handler).handle(make_delivery()))


# -- calling --


def both(function: Callable[[Delivery], Any]) -> list[Callable[[Delivery], Any]]:
    """Make a plain and an async handler of a function."""

    async def awaited(delivery: Delivery) -> None:
        function(delivery)

    return [function, awaited]


@pytest.mark.parametrize("index", [0, 1], ids=["thread", "async"])
def test_the_handler_gets_the_delivery(index: int) -> None:
    """The callable gets the very delivery, once."""
    got: list[Delivery] = []
    delivery = make_delivery(b"body")

    asyncio.run(runnable(both(got.append)[index]).handle(delivery))

    assert len(got) == 1
    assert got[0] is delivery


class OwnError(Exception):
    """An error of the handler's own."""


def raiser(error: BaseException) -> Callable[[Delivery], None]:
    """Make a handler that raises."""

    def handler(_: Delivery) -> None:
        raise error

    return handler


@pytest.mark.parametrize("index", [0, 1], ids=["thread", "async"])
@pytest.mark.parametrize(
    "error", [OwnError("x"), TimeoutError("x"), OSError(5, "x"), RecursionError("x"), MemoryError()]
)
def test_a_failure_is_the_handlers_own_error(index: int, error: Exception) -> None:
    """What a handler raises comes out as it is, with its traceback."""
    handler = runnable(both(raiser(error))[index])

    with pytest.raises(type(error)) as caught:
        asyncio.run(handler.handle(make_delivery()))

    assert caught.value is error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SystemExit("bye"), "SystemExit: bye"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt("x"), "KeyboardInterrupt: x"),
        (StopIteration("x"), "StopIteration: x"),
        (GeneratorExit("x"), "GeneratorExit: x"),
        (asyncio.CancelledError("x"), "CancelledError: x"),
    ],
)
def test_nothing_a_thread_raises_ends_the_worker(error: BaseException, words: str) -> None:
    """`sys.exit()` and the like are failures of one message, and the next one is handled."""
    errors = [error]

    def function(_: Delivery) -> None:
        if errors:
            raise errors.pop()

    handler = runnable(function)

    async def scenario() -> None:
        with pytest.raises(HandlerError, match=f"the handler raised {words}"):
            await handler.handle(make_delivery())
        await handler.handle(make_delivery())

    asyncio.run(scenario())


@pytest.mark.parametrize(("error", "kind"), [(SystemExit("bye"), HandlerError), (StopIteration("x"), RuntimeError)])
def test_leaving_an_async_handler_does_not_end_the_loop(error: BaseException, kind: type[Exception]) -> None:
    """`sys.exit()` in an async handler is a failure of its message too."""
    handler = runnable(both(raiser(error))[1])

    async def scenario() -> str:
        with pytest.raises(kind):
            await asyncio.create_task(handler.handle(make_delivery()))
        return "still here"

    assert asyncio.run(scenario()) == "still here"


def test_cancelling_reaches_an_async_handler() -> None:
    """An async handler is cancelled with the task that awaits it."""
    seen = []

    async def function(_: Delivery) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def scenario() -> None:
        task = asyncio.create_task(runnable(function).handle(make_delivery()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    asyncio.run(scenario())

    assert seen == ["cancelled"]


# -- threads --


def test_a_blocking_handler_runs_in_a_daemon_thread() -> None:
    """Blocking handlers run beside the loop, in threads that cannot keep the process from ending."""
    threads: list[threading.Thread] = []

    asyncio.run(runnable(lambda _: threads.append(threading.current_thread())).handle(make_delivery()))

    [thread] = threads
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert thread.name.startswith("amqptool-handler")


@pytest.mark.parametrize("count", [1, 2, 20])
def test_as_many_run_at_once_as_are_asked_for(count: int) -> None:
    """All calls that are under way at the same time really run at the same time."""
    barrier = threading.Barrier(count)
    handler = runnable(lambda _: barrier.wait(30))

    async def scenario() -> None:
        await asyncio.gather(*(handler.handle(make_delivery()) for _ in range(count)))

    asyncio.run(scenario())


def test_the_loop_runs_while_a_handler_blocks() -> None:
    """A handler that blocks does not stop the loop: here the loop itself sets it free."""
    free = threading.Event()
    handler = runnable(lambda _: free.wait(30))

    async def scenario() -> None:
        task = asyncio.create_task(handler.handle(make_delivery()))
        asyncio.get_running_loop().call_soon(free.set)
        await task

    asyncio.run(scenario())
    assert free.is_set()


def test_a_call_that_was_given_up_keeps_its_thread_to_itself() -> None:
    """The next call does not queue behind a function that nobody waits for any more."""
    free = threading.Event()
    calls: list[str] = []

    def function(delivery: Delivery) -> None:
        if delivery.body == b"stuck":
            free.wait(30)
        calls.append(delivery.body.decode())

    handler = runnable(function)

    async def scenario() -> None:
        stuck = asyncio.create_task(handler.handle(make_delivery(b"stuck")))
        await asyncio.sleep(0)
        stuck.cancel()
        await asyncio.wait({stuck})
        await handler.handle(make_delivery(b"next"))

    asyncio.run(scenario())
    before = list(calls)
    free.set()

    assert before == ["next"]


def test_a_handler_serves_one_loop_after_another() -> None:
    """The same handler works under a second loop, as when a worker is run again."""
    got: list[bytes] = []
    handler = runnable(lambda delivery: got.append(delivery.body))

    for body in (b"one", b"two"):
        asyncio.run(handler.handle(make_delivery(body)))

    assert got == [b"one", b"two"]


def test_a_result_for_a_closed_loop_is_dropped() -> None:
    """A function that ends after its loop does no harm, and the next loop is served."""
    free, done = threading.Event(), threading.Event()

    def function(delivery: Delivery) -> None:
        if delivery.body == b"late":
            free.wait(30)
        done.set()

    handler = runnable(function)

    async def give_up() -> None:
        task = asyncio.create_task(handler.handle(make_delivery(b"late")))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(give_up())
    free.set()
    assert done.wait(30)

    asyncio.run(handler.handle(make_delivery(b"next")))
