"""The whole product, started and stopped by the launcher, again and again."""

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.launcher.conftest import Clone

pytestmark = pytest.mark.full

RUNNING = {"dev", "postgres", "valkey", "web", "worker", "beat", "watch"}


def up(clone: Clone, *more: str) -> dict[str, Any]:
    done = clone.dev("up", "--detach", "--no-demo", "--json", *more)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def eventually(question: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.1)
    return False


def environment(clone: Clone) -> dict[str, str]:
    found: dict[str, str] = json.loads((clone.data / "run" / "environment.json").read_text())
    return found


def test_up_prints_one_object_and_the_second_up_the_same(clone: Clone):
    first, second = up(clone), up(clone)

    assert first == second
    assert set(first) == {"url", "data", "ready_s", "sign_ins"}
    assert first["data"] == str(clone.data)
    assert is_ready(first["url"])


def test_the_demo_staffs_codes_are_printed_and_nobody_elses(clone: Clone):
    staff = [each for each in up(clone)["sign_ins"] if each["role"] != "patient"]

    said = clone.dev("code")

    lines = said.stdout.splitlines()
    assert {line.split()[1] for line in lines} == {each["email"] for each in staff}
    assert all(re.fullmatch(r"\d{6}  \S+", line) for line in lines)
    assert clone.dev("code", "ben").stdout.count("\n") == 1
    assert clone.dev("code", "--data", str(clone.folder / "elsewhere")).returncode == 1


def test_everything_runs_and_down_leaves_nothing(clone: Clone):
    facts = up(clone)
    assert set(clone.pids()) == RUNNING

    done = clone.dev("down")

    assert (done.returncode, done.stderr) == (0, "Stopped.\n")
    assert clone.pids() == {}
    assert clone.processes() == []
    assert not is_ready(facts["url"])


def test_the_product_runs_as_a_role_that_owns_nothing(clone: Clone):
    up(clone)

    with psycopg.connect(environment(clone)["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole,"
            " (SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid)"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        settings = connection.execute(
            "SELECT current_setting('data_checksums'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('listen_addresses')"
        ).fetchone()

    assert row == ("interlude_app", False, False, False, False, 0)
    assert settings == ("on", "on", "on", "127.0.0.1")


def test_what_is_private_is_readable_by_its_owner_only(clone: Clone):
    up(clone)

    for path in ("secrets.json", "run/environment.json", "run/facts.json"):
        assert (clone.data / path).stat().st_mode & 0o077 == 0
    for path in ("run", "log", "mail", "servers"):
        assert (clone.data / path).stat().st_mode & 0o077 == 0


def is_replaced(clone: Clone, name: str, pid: int) -> bool:
    return clone.pids().get(name, pid) != pid


def test_every_killed_process_comes_back(clone: Clone):
    facts = up(clone)

    for victim in sorted(RUNNING - {"dev"}):
        before = clone.pids()[victim]
        os.kill(before, signal.SIGKILL)
        assert eventually(partial(is_replaced, clone, victim, before)), victim
        assert eventually(partial(is_ready, facts["url"])), victim

    log = (clone.data / "log" / "dev.log").read_text()
    assert all(f"{victim} ended (SIGKILL); starting it again now" in log for victim in RUNNING - {"dev"})


def test_after_the_supervisor_was_killed_down_finds_what_it_left(clone: Clone):
    up(clone)
    os.kill(clone.pids()["dev"], signal.SIGKILL)

    done = clone.dev("down")

    assert done.stderr == "Stopped.\n"
    assert eventually(lambda: clone.processes() == [], 5)


def test_after_the_supervisor_was_killed_up_starts_anew_on_the_same_data(clone: Clone):
    first = up(clone)
    secrets = (clone.data / "secrets.json").read_text()
    before = clone.pids()
    os.kill(before["dev"], signal.SIGKILL)

    second = up(clone)

    assert is_ready(second["url"])
    assert second["data"] == first["data"]
    assert not set(before.values()) & set(clone.pids().values())
    assert (clone.data / "secrets.json").read_text() == secrets


def test_two_at_once_start_it_once(clone: Clone):
    both = [clone.start("up", "--detach", "--no-demo", "--json") for _ in range(2)]
    answers = [each.communicate(timeout=120)[0] for each in both]

    assert [each.returncode for each in both] == [0, 0]
    assert answers[0] == answers[1]
    assert set(clone.pids()) == RUNNING


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_in_the_foreground_it_all_ends_with_the_command(clone: Clone, number: signal.Signals):
    running = clone.start("up", "--no-demo")
    assert running.stdout
    assert "Interlude is at" in running.stdout.readline()

    running.send_signal(number)

    running.communicate(timeout=60)
    assert running.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert eventually(lambda: clone.processes() == [])


def test_a_clone_that_the_servers_user_cannot_enter_works_and_keeps_its_modes(clone: Clone):
    clone.folder.chmod(0o700)

    facts = up(clone)

    assert is_ready(facts["url"])
    assert clone.folder.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        elsewhere = Path((clone.data / "servers.path").read_text())
        assert elsewhere.stat().st_mode & 0o777 == 0o700
        assert elsewhere.stat().st_uid != 0


def test_fresh_erases_the_data_and_down_keeps_it(clone: Clone):
    up(clone)
    mark(clone)
    clone.dev("down")
    up(clone)
    assert is_marked(clone)

    up(clone, "--fresh")

    assert not is_marked(clone)


def mark(clone: Clone) -> None:
    with psycopg.connect(environment(clone)["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE mark (id int)")


def is_marked(clone: Clone) -> bool:
    with psycopg.connect(environment(clone)["DATABASE_OWNER_URL"]) as connection:
        row = connection.execute("SELECT to_regclass('mark') IS NOT NULL").fetchone()
    return bool(row and row[0])


def test_manage_works_while_it_runs_and_while_it_does_not(clone: Clone):
    show = ("manage", "showmigrations", "clinics")
    at_rest = clone.dev(*show)
    up(clone)
    running = clone.dev(*show)

    assert (at_rest.returncode, running.returncode) == (0, 0)
    assert "[ ] 0001_initial" in at_rest.stdout
    assert "[X] 0001_initial" in running.stdout


def test_given_servers_are_used_and_none_is_started(clone: Clone):
    up(clone)
    theirs = {name: environment(clone)[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")}
    other = clone.folder / "other"

    done = clone.dev("up", "--detach", "--no-demo", "--json", "--data", str(other), env=theirs)

    assert done.returncode == 0, done.stderr
    started = {path.stem for path in (other / "run").glob("*.pid")}
    assert started == RUNNING - {"postgres", "valkey"}
    clone.dev("down", "--data", str(other))
