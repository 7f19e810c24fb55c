"""What a shell is told when somebody presses Tab."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amqptool import AmqpUrl
from amqptool.broker.amqp import connect
from amqptool.broker.local import Endpoint
from amqptool.cli.commands.completion import SHELLS
from tests.support.cli import cli_environment, run_cli
from tests.support.etcd import PrivateEtcd


def completed(
    *words: str,
    url: str | None = "amqp://127.0.0.1:1",
    management_url: str | None = None,
    config: Path | None = None,
) -> list[str]:
    """Return what bash is offered for the last of some words; `config` is the folder of configuration."""
    env = {
        "_AMQPTOOL_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("amqptool", *words)),
        "COMP_CWORD": str(len(words)),
        **({} if url is None else {"AMQPTOOL_URL": url}),
        **({} if config is None else {"XDG_CONFIG_HOME": str(config)}),
        **({} if management_url is None else {"AMQPTOOL_MANAGEMENT_URL": management_url}),
    }
    done = run_cli(env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture
def there(amqptool_vhost: AmqpUrl) -> AmqpUrl:
    """Give a vhost with queues and an exchange, one of which has a name that would be two."""

    async def declare() -> None:
        async with connect(amqptool_vhost) as connection:
            channel = await connection.channel()
            for name in ("orders", "orders.dead", "other", "orders\tls"):
                await channel.declare_queue(name)
            await channel.declare_exchange("order-events", "topic")

    asyncio.run(declare())
    return amqptool_vhost


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("consume", "ord"), ["orders", "orders.dead"]),
        (("dead", "list", "oth"), ["other"]),
        (("publish", "-e", "ord"), ["order-events"]),
        (("publish", "-k", "orders."), ["orders.dead"]),
        (("consume", "nothing"), []),
    ],
)
def test_names_come_from_the_broker(
    there: AmqpUrl, amqptool_node: Endpoint, words: tuple[str, ...], offered: list[str]
) -> None:
    """Queues or exchanges, as the place wants them, of the broker that the environment names."""
    assert completed(*words, url=there.reveal(), management_url=amqptool_node.management_url) == offered


def test_the_command_line_names_the_broker(there: AmqpUrl, amqptool_node: Endpoint) -> None:
    """Before the environment does."""
    words = ("--url", there.reveal(), "--management-url", amqptool_node.management_url, "consume", "oth")
    assert completed(*words) == ["other"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a folder of configuration with profiles, of which one has a password that takes asking."""
    (tmp_path / "amqptool").mkdir()
    (tmp_path / "amqptool/config.toml").write_text(
        f"[profiles.shop]\nurl = 'amqp://ann@127.0.0.1:1'\npassword_command = ['touch', '{tmp_path}/asked']\n"
        "[profiles.show]\n[profiles.other]\n"
    )
    return tmp_path


def test_profiles_are_offered(config: Path) -> None:
    """By their names; none where the file cannot be read."""
    assert completed("--profile", "sh", config=config) == ["shop", "show"]
    assert completed("consume", "--profile", "o", config=config) == ["other"]
    assert completed("profile", "show", "sho", config=config) == ["shop", "show"]
    (config / "amqptool/config.toml").write_text("x")
    assert completed("--profile", "sh", config=config) == []


def test_nobody_is_asked_for_a_password(config: Path) -> None:
    """Because of a Tab."""
    assert completed("consume", "--profile", "shop", "o", url=None, config=config) == []
    assert not (config / "asked").exists()


def test_names_come_from_the_broker_that_etcd_names(there: AmqpUrl, amqptool_node: Endpoint, etcd: PrivateEtcd) -> None:
    """It is asked too."""
    etcd.put(there.reveal())
    assert completed("consume", "oth", url=etcd.url, management_url=amqptool_node.management_url) == ["other"]


def test_without_a_broker_no_name_is_offered() -> None:
    """And nobody is told why, in the middle of what they type."""
    assert completed("consume", "o") == []


def test_commands_and_options_are_offered() -> None:
    """Offline."""
    assert "publish" in completed("pub")
    assert "--routing-key" in completed("publish", "--rout")


def test_the_words_of_a_command_are_offered_one_by_one() -> None:
    """Where it is named to get its schema."""
    assert completed("schema", "decl") == ["declare"]
    assert completed("schema", "dead", "") == ["drop", "export", "list", "replay", "show"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("ret",), ["retry"]),
        (("dedu",), ["dedup"]),
        (("pub",), ["publish"]),
        (("dead", "re"), ["replay"]),
        (("retry", "re"), []),
    ],
)
def test_topics_are_offered(words: tuple[str, ...], offered: list[str]) -> None:
    """And commands, and what is below them."""
    assert completed("help", *words) == offered


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_names_the_program(shell: str) -> None:
    """And asks it, for each of the shells."""
    done = run_cli("completion", shell)
    assert done.returncode == 0
    assert f"_AMQPTOOL_COMPLETE={shell}_complete" in done.stdout


def test_bash_takes_the_script(tmp_path: Path) -> None:
    """After it, bash knows how to complete the program's words."""
    script = tmp_path / "script"
    script.write_text(run_cli("completion", "bash").stdout)
    bash = shutil.which("bash")
    assert bash is not None
    words = [bash, "-c", 'source "$1" && complete -p amqptool', "bash", str(script)]
    env = cli_environment({"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"})
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    assert "_amqptool_completion" in done.stdout


def test_an_unknown_shell_is_wrong_usage() -> None:
    """Those that are known are named."""
    done = run_cli("completion", "cmd")
    assert done.returncode == 2
    assert "fish" in done.stderr
