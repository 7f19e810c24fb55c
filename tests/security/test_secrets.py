"""No piece of a password is ever shown: whatever fails, however much is asked to be said, wherever it stands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from amqptool import AmqpUrl, Message
from amqptool.broker.local import Endpoint
from amqptool.cli.root import root
from tests.security.many import Case, Said, run_many
from tests.security.needles import ESCAPED, PASSWORD, leaks
from tests.support.broker import declare_queue, publish
from tests.support.commands import leaves
from tests.support.etcd import PrivateEtcd, guarded
from tests.support.servers import PrivatePostgresql, PrivateRedis

TASKS = str(Path(__file__).parents[2] / "topologies/tasks.yaml")
UUID = "01890000-0000-7000-8000-000000000000"
#: What each argument of a command may be, by its name.
ARGUMENTS = {"files": TASKS, "queue": "q", "body": "x", "ids": UUID, "name": "p0", "asked": "amq.topic", "queues": "q"}
#: What some commands need beside, to come as far as to connect.
MORE = {
    "publish": ["-k", "q"],
    "delete": ["--yes"],
    "consume": ["-n", "1"],
    "graph": ["--live"],
    "drop": ["--yes"],
    "asyncapi": ["--server"],
    "purge": ["--yes"],
    "wait": ["--timeout", "10ms"],
}
WITHOUT_ARGUMENTS = ("graph",)
#: What reads where the broker is, and connects to none.
OFFLINE = ("asyncapi",)
LOUD = [["-vv", "--debug"], ["-vv", "--debug", "--json", "--log-format", "json"]]
CONNECTING = (69, 77, 78)

#: What is wrong with each URL for itself; `{}` is the password, escaped or not.
BAD_FORMS = [
    "amqp://ann:{}@127.0.0.1:1/v/w",
    "amqp://ann:{}@127.0.0.1:port",
    "amqp://ann:{}@127.0.0.1:99999",
    "amqp://ann:{}@",
    "amqp://ann:{}@/v",
    "amqp://ann:{}",
    "amqp://{}",
    "amqp://{}@127.0.0.1:1",
    "amqp://:{}@127.0.0.1:1",
    "amqp://ann:{}:{}@127.0.0.1:1",
    "amqp://ann:{}@127.0.0.1:1?heartbeat=1",
    "amqp://ann:{}@127.0.0.1:1/%zz",
    "amqp://ann:{}%zz@127.0.0.1:1",
    "amqp://ann:%FF{}@127.0.0.1:1",
    "amqp://ann:{}@127.0.0.1:1,amqp://ann:{}@[::1",
    "amqps://ann:{}@127.0.0.1:1?certfile=/nowhere",
    "amqps://ann:{}@127.0.0.1:1?cacertfile=/nowhere",
    "http://ann:{}@127.0.0.1:1",
    "ftp://ann:{}@127.0.0.1:1",
    "amqp//ann:{}@127.0.0.1:1",
    "ann:{}@127.0.0.1:1",
    "{}",
    " amqp://ann:{}@127.0.0.1:1",
]


def command_lines(option: str) -> list[list[str]]:
    """Give the words of every command that takes an option, the argument that it needs included."""
    lines = []
    for path, command in leaves(root):
        if any(option in parameter.opts for parameter in command.params):
            arguments = [each.name or "" for each in command.params if isinstance(each, click.Argument)]
            values = [] if path[0] in WITHOUT_ARGUMENTS else [ARGUMENTS[name] for name in arguments]
            lines.append([*path, *MORE.get(path[-1], []), *values])
    return lines


def connecting_lines(option: str) -> list[list[str]]:
    """Give the words of those that fail without a broker."""
    return [words for words in command_lines(option) if words[0] not in OFFLINE]


def check(cases: list[Case], codes: tuple[int, ...] = CONNECTING) -> list[Said]:
    """Run each case loudly, in one way or the other; each fails, none of them by a bug, and none of them tells."""
    loud = [Case([*case.words, *LOUD[number // 2 % 2]], case.env) for number, case in enumerate(cases)]
    said = run_many(loud)
    told = [(*case.words, case.env, each.said) for case, each in zip(loud, said, strict=True) if leaks(each.said)]
    assert told == []
    unexpected = [(case, each) for case, each in zip(loud, said, strict=True) if each.code not in codes]
    assert unexpected == []
    return said


def each_way(words: list[str], url: str) -> list[Case]:
    """Give a broker's URL on the command line, and in the environment."""
    return [Case([*words, "--url", url]), Case(words, {"AMQPTOOL_URL": url})]


def test_of_a_url_that_cannot_be_read() -> None:
    """Every command that takes one, for every form, escaped and not."""
    urls = [form.replace("{}", password) for form in BAD_FORMS for password in (PASSWORD, ESCAPED)]
    lines = command_lines("--url")
    cases = [case for number, url in enumerate(urls) for case in each_way(lines[number % len(lines)], url)]
    cases += [Case([*words, "--url", f"amqp://ann:{PASSWORD}@127.0.0.1:1"]) for words in lines]
    check(cases)


def test_of_a_broker_that_is_not_there_or_refuses(amqptool_node: Endpoint, amqptool_vhost: AmqpUrl) -> None:
    """Nobody listens; the password is wrong; no such name; TLS to a port without; several hosts."""
    host, port = amqptool_node.url.host, amqptool_node.url.port
    urls = [
        f"amqp://ann:{ESCAPED}@127.0.0.1:1",
        f"amqp://guest:{ESCAPED}@{host}:{port}/{amqptool_vhost.vhost}",
        f"amqp://ann:{ESCAPED}@nothing.invalid",
        f"amqps://guest:{ESCAPED}@{host}:{port}/{amqptool_vhost.vhost}",
        f"amqp://guest:{ESCAPED}@127.0.0.1:1,amqp://guest:{ESCAPED}@{host}:{port}",
    ]
    management = {"AMQPTOOL_MANAGEMENT_URL": amqptool_node.management_url}
    cases = [Case([*words, "--url", url], management) for words in connecting_lines("--url") for url in urls]
    check(cases)


def configured(folder: Path, *profiles: str) -> dict[str, str]:
    """Write the user's file with profiles `p0`, `p1`…, and return the environment in which it is read."""
    file = folder / "amqptool/config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"[profiles.p{number}]\n{text}\n" for number, text in enumerate(profiles)))
    (folder / "amqptool/password").write_text(PASSWORD)
    (folder / "amqptool/password").chmod(0o600)
    return {"XDG_CONFIG_HOME": str(folder), "SECRET": PASSWORD}


def test_of_a_profile(amqptool_vhost: AmqpUrl, tmp_path: Path) -> None:
    """Wherever it comes from, and whatever fails: every command with a profile, and those about profiles."""
    broker = f"amqp://guest@{amqptool_vhost.host}:{amqptool_vhost.port}/{amqptool_vhost.vhost}"
    profiles = [
        *(
            f"url = 'amqp://ann:{each}@127.0.0.1:1'\ndedup = 'redis://:{each}@127.0.0.1:1'"
            for each in (PASSWORD, ESCAPED)
        ),
        f"url = '{broker}'\ndedup = 'mysql://ann:{PASSWORD}@h'\npassword_file = 'password'",
        f"url = '{broker}'\ndedup = '{PASSWORD}'\npassword_command = ['printenv', 'SECRET']",
        f"url = '{broker}'\ndedup = 'x'\npassword_command = ['sh', '-c', 'printenv SECRET >&2; false', '{PASSWORD}']",
        f"url = '{broker}'\ndedup = 'x'\npassword_command = ['/nowhere', '{ESCAPED}']",
        f"url = 'etcd://ann:{ESCAPED}@127.0.0.1:1/key'\ndedup = 'postgresql://ann:{PASSWORD}@127.0.0.1:1/db'",
        f"url = 'etcd://ann:{PASSWORD}@127.0.0.1:1/key'\ndedup = 'x'\nmanagement_url = 'http://{PASSWORD}@h'",
    ]
    env = configured(tmp_path, *profiles)
    lines = [words for words in connecting_lines("--profile") if words[0] != "profile"]
    names = [f"p{number}" for number in range(len(profiles))]
    chosen = [(words, names[number % len(names)]) for number, words in enumerate([*lines, *lines, *lines])]
    check([Case([*words, "--profile", name], env) for words, name in chosen])
    shown = [Case(["profile", command, name], env) for command in ("show", "check") for name in names]
    check([*shown, Case(["profile", "list"], env)], codes=(0, *CONNECTING))


def test_of_a_file_with_profiles(tmp_path: Path) -> None:
    """It may be broken where a password stands."""
    texts = [
        f"url = '{PASSWORD}",
        f"url = {PASSWORD}",
        f"url = 'a' {PASSWORD}",
        f"password_command = '{PASSWORD}'",
        f"url = ['{PASSWORD}']",
        f"url = 'amqp://ann@h'\npassword_file = '/{PASSWORD}\\0'\npassword_command = ['{PASSWORD}']",
    ]
    cases = []
    for number, text in enumerate(texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        cases += [Case(["profile", "list"], configured(folder, text))]
    check(cases)


def test_of_etcd(etcd: PrivateEtcd) -> None:
    """Its user's, which is refused, and that of the URL which it holds, whatever is wrong with that."""
    forms = [*BAD_FORMS, "amqp://ann:{}@127.0.0.1:1"]
    values = [form.replace("{}", password) for form in forms for password in (PASSWORD, ESCAPED)]
    for number, value in enumerate(values):
        etcd.put(value, f"/{number}")
    lines, keys = connecting_lines("--url"), [f"etcd://{etcd.endpoint}/{number}" for number in range(len(values))]
    check([Case([*lines[number % len(lines)], "--url", key]) for number, key in enumerate(keys)])
    with guarded(etcd, "reader", "another"):
        urls = [etcd.url.replace("://", f"://reader:{each}@") for each in (PASSWORD, ESCAPED)]
        check([Case([*words, "--url", url]) for words in lines[:3] for url in urls])


def test_of_a_management_api() -> None:
    """Its URL holds none; one that is put there all the same is not shown."""
    forms = ["http://ann:{}@127.0.0.1:1", "ftp://ann:{}@127.0.0.1", "{}", "http://ann:{}", "https://ann:{}@127.0.0.1:x"]
    urls = [form.format(password) for form in forms for password in (PASSWORD, ESCAPED)]
    words = ["export", "--url", f"amqp://ann:{ESCAPED}@127.0.0.1:1"]
    by_option = [Case([*words, "--management-url", url]) for url in urls]
    check([*by_option, *(Case(words, {"AMQPTOOL_MANAGEMENT_URL": url}) for url in urls)])


def test_of_a_dedup_store(
    amqptool_vhost: AmqpUrl, redis_server: PrivateRedis, postgresql_server: PrivatePostgresql
) -> None:
    """Nobody listens; the password is wrong; the URL cannot be read; TLS to a port without."""
    redis, postgresql = f"127.0.0.1:{redis_server.port}", f"127.0.0.1:{postgresql_server.port}"
    forms = [
        "redis://:{}@127.0.0.1:1/0",
        f"redis://:{{}}@{redis}/0",
        f"rediss://:{{}}@{redis}/0",
        "redis://ann:{}@127.0.0.1:port/0",
        "redis://ann:{}@127.0.0.1:1/database",
        "redis://ann:{}",
        "postgresql://ann:{}@127.0.0.1:1/db",
        f"postgresql://amqptool:{{}}@{postgresql}/postgres",
        f"postgresql://amqptool:{{}}@{postgresql}/postgres?sslmode=require",
        "postgresql://ann:{}@127.0.0.1:port/db",
        "postgresql://ann:{}@127.0.0.1:1/%zz",
        "postgresql://ann:{}",
        "postgres://ann:{}@127.0.0.1:1/db",
        "mysql://ann:{}@127.0.0.1:1/db",
        "{}",
        "sqlite://ann:{}@host",
    ]
    urls = [form.format(password) for form in forms for password in (PASSWORD, ESCAPED)]
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    worker = ["consume", "q", "-n", "1", "--handler", "exec:true", "--url", amqptool_vhost.reveal()]
    lines = [line for line in command_lines("--dedup") if line[0] == "dedup"]
    cases = [Case([*lines[number % len(lines)], "--dedup", url]) for number, url in enumerate(urls)]
    check([*cases, *(Case([*worker, "--dedup", url]) for url in urls[:4] + urls[12:16])])


def test_of_a_handler(amqptool_vhost: AmqpUrl) -> None:
    """A URL, or a command's words; whether it cannot be read, or fails with a message."""

    async def fill() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q")])

    asyncio.run(fill())
    forms = [
        "http://ann:{}@127.0.0.1:1/a",
        "https://ann:{}@127.0.0.1:1/a",
        f"https://ann:{{}}@127.0.0.1:{amqptool_vhost.port}/a",
        f"http://ann:{{}}@127.0.0.1:{amqptool_vhost.port}/a?token={{}}",
        "http://ann:{}@127.0.0.1:port/a",
        "http://ann:{}@",
        "ftp://ann:{}@127.0.0.1/a",
        "exec:absent-command --password {}",
        "exec:false --password {}",
        'exec:"{}',
        "exec-lines:false --password {}",
    ]
    urls = [form.replace("{}", password) for form in forms for password in (PASSWORD, ESCAPED)]
    words = ["consume", "q", "-n", "1", "--dedup", "none", "--url", amqptool_vhost.reveal()]
    check([Case([*words, "--handler", url]) for url in urls], codes=(1, 78))


def test_of_what_is_no_option_or_file() -> None:
    """A URL in the place of something else: a usage error, or a file that is not there."""
    urls = [f"amqp://ann:{password}@127.0.0.1:1" for password in (PASSWORD, ESCAPED)]
    lines = [
        ["{}"],
        ["consume", "q", "{}"],
        ["publish", "-k", "q", "x", "{}"],
        ["publish", "-k", "q", "--lines", "{}"],
        ["publish", "-k", "q", "--count", "{}", "x"],
        ["--log-format", "{}", "consume", "q"],
        ["--url={}x", "--nonsense={}", "consume", "q"],
        ["declare", "{}"],
        ["validate", "{}", "--format", "text"],
        ["schema", "{}"],
        ["help", "{}"],
        ["help", "dead", "{}"],
        *(["broker", command, "--dir", "{}"] for command in ("start", "status", "stop")),
        ["broker", "run", "--dir", "{}", "true"],
        ["consume", "q", "--topology", "{}", "--handler", "exec:true"],
        ["consume", "q", "--dead-letter", "x", "--retry", "{}", "--handler", "exec:true"],
    ]
    env = {"AMQPTOOL_LOG_FORMAT": "text"}
    cases = [Case([word.replace("{}", url) for word in line], env) for line in lines for url in urls]
    cases += [Case(["consume", "q"], {"AMQPTOOL_LOG_FORMAT": url}) for url in urls]
    check(cases, codes=(2, 65, 69, 74, 78))
