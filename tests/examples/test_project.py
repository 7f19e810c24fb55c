"""An environment that has amqptool from its wheel: a user's project tests itself there, and the demo runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.docs.check import README, ROOT
from tests.support.cli import UNMEASURED, cli_environment

PROJECT = Path(__file__).parent / "project"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that has to succeed."""
    env = cli_environment({**UNMEASURED, "PYTHONPATH": ""})
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the interpreter of a fresh environment, with amqptool from its wheel, and its dependencies from ours."""
    tmp_path = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path)
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    [wheel] = tmp_path.glob("amqptool-*.whl")
    run(*pip, "--python", python, "install", "--no-deps", wheel, cwd=tmp_path)
    [packages] = environment.glob("lib/*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


@pytest.mark.timeout(300)  # a wheel, an environment and a node
def test_a_users_project_tests_itself(python: Path, tmp_path: Path) -> None:
    """With nothing but pytest and the wheel: fixtures, helpers, and the installed package, not these sources."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project)
    where = run(python, "-c", "import amqptool; print(amqptool.__file__)", cwd=project).stdout
    assert where.startswith(str(python.parents[1]))
    done = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", project, cwd=project)
    assert "3 passed" in done.stdout


@pytest.mark.timeout(300)
def test_the_demo_runs_with_the_wheel(python: Path, tmp_path: Path) -> None:
    """It takes nothing else of these sources than its handlers and a topology."""
    assert "recorded twice" in run(python, "-P", ROOT / "tests" / "demo" / "demo.py", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("help", "retry"), "What happens to a message whose handler fails\n"),
        (("schema", "dead", "list"), '{\n  "$schema": '),
    ],
)
def test_the_wheel_has_files_that_are_no_python(
    python: Path, tmp_path: Path, words: tuple[str, ...], shown: str
) -> None:
    """The topics of help, and schemas."""
    assert run(python, "-m", "amqptool", *words, cwd=tmp_path).stdout.startswith(shown)


@pytest.mark.parametrize("name", ["announcing.py", "test_announcing.py"])
def test_the_readme_shows_the_project(name: str) -> None:
    """As it is."""
    assert f"```python\n{(PROJECT / name).read_text()}```\n" in README.read_text()
