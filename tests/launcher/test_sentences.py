"""What goes wrong on a person's machine is one clear sentence with the remedy, never a traceback."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from launcher import cli, locks, output, status, up
from launcher.data import DataDir, load_secrets
from launcher.output import UserError
from tests.launcher.conftest import ROOT, Clone, make_clone

PATH = ROOT / "dev"
# Nobody answers there.
ELSEWHERE = {
    **dict.fromkeys(("DATABASE_URL", "DATABASE_OWNER_URL"), "postgres://a:b@127.0.0.1:9/x"),
    "REDIS_URL": "redis://127.0.0.1:9/0",
}


@pytest.fixture(scope="module")
def bare_clone() -> Iterator[Clone]:
    """A clone in which nothing has been set up."""
    clone = make_clone()
    (clone.folder / ".venv").unlink()
    yield clone
    shutil.rmtree(clone.folder)


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

    assert (
        f"Port {taken_port} cannot be used (Address already in use); choose another with --port"
        in says_one_sentence(done)
    )
    assert clone.processes() == []


def test_the_next_free_port_is_taken_where_none_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, taken_port: int
):
    monkeypatch.setattr(up, "DEFAULT_PORT", taken_port)

    assert up.choose_port(None) > taken_port


def test_a_folder_with_something_else_in_it_is_refused(clone: Clone, tmp_path: Path):
    (tmp_path / "letters.txt").write_text("dear diary")

    done = clone.dev("up", "--fresh", "--detach", "--data", str(tmp_path))

    assert "neither empty nor a data folder of ./dev" in says_one_sentence(done)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_step_of_the_set_up_that_fails_is_named_and_leaves_nothing_running(clone: Clone):
    (clone.folder / "manage.py").write_text(
        "print('Migrating ...'); raise RuntimeError('the planted mistake')"
    )

    done = clone.dev("up", "--detach", "--json", env=ELSEWHERE)

    assert says_one_sentence(done) == (
        "dev: Migrating: that failed (RuntimeError: the planted mistake); "
        f"the whole story is in {clone.data.log_of('setup')}."
    )
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


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL"])
def test_one_address_of_a_database_without_the_other_is_refused(clone: Clone, name: str):
    """With DATABASE_URL alone the launcher once gave `interlude_app` a password of its own, for the whole cluster."""
    done = clone.dev("up", "--detach", env={name: "postgres://a:b@127.0.0.1:9/x"})

    assert "DATABASE_OWNER_URL (the role that owns the database) together, or neither" in says_one_sentence(
        done
    )


def test_a_database_that_does_not_know_the_password_is_named(clone: Clone):
    server = urlsplit(os.environ["DATABASE_URL"])
    names = ("DATABASE_URL", "DATABASE_OWNER_URL")
    stranger = dict.fromkeys(names, f"postgres://stranger:wrong@127.0.0.1:{server.port}/interlude")

    done = clone.dev("up", "--detach", env={**ELSEWHERE, **stranger})

    assert "DATABASE_OWNER_URL" in says_one_sentence(done)
    assert "password" in says_one_sentence(done)


@pytest.mark.full  # a server may still be starting: that is waited for
def test_a_database_that_is_away_is_named(clone: Clone):
    done = clone.dev("up", "--detach", env=ELSEWHERE)

    assert "cannot be reached" in says_one_sentence(done)


def test_what_runs_can_be_stopped_whatever_became_of_the_environment(bare_clone: Clone):
    down, logs = bare_clone.dev("down"), bare_clone.dev("logs")

    assert (down.returncode, down.stderr) == (0, "Nothing was running.\n")
    assert "there are: none yet" in says_one_sentence(logs)
    assert not (bare_clone.folder / ".venv").exists()


def test_status_of_nothing_says_so_and_ends_with_1(clone: Clone):
    done = clone.dev("status")

    assert (done.returncode, done.stdout) == (1, "Interlude is not running.\n")


@pytest.mark.parametrize(
    ("answer", "problems"),
    [
        ({"status": "ok", "oldest_due_message_s": 130.0}, []),
        (
            {"status": "failing", "failing": ["the database does not answer"]},
            ["the database does not answer"],
        ),
        (None, ["the web server does not answer"]),
    ],
)
def test_status_passes_on_what_health_complains_of(
    monkeypatch: pytest.MonkeyPatch, capsys, answer: dict[str, Any] | None, problems: list[str]
):
    monkeypatch.setattr(status, "health", lambda port, name, statuses: answer)

    assert status.problems_of(8000) == problems

    words = "Oldest message that is due: 2 min\n"
    assert capsys.readouterr().out == (words if answer and "oldest_due_message_s" in answer else "")


def test_fresh_is_refused_where_the_database_is_elsewhere(clone: Clone):
    done = clone.dev("up", "--fresh", env=ELSEWHERE)

    assert "but not the database in DATABASE_URL" in says_one_sentence(done)


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_help_of_every_command_starts_nothing(bare_clone: Clone, command: str):
    done = bare_clone.dev(command, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: ./dev {command}")
    assert not bare_clone.data.path.exists()


def test_help_after_the_name_of_a_check_starts_nothing(bare_clone: Clone):
    done = bare_clone.dev("check", "lint", "--help")

    assert done.stdout.startswith("usage: ./dev check")


def test_help_names_every_command(bare_clone: Clone):
    done = bare_clone.dev("--help")

    assert done.returncode == 0
    for command in cli.COMMANDS:
        assert f"\n    {command} " in done.stdout


def test_help_of_a_command_of_manage_starts_no_server(clone: Clone):
    done = clone.dev("manage", "migrate", "--help")

    assert "usage: manage.py migrate" in done.stdout
    assert not clone.data.lock.exists()


def test_secrets_are_made_once_and_are_private(tmp_path: Path):
    data = DataDir(tmp_path)

    first, second = load_secrets(data), load_secrets(data)

    assert first == second == json.loads(data.secrets.read_text())
    assert data.secrets.stat().st_mode & 0o777 == 0o600
    assert len(set(first.values())) == len(first)


def test_a_database_whose_secrets_are_gone_is_named_with_the_remedy(tmp_path: Path):
    data = DataDir(tmp_path)
    data.servers = tmp_path / "servers"
    (data.servers / "postgres").mkdir(parents=True)

    with pytest.raises(UserError, match=r"are gone; `\./dev up --fresh` erases it and starts anew"):
        load_secrets(data)

    assert not data.secrets.exists()


def test_the_data_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = DataDir(tmp_path)
    load_secrets(data)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)

    with pytest.raises(UserError, match="is another user's"):
        load_secrets(data)


def test_damaged_secrets_are_refused_and_kept(tmp_path: Path):
    data = DataDir(tmp_path)
    data.secrets.write_text('{"postgres": "half')

    with pytest.raises(UserError, match="is damaged"):
        load_secrets(data)

    assert data.secrets.read_text() == '{"postgres": "half'


def test_a_full_disk_is_a_sentence_with_the_file(monkeypatch: pytest.MonkeyPatch, capfd):
    def fill(arguments: list[str]) -> int:
        with open("/dev/full", "w") as full:
            full.write("x")
        return 0

    monkeypatch.setattr(cli, "dispatch", fill)

    assert cli.main() == 1
    assert capfd.readouterr().err == "dev: No space left on device.\n"


def test_a_program_that_cannot_be_run_is_a_failed_step_with_its_reason_in_the_log(tmp_path: Path):
    """As in an environment that was copied from another kind of machine: it is made anew."""
    program, path = tmp_path / "python", tmp_path / "venv.log"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)

    assert output.run_logged([program, "--version"], path) is False
    assert "Exec format error" in output.last_lines(path)


def test_ctrl_c_while_another_is_at_work_ends_quietly(clone: Clone):
    clone.data.path.mkdir()
    lock = locks.acquire(clone.data.lock)
    assert lock
    with lock:
        locks.write_facts(lock, pid=os.getpid())
        waiting = clone.start("up", "--detach", "--no-demo")
        assert waiting.stderr
        assert "Another ./dev is at work" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        _, words = waiting.communicate(timeout=20)

    assert (waiting.returncode, words) == (130, "")
