"""What goes wrong on a person's machine is one clear sentence with the remedy, never a traceback."""

import ast
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher.conftest import Clone
from tests.launcher.loading import PATH, load

dev = load()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def says_one_sentence(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_an_old_python_can_read_the_launcher():
    ast.parse(PATH.read_text(), feature_version=(3, 6))


def test_an_old_python_is_told_which_one_is_needed():
    pretend = (
        "import sys; sys.version_info = (3, 9, 2); exec(compile(open(sys.argv[1]).read(), 'dev', 'exec'))"
    )
    done = subprocess.run([sys.executable, "-c", pretend, PATH], capture_output=True, text=True)

    assert "needs Python 3.11 or newer and this is Python 3.9" in says_one_sentence(done)


def test_a_port_in_use_is_named_with_the_option_that_changes_it(clone: Clone, taken_port: int):
    done = clone.dev("up", "--detach", "--json", "--port", str(taken_port))

    assert f"Port {taken_port} is in use; choose another one with --port" in says_one_sentence(done)
    assert clone.pids() == {}
    assert clone.processes() == []


def test_without_a_wish_the_next_free_port_is_taken(monkeypatch: pytest.MonkeyPatch, taken_port: int):
    monkeypatch.setattr(dev, "DEFAULT_PORT", taken_port)

    assert dev.choose_port(None) > taken_port


def test_a_folder_with_something_else_in_it_is_refused(clone: Clone, tmp_path: Path):
    (tmp_path / "letters.txt").write_text("dear diary")

    done = clone.dev("up", "--fresh", "--detach", "--data", str(tmp_path))

    assert "neither empty nor a data folder of ./dev" in says_one_sentence(done)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_step_that_fails_is_shown_and_leaves_nothing_running(clone: Clone):
    command = clone.folder / "tracker" / "instruments" / "management" / "commands" / "load_catalogue.py"
    command.write_text("raise RuntimeError('the planted mistake')")

    done = clone.dev("up", "--detach", "--json")

    assert done.returncode == 1
    assert "dev: Loading the catalogue of questionnaires: that failed" in done.stderr
    # The end of the step's own log is shown; the launcher itself has nothing to trace.
    assert done.stderr.endswith("RuntimeError: the planted mistake\n")
    assert f'File "{clone.folder / "dev"}"' not in done.stderr
    assert clone.pids() == {}
    assert clone.processes() == []


@pytest.mark.full
def test_an_unreachable_registry_is_named(clone: Clone):
    (clone.folder / ".venv").unlink()
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": "",
    }

    done = clone.dev("up", "--detach", env=nowhere)

    assert "The package registry cannot be reached" in says_one_sentence(done)


def test_a_database_that_is_away_is_named(clone: Clone):
    done = clone.dev(
        "up", "--detach", env={"DATABASE_URL": "postgres://a:b@127.0.0.1:9/x", "REDIS_URL": "redis://x"}
    )

    assert "The database cannot be reached; check DATABASE_URL" in says_one_sentence(done)


def test_down_with_nothing_running_is_fine(clone: Clone):
    done = clone.dev("down")

    assert (done.returncode, done.stderr) == (0, "Nothing was running.\n")


def test_help_names_every_command(clone: Clone):
    done = clone.dev("--help")

    assert done.returncode == 0
    for command in ("up", "down", "test", "check", "bench", "manage"):
        assert f"./dev {command}" in done.stdout


def test_secrets_are_made_once_and_are_private(tmp_path: Path):
    place = dev.Place(tmp_path)

    first, second = dev.load_secrets(place), dev.load_secrets(place)

    assert first == second == json.loads(place.secrets.read_text())
    assert place.secrets.stat().st_mode & 0o777 == 0o600
    assert len(set(first.values())) == len(first)
