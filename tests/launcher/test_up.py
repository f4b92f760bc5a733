"""The whole product, started and stopped by the launcher, again and again."""

import json
import os
import re
import signal
import socket
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from launcher.data import KEYS
from launcher.up import choose_port
from tests.launcher.conftest import Clone
from tests.servers import wait_until

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


def test_up_prints_one_object_and_the_second_up_the_same(running_clone: Clone):
    first, second = up(running_clone), up(running_clone)

    assert first == second
    assert set(first) == {"url", "data", "ready_s", "sign_ins"}
    assert first["data"] == str(running_clone.data.path)
    assert is_ready(first["url"])


def test_a_second_up_with_another_wish_is_refused_and_changes_nothing(running_clone: Clone):
    url, before = up(running_clone)["url"], running_clone.pids()

    port = running_clone.dev("up", "--no-demo", "--port", "9999")
    demo = running_clone.dev("up")
    database = running_clone.dev("up", "--no-demo", env={"REDIS_URL": "redis://127.0.0.1:9/0"})

    assert [done.returncode for done in (port, demo, database)] == [1, 1, 1]
    assert f"at {url}; to run it on port 9999, stop it with `./dev down` first" in port.stderr
    assert "to run it with the demo, stop it" in demo.stderr
    assert "to run it on the servers that the environment names, stop it" in database.stderr
    assert running_clone.pids() == before


def test_status_shows_every_process_its_memory_and_the_oldest_due_message(running_clone: Clone):
    wait_until(lambda: running_clone.dev("status").returncode == 0, what="a healthy product", seconds=90)

    done = running_clone.dev("status")

    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"Interlude is at {up(running_clone)['url']} ")
    shown = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith("  ")}
    assert set(shown) == RUNNING | {"all"}
    assert all(shown.values())
    assert shown["all"] < 1000
    assert any(re.fullmatch(r"Oldest message that is due: \d+ s", line) for line in lines)


def test_logs_are_shown_one_or_all(running_clone: Clone):
    one, every = running_clone.dev("logs", "postgres"), running_clone.dev("logs")

    assert "database system is ready to accept connections" in one.stdout
    assert all(f"/{name}.log <==" in every.stdout for name in RUNNING)


def test_the_product_runs_as_a_role_that_owns_nothing(running_clone: Clone):
    with psycopg.connect(running_clone.environment()["DATABASE_URL"]) as connection:
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


PRODUCT = {"web", "worker", "beat", "watch"}


def knowing(clone: Clone, words: str) -> set[str]:
    """Return the product's processes in whose environment ``words`` stand."""
    pids = clone.pids()
    return {name for name in PRODUCT if words in Path(f"/proc/{pids[name]}/environ").read_text()}


def test_the_products_processes_do_not_know_the_owners_password(running_clone: Clone):
    assert knowing(running_clone, "DATABASE_URL=") == PRODUCT - {"beat"}
    assert knowing(running_clone, "interlude_owner") == set()


def test_beat_knows_the_broker_and_no_key(running_clone: Clone):
    assert knowing(running_clone, "REDIS_URL=") == PRODUCT
    for name in ("SECRET_KEY", "MASTER_KEY", "LOOKUP_KEY"):
        assert knowing(running_clone, running_clone.environment()[name]) == PRODUCT - {"beat"}


def test_only_the_processes_that_sign_anchors_know_the_anchor_key(running_clone: Clone):
    assert knowing(running_clone, running_clone.environment()["ANCHOR_KEY"]) == {"worker", "watch"}
    assert knowing(running_clone, "ANCHOR_KEY=") == {"worker", "watch"}


def test_what_is_private_is_readable_by_its_owner_only(running_clone: Clone):
    data = running_clone.data

    for path in (data.secrets, data.status, data.run, data.log, data.mail, data.servers):
        assert path.stat().st_mode & 0o077 == 0


def test_manage_says_which_database_it_means_and_uses_no_other(running_clone: Clone):
    """With DATABASE_URL set while the demo ran, `audit verify` once praised the demo's database."""
    url = running_clone.environment()["DATABASE_URL"]

    running = running_clone.dev("manage", "audit", "verify")
    keys = {name: running_clone.environment()[name] for name in ("SECRET_KEY", *KEYS)}
    named = running_clone.dev("manage", "audit", "verify", env={"DATABASE_URL": url + "_elsewhere", **keys})
    keyless = running_clone.dev("manage", "audit", "verify", env={"DATABASE_URL": url})

    assert running.returncode == 0, running.stderr
    assert re.search(r"On the database interlude at 127\.0\.0\.1:\d+ \(running, in var/\)\.", running.stderr)
    assert "On the database interlude_elsewhere at" in named.stderr
    assert named.returncode != 0
    assert keyless.returncode == 1
    assert "set SECRET_KEY, MASTER_KEY, LOOKUP_KEY, ANCHOR_KEY too" in keyless.stderr


def test_given_servers_are_used_and_none_is_started(running_clone: Clone):
    names = (
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "MASTER_KEY",
        "LOOKUP_KEY",
        "ANCHOR_KEY",
    )
    theirs = {name: running_clone.environment()[name] for name in names}
    other = Clone(running_clone.folder)
    other.data = type(other.data)(running_clone.folder / "other")

    done = running_clone.dev(
        "up", "--detach", "--no-demo", "--json", "--data", str(other.data.path), env=theirs
    )

    assert done.returncode == 0, done.stderr
    assert set(other.pids()) == RUNNING - {"postgres", "valkey"}
    running_clone.dev("down", "--data", str(other.data.path))
    assert other.pids() == {}


def test_the_demo_is_shown_as_it_loads_and_its_staffs_codes_are_printed(clone: Clone):
    done = clone.dev("up", "--detach", "--json")
    staff = [person for person in json.loads(done.stdout)["sign_ins"] if person["authenticator"]]

    codes = clone.dev("code")

    lines = codes.stdout.splitlines()
    assert {line.split()[1] for line in lines} == {person["email"] for person in staff}
    assert all(re.fullmatch(r"\d{6}  \S+", line) for line in lines)
    assert clone.dev("code", "ben").stdout.count("\n") == 1
    assert clone.dev("code", "--data", str(clone.folder / "elsewhere")).returncode == 1
    wait_until(
        lambda: "simulated patients: 2 of" in clone.data.log_of("dev").read_text(),
        what="the demo",
        seconds=90,
    )
    assert re.search(r"The demo is loading: simulated patients: \d+ of \d+", clone.dev("status").stdout)


def test_everything_runs_and_down_leaves_nothing(clone: Clone):
    facts = up(clone)
    assert set(clone.pids()) == RUNNING

    done = clone.dev("down")

    assert (done.returncode, done.stderr) == (0, "Stopped.\n")
    assert clone.pids() == {}
    assert clone.processes() == []
    assert not is_ready(facts["url"])


def is_replaced(clone: Clone, name: str, pid: int) -> bool:
    return clone.pids().get(name, pid) != pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_every_killed_or_frozen_process_comes_back(clone: Clone, number: signal.Signals):
    facts = up(clone)

    for victim in sorted(RUNNING - {"dev"}):
        before = clone.pids()[victim]
        os.kill(before, number)
        wait_until(partial(is_replaced, clone, victim, before), what=f"a new {victim}")
        wait_until(partial(is_ready, facts["url"]), what=f"readiness after {victim}")

    words = clone.data.log_of("dev").read_text()
    assert all(f"{victim} ended (SIGKILL); starting it again now" in words for victim in RUNNING - {"dev"})


def test_after_the_supervisor_was_killed_down_finds_what_it_left(clone: Clone):
    up(clone)
    os.kill(clone.pids()["dev"], signal.SIGKILL)
    assert "processes of a killed ./dev are alive" in clone.dev("status").stdout

    done = clone.dev("down")

    assert done.stderr == "Stopped.\n"
    assert clone.processes() == []


def test_after_the_supervisor_was_killed_up_starts_anew_on_the_same_data(clone: Clone):
    first = up(clone)
    secrets = clone.data.secrets.read_text()
    before = clone.pids()
    os.kill(before["dev"], signal.SIGKILL)

    second = up(clone)

    assert is_ready(second["url"])
    assert second["data"] == first["data"]
    assert not set(before.values()) & set(clone.pids().values())
    assert clone.data.secrets.read_text() == secrets


def test_after_everything_was_killed_at_once_up_starts_anew_on_the_same_data(clone: Clone):
    up(clone)
    mark(clone)
    for pid in clone.pids().values():
        os.kill(pid, signal.SIGKILL)

    up(clone)

    assert set(clone.pids()) == RUNNING
    assert is_marked(clone)


def test_a_frozen_supervisor_is_stopped_by_down(clone: Clone):
    up(clone)
    os.kill(clone.pids()["dev"], signal.SIGSTOP)

    assert clone.dev("down").stderr == "Stopped.\n"
    assert clone.processes() == []


def test_two_at_once_start_it_once(clone: Clone):
    both = [clone.start("up", "--detach", "--no-demo", "--json") for _ in range(2)]
    answers = [one.communicate(timeout=120)[0] for one in both]

    assert [one.returncode for one in both] == [0, 0]
    assert answers[0] == answers[1]
    assert set(clone.pids()) == RUNNING


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_in_the_foreground_it_all_ends_with_the_command(clone: Clone, number: signal.Signals):
    running = clone.start("up", "--no-demo")
    assert running.stdout
    assert "Interlude is at" in running.stdout.readline()

    running.send_signal(number)

    running.communicate(timeout=60)
    assert running.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    wait_until(lambda: clone.processes() == [], what="the end of all")


def test_ctrl_c_on_the_way_up_leaves_nothing(clone: Clone):
    for how in ((), ("--detach",)):
        starting = clone.start("up", "--no-demo", *how)
        assert starting.stderr
        while "Migrating" not in starting.stderr.readline():
            pass

        starting.send_signal(signal.SIGINT)

        starting.communicate(timeout=60)
        assert starting.returncode == 130
        wait_until(lambda: clone.processes() == [], what="the end of all")


def test_a_port_that_is_taken_during_the_set_up_is_left_to_its_owner(clone: Clone):
    """Two clones that were started at once both took port 8000, and answered each other's requests."""
    starting = clone.start("up", "--detach", "--no-demo", "--json")
    assert starting.stderr
    while "Migrating" not in starting.stderr.readline():
        pass

    with socket.create_server(("127.0.0.1", choose_port(None))) as other:
        answer, words = starting.communicate(timeout=120)

        assert starting.returncode == 0, words
        assert urlsplit(json.loads(answer)["url"]).port != other.getsockname()[1]


def test_a_clone_that_the_servers_user_cannot_enter_works_and_keeps_its_modes(clone: Clone):
    clone.folder.chmod(0o700)

    facts = up(clone)

    assert is_ready(facts["url"])
    assert clone.folder.stat().st_mode & 0o777 == 0o700
    if os.geteuid() == 0:
        assert clone.data.servers.stat().st_mode & 0o777 == 0o700
        assert clone.data.servers.stat().st_uid != 0


def test_fresh_erases_the_data_and_down_keeps_it(clone: Clone):
    up(clone)
    mark(clone)
    clone.dev("down")
    up(clone)
    assert is_marked(clone)

    up(clone, "--fresh")

    assert not is_marked(clone)


def mark(clone: Clone) -> None:
    with psycopg.connect(clone.environment()["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE mark (id int)")


def is_marked(clone: Clone) -> bool:
    with psycopg.connect(clone.environment()["DATABASE_OWNER_URL"]) as connection:
        row = connection.execute("SELECT to_regclass('mark') IS NOT NULL").fetchone()
    return bool(row and row[0])


def test_manage_works_on_the_data_at_rest(clone: Clone):
    at_rest = clone.dev("manage", "showmigrations", "clinics")
    up(clone)
    running = clone.dev("manage", "showmigrations", "clinics")
    clone.dev("down")
    again = clone.dev("manage", "showmigrations", "clinics")

    assert [done.returncode for done in (at_rest, running, again)] == [0, 0, 0]
    assert "[ ] 0001_functions" in at_rest.stdout
    assert "[X] 0001_functions" in running.stdout
    assert again.stdout == running.stdout
    assert clone.processes() == []
