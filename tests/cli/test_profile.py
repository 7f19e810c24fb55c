"""`amqptool profile`, and what a profile does to other commands."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from amqptool import AmqpUrl, Message
from amqptool.broker.local import Endpoint
from tests.support.broker import declare_queue, publish, queue_length
from tests.support.cli import cli_arguments, cli_environment, run_cli
from tests.support.etcd import PrivateEtcd
from tests.support.terminal import screen, seen_on_terminal

ID = "0198c2f0-0000-4000-8000-000000000000"


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Give what writes the user's file with profiles, and returns the environment in which it is read."""

    def write(text: str) -> dict[str, str]:
        file = tmp_path / "amqptool/config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return {"XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}

    return write


TWO = """
default = "shop"
[profiles.shop]
url = "amqp://ann:s3cret@mq.example/shop"
management_url = "https://mq.example:15671"
dedup = "redis://:s3cret@redis.example/3"
[profiles.key]
url = "etcd://root@etcd.example/shop/url"
password_command = ["pass", "show", "s3cret"]
"""


def settings(*words: str, env: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Run `profile show`, and return each setting with its origin."""
    found = json.loads(run_cli("profile", "show", "--json", *words, env=env).stdout)
    return {each["name"]: (each["value"], each["origin"]) for each in found["settings"]}


def test_list_names_the_brokers_and_the_default(configured: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    """Without passwords; and the same as JSON."""
    env = configured(TWO)
    file = tmp_path / "amqptool/config.toml"
    assert [line.split() for line in run_cli("profile", "list", env=env).stdout.splitlines()] == [
        ["NAME", "BROKER", "FILE"],
        ["key", "etcd://root:***@etcd.example:2379/shop/url", str(file)],
        ["*", "shop", "amqp://ann:***@mq.example:5672/shop", str(file)],
    ]
    document = json.loads(run_cli("profile", "list", "--json", env=env).stdout)
    assert document["profiles"][1] == {
        "name": "shop", "default": True, "file": str(file),
        "broker": "amqp://ann:***@mq.example:5672/shop", "error": None, "message": None,
    }  # fmt: skip


def test_list_without_profiles(configured: Callable[[str], dict[str, str]]) -> None:
    """It tells where they were looked for."""
    done = run_cli("profile", "list", env=configured(""))
    assert (done.returncode, done.stdout) == (0, "")
    assert "no profiles in /" in done.stderr


def test_a_broken_url_hides_no_other_profile(configured: Callable[[str], dict[str, str]]) -> None:
    """In the list it is told that it cannot be used, and in the document why."""
    env = configured('profiles.a.url = "x:s3cret"\nprofiles.b.url = "amqp://b"')
    done = run_cli("profile", "list", env=env)
    assert done.returncode == 0
    assert "(unusable: `profile check` says why)" in done.stdout
    told = json.loads(run_cli("profile", "list", "--json", env=env).stdout)["profiles"]
    assert (told[0]["broker"], told[0]["error"]) == (None, "ConfigError")
    assert told[0]["message"].startswith("a broker URL begins with amqp://")
    assert "amqp://guest:***@b:5672" in done.stdout
    assert "s3cret" not in done.stdout


def test_show_tells_where_each_setting_comes_from(configured: Callable[[str], dict[str, str]]) -> None:
    """From the profile, from the environment that goes before it, or from nowhere."""
    env = configured(TWO)
    found = settings(env=env)
    assert found["profile"] == ("shop", "default = in that file")
    assert found["url"] == ("amqp://ann:***@mq.example:5672/shop", "profile 'shop'")
    assert found["management_url"] == ("https://mq.example:15671", "profile 'shop'")
    assert found["dedup"] == ("redis://redis.example/3", "profile 'shop'")

    overruled = settings(env=env | {"AMQPTOOL_URL": "amqp://other", "AMQPTOOL_DEDUP": "memory:"})
    assert overruled["url"] == ("amqp://guest:***@other:5672/%2F", "AMQPTOOL_URL")
    assert overruled["management_url"] == ("http://other:15672", "the default")
    assert overruled["dedup"] == ("memory:", "AMQPTOOL_DEDUP")


def test_show_asks_for_nothing(configured: Callable[[str], dict[str, str]]) -> None:
    """Neither a password nor etcd; of a command it shows the program alone."""
    found = settings("key", env=configured(TWO))
    assert found["password"] == ("password_command 'pass'", "profile 'key'")
    assert found["url"][0] == "etcd://root:***@etcd.example:2379/shop/url"


def test_a_profile_that_is_not_there(configured: Callable[[str], dict[str, str]]) -> None:
    """Whoever names it, even where its URL is not wanted: 78, and what was meant."""
    env = configured(TWO)
    for words, more in (
        (["profile", "show", "shp"], {}),
        (["export", "--profile", "shp"], {}),
        (["export", "--profile", "shp", "--url", "amqp://127.0.0.1:1"], {}),
        (["export"], {"AMQPTOOL_PROFILE": "shp"}),
    ):
        done = run_cli(*words, env=env | more)
        assert done.returncode == 78
        assert "did you mean 'shop'?" in done.stderr


def test_a_broken_file_concerns_who_needs_it(configured: Callable[[str], dict[str, str]]) -> None:
    """Not one whose broker is named otherwise."""
    env = configured("profils = 1")
    done = run_cli("export", env=env)
    assert done.returncode == 78
    assert "config.toml: unknown key 'profils'; did you mean 'profiles'?" in done.stderr
    assert run_cli("export", "--url", "amqp://127.0.0.1:1", env=env).returncode == 69


def profile_of(url: AmqpUrl, management_url: str = "") -> str:
    """Write a profile `a` of a broker, whose password a command prints."""
    passwordless = url.reveal().replace(f":{url.password}@", "@")
    management = f'management_url = "{management_url}"' if management_url else ""
    return f'[profiles.a]\nurl = "{passwordless}"\n{management}\npassword_command = ["echo", "{url.password}"]\n'


def test_commands_connect_with_a_profile(
    configured: Callable[[str], dict[str, str]], amqptool_node: Endpoint, amqptool_vhost: AmqpUrl
) -> None:
    """To its broker with the password of its source, and to its management API."""
    env = configured(profile_of(amqptool_vhost, amqptool_node.management_url))
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    assert run_cli("--profile", "a", "publish", "-k", "q", "x", env=env).returncode == 0
    assert run_cli("consume", "q", "-n", "1", env=env | {"AMQPTOOL_PROFILE": "a"}).stdout == "x\n"
    assert "queues:" in run_cli("export", "--profile", "a", env=env).stdout


def test_who_only_names_the_broker_is_asked_for_no_password(configured: Callable[[str], dict[str, str]]) -> None:
    """As in an AsyncAPI document, which holds none."""
    env = configured('[profiles.a]\nurl = "amqp://ann@mq.example"\npassword_command = ["false"]')
    done = run_cli("asyncapi", "-", "--server", "--profile", "a", input="queues: {q: {}}", env=env)
    assert (done.returncode, '"mq.example:5672"' in done.stdout) == (0, True)


def test_check_tries_a_profile_step_by_step(
    configured: Callable[[str], dict[str, str]], amqptool_vhost: AmqpUrl
) -> None:
    """Up to the broker's answer."""
    env = configured(profile_of(amqptool_vhost)) | {"AMQPTOOL_URL": "amqp://nobody.invalid"}
    done = run_cli("profile", "check", "a", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", "file"], ["ok", "url"], ["ok", "password"], ["ok", "broker"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "code", "failed", "error"),
    [
        ('url = "amqp://127.0.0.1:1"', 69, "broker", "BrokerUnavailable"),
        ('url = "amqp://ann@127.0.0.1:1"\npassword_command = ["false"]', 78, "password", "ConfigError"),
        ('url = "amqp//"', 78, "url", "ConfigError"),
        ('url = "etcd://127.0.0.1:1/key"', 69, "etcd", "BrokerUnavailable"),
    ],
)
def test_check_tells_which_step_fails(
    configured: Callable[[str], dict[str, str]], profile: str, code: int, failed: str, error: str
) -> None:
    """With the exit code of a command that needs it, and with a document."""
    env = configured(f"[profiles.a]\n{profile}")
    done = run_cli("profile", "check", "a", "--json", env=env)
    document = json.loads(done.stdout)
    assert (done.returncode, document["code"]) == (code, code)
    assert [each["name"] for each in document["checks"] if not each["ok"]] == [failed]
    assert (document["checks"][-1]["name"], document["checks"][-1]["error"]) == (failed, error)
    assert done.stderr.count("amqptool: error: ") == 1


def test_check_without_a_profile(configured: Callable[[str], dict[str, str]]) -> None:
    """There is nothing to check."""
    done = run_cli("profile", "check", env=configured(""))
    assert (done.returncode, done.stderr) == (
        78, "amqptool: error: no profile is named, and none is the default\n",
    )  # fmt: skip


def test_a_variable_that_goes_before_the_named_profile_is_told(configured: Callable[[str], dict[str, str]]) -> None:
    """Whoever names a profile expects its broker."""
    env = configured(TWO) | {"AMQP_URL": "amqp://127.0.0.1:1"}
    done = run_cli("publish", "-k", "q", "x", "--profile", "shop", env=env)
    assert done.returncode == 69
    assert "note: AMQP_URL goes before the url of profile 'shop'\n" in done.stderr
    assert "note" not in run_cli("publish", "-k", "q", "x", env=env).stderr


def in_folder(folder: Path, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        cli_arguments(*words),
        cwd=folder,
        env=cli_environment(env | {"PYTHONPATH": str(Path(__file__).parents[2])}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_file_of_a_folder_runs_no_command(configured: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    """Its profile is refused when it is used, and told of in what is shown."""
    env = configured("")
    (tmp_path / "amqptool.toml").write_text(
        'default = "a"\n[profiles.a]\nurl = "amqp://ann@127.0.0.1:1"\npassword_command = ["touch", "ran"]\n'
    )
    done = in_folder(tmp_path, "export", env=env)
    assert done.returncode == 78
    assert "a file of the current folder runs nothing" in done.stderr
    assert "which is refused" in in_folder(tmp_path, "profile", "show", env=env).stdout
    assert not (tmp_path / "ran").exists()


def test_the_file_of_a_folder_says_where_to_connect(
    configured: Callable[[str], dict[str, str]], tmp_path: Path, amqptool_vhost: AmqpUrl
) -> None:
    """With a password from a file of that folder."""
    env = configured("")
    (tmp_path / "secret").write_text(amqptool_vhost.password)
    (tmp_path / "secret").chmod(0o600)
    text = profile_of(amqptool_vhost).partition("password_command")[0]
    (tmp_path / "amqptool.toml").write_text(f'default = "a"\n{text}password_file = "secret"')
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    assert in_folder(tmp_path, "publish", "-k", "q", "x", env=env).returncode == 0
    assert asyncio.run(queue_length(amqptool_vhost, "q")) == 1


@pytest.mark.parametrize("by", ["profile", "variable"])
def test_the_dedup_store_need_not_be_on_the_command_line(
    configured: Callable[[str], dict[str, str]],
    amqptool_vhost: AmqpUrl,
    redis_url: str,
    by: str,
) -> None:
    """Of consume, and of dedup."""
    text = profile_of(amqptool_vhost)
    env = configured(f'{text}\ndedup = "{redis_url}"\n' if by == "profile" else text) | {"AMQPTOOL_PROFILE": "a"}
    env |= {"AMQPTOOL_DEDUP": redis_url} if by == "variable" else {}

    async def prepare() -> None:
        await declare_queue(amqptool_vhost, "q")
        await publish(amqptool_vhost, [Message(body=b"x", routing_key="q", message_id=ID)])

    asyncio.run(prepare())
    done = run_cli("consume", "q", "--handler", "exec:true", "--dedup-scope", "s", "-n", "1", env=env)
    assert done.returncode == 0, done.stderr
    assert run_cli("dedup", "show", ID, env=env).stdout.startswith(f"{ID} done in s")


def test_a_store_of_a_profile_serves_transactions(
    configured: Callable[[str], dict[str, str]], amqptool_vhost: AmqpUrl, tmp_path: Path
) -> None:
    """As one of --dedup does; without either, --transaction has no database."""
    text = profile_of(amqptool_vhost)
    words = ["consume", "q", "--transaction", "--handler", "math:sqrt", "--profile", "a"]
    without = run_cli(*words, env=configured(text))
    assert (without.returncode, "--transaction needs the database" in without.stderr) == (2, True)
    env = configured(f'{text}\ndedup = "sqlite:///{tmp_path}/x.db"')
    assert "needs the database" not in run_cli(*words, env=env).stderr


def test_etcd_at_the_start(amqptool_vhost: AmqpUrl, etcd: PrivateEtcd) -> None:
    """Unreachable is 69, a key that is not there or no URL is 78; and then it leads to the broker."""
    asyncio.run(declare_queue(amqptool_vhost, "q"))

    def publish_to(url: str) -> subprocess.CompletedProcess[str]:
        return run_cli("publish", "-k", "q", "x", env={"AMQPTOOL_URL": url})

    assert publish_to("etcd://127.0.0.1:1/shop").returncode == 69
    assert publish_to(etcd.url).returncode == 78
    etcd.put("nonsense")
    assert publish_to(etcd.url).returncode == 78
    etcd.put(amqptool_vhost.reveal())
    assert publish_to(etcd.url).returncode == 0
    assert run_cli("consume", "q", "-n", "1", "--url", etcd.url).stdout == "x\n"


def test_commands_that_use_the_management_api_ask_etcd_too(
    amqptool_node: Endpoint, amqptool_vhost: AmqpUrl, etcd: PrivateEtcd
) -> None:
    """For the broker, whose vhost and user they take."""
    etcd.put(f"{amqptool_vhost.reveal()},{amqptool_vhost.reveal()}")
    env = {"AMQPTOOL_URL": etcd.url, "AMQPTOOL_MANAGEMENT_URL": amqptool_node.management_url}
    asyncio.run(declare_queue(amqptool_vhost, "q"))
    done = run_cli("export", env=env)
    assert (done.returncode, "q:" in done.stdout) == (0, True)
    declared = run_cli("declare", "-", input="queues: {r: {}}", env=env)
    assert declared.returncode == 0, declared.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_an_interrupt_ends_a_password_command(
    configured: Callable[[str], dict[str, str]], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Which may wait for a person."""
    script = f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60"
    env = configured(f'[profiles.a]\nurl = "amqp://ann@127.0.0.1:1"\npassword_command = ["sh", "-c", "{script}"]')
    process = subprocess.Popen(
        cli_arguments("export", "--profile", "a"), env=cli_environment(env), stderr=subprocess.PIPE
    )
    while not (tmp_path / "pid").exists():
        assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (code, b"")
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_lines_are_cut_on_a_narrow_terminal(configured: Callable[[str], dict[str, str]]) -> None:
    """None is longer than it."""
    env = configured(TWO) | {"COLUMNS": "40"}
    lines = screen(seen_on_terminal(["profile", "list"], env, with_stdout=True)[0])
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40


def test_what_holds_is_shown_whole(configured: Callable[[str], dict[str, str]]) -> None:
    """Where a setting comes from is what the command is for."""
    env = configured(TWO) | {"COLUMNS": "40", "AMQPTOOL_MANAGEMENT_URL": "http://management.example:15672"}
    seen, _ = seen_on_terminal(["profile", "show"], env, with_stdout=True)
    assert "http://management.example:15672" in seen
    assert seen.count("AMQPTOOL_MANAGEMENT_URL") == 1
