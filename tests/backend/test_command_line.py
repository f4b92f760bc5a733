"""The command line: who runs as the owner, and one sentence where the database is not as it must be."""

import json
import logging
import os
import re
import secrets
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection
from django.db.backends.signals import connection_created
from psycopg import sql

from backend import command_line, env, startup
from tests import databases
from tests.servers import ROOT, free_port
from tracker.access import database_roles
from tracker.alerts import safety_status
from tracker.lib import database_errors
from tracker.lib.database_owner import connected_as_owner

OWNER = env.database("DATABASE_OWNER_URL")
APP_ROLE = env.database("DATABASE_URL")["USER"]
NEW_CLINIC = (
    "--name", "Riverside", "--time-zone", "Europe/Amsterdam", "--crisis-text", "Call 112.", "--administrator", "Eve",
)  # fmt: skip
# Every command of ours: what it is called with, and whether it runs as the owner.
OURS: dict[str, tuple[tuple[str, ...], bool]] = {
    "account_schema": (("--file", "/dev/null"), False),
    "audit": (("verify",), False),
    "check_questionnaire": (("none.yaml",), False),
    "create_clinic": (NEW_CLINIC, False),
    "demo": (("people", "--sign-ins", "var/none.json"), False),
    "grant_app_role": ((), True),
    "invite_approver": (("--clinic", "x", "--name", "Hal", "--role", "ADMINISTRATOR"), False),
    "keys": (("status",), False),
    "load_catalogue": ((), True),
    "load_wording": (("pyproject.toml", "--clinic", "00000000-0000-0000-0000-000000000001"), False),
    "migrate": (("--noinput",), True),
    "new_epoch": (("--why", "restored"), True),
    "prepare_database": ((), True),
    "rederive": ((), False),
    "rescore": ((), False),
    "safety_status": ((), False),
    "score": (("phq-9", "/dev/null"), False),
    "session_check": (("/dev/null",), False),
    "watch": (("--once",), False),
}
WITHOUT_DATABASE = {"account_schema", "check_questionnaire", "score", "session_check"}
ON_DATABASE = sorted(set(OURS) - WITHOUT_DATABASE)


def manage(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> tuple[int, str]:
    """Run a command as a shell does; return its exit code and what it said on stderr."""
    # The log writes to the stderr of the first test, which is closed by now.
    logging.raiseExceptions = False
    try:
        command_line.execute(["manage.py", name, *arguments])
    except SystemExit as ended:
        if isinstance(ended.code, str):
            return 1, ended.code
        return int(ended.code or 0), capsys.readouterr().err
    return 0, capsys.readouterr().err


def administer(statement: str, name: str) -> None:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(sql.SQL(statement).format(sql.Identifier(name)))


@pytest.fixture
def connect_to(settings: Any, django_db_blocker: Any) -> Iterator[Callable[..., None]]:
    """Point the product and its owner elsewhere."""
    before = dict(connection.settings_dict)

    def point(**address: Any) -> None:
        connection.close()
        connection.settings_dict |= address
        settings.DATABASE_ADMIN = None
        settings.DATABASE_OWNER = OWNER | address
        settings.DATABASE_APP = settings.DATABASE_APP | address

    with django_db_blocker.unblock():
        yield point
        connection.close()
        connection.settings_dict |= before


@pytest.fixture
def empty_database(connect_to: Callable[..., None]) -> Iterator[str]:
    """A database in which nothing was ever migrated."""
    name = f"empty_{secrets.token_hex(4)}"
    administer("CREATE DATABASE {} TEMPLATE template0", name)
    connect_to(NAME=name)
    yield name
    connection.close()
    databases.drop(name)


@pytest.fixture
def migrated_database(
    connect_to: Callable[..., None], fresh_database: Callable[[], dict[str, str]]
) -> Iterator[str]:
    name = fresh_database()["DATABASE_URL"].rpartition("/")[2]
    connect_to(NAME=name)
    yield name
    connection.close()


def one_sentence(said: str) -> str:
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if not line.startswith("{")]  # the log's lines are JSON
    assert len(lines) == 1, said
    return lines[0]


def test_every_command_of_ours_is_listed_and_says_whether_it_runs_as_the_owner():
    commands = {name: app for name, app in get_commands().items() if str(app).startswith("tracker.")}
    as_owner = {
        name
        for name, app in commands.items()
        if command_line.runs_as_owner(name, load_command_class(str(app), name))
    }

    assert set(commands) == set(OURS)
    assert as_owner == {name for name, (_, is_owner) in OURS.items() if is_owner}


@pytest.mark.parametrize("name", sorted(set(ON_DATABASE) - {"migrate", "prepare_database"}))
def test_a_command_on_a_database_that_is_not_migrated_says_how_to_migrate_it(name, empty_database, capsys):
    code, said = manage(capsys, name, *OURS[name][0])

    assert code == 1
    assert database_errors.NOT_MIGRATED in one_sentence(said)


@pytest.mark.parametrize("name", sorted(set(ON_DATABASE) - {"watch"}))
def test_a_command_that_reaches_no_database_says_which_address_to_check(
    name, connect_to, capsys, monkeypatch
):
    monkeypatch.setattr(database_roles, "START_SECONDS", 0)
    connect_to(HOST="127.0.0.1", PORT=str(free_port()))

    code, said = manage(capsys, name, *OURS[name][0])

    assert code == 1
    address = "DATABASE_OWNER_URL" if OURS[name][1] else "DATABASE_URL"
    assert f"The database cannot be reached; check {address}." in one_sentence(said)


def test_the_watch_outlives_a_database_that_is_away(connect_to, capsys, caplog):
    connect_to(HOST="127.0.0.1", PORT=str(free_port()))

    code, _ = manage(capsys, "watch", "--once")
    connection_created.disconnect(startup.check_at_connection)

    assert code == 0
    assert "keys are checked later" in caplog.text


@pytest.mark.parametrize(("name", "limit"), [("rederive", "0"), ("watch", "30s")])
def test_a_statement_of_a_command_that_somebody_waits_for_has_no_timeout(
    migrated_database, capsys, monkeypatch, name, limit
):
    database_roles.set_timeouts(env.database("DATABASE_URL") | {"NAME": migrated_database})
    seen: list[str] = []

    def look(self: object, *args: object, **options: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            seen.append(cursor.fetchone()[0])

    monkeypatch.setattr(type(load_command_class(get_commands()[name], name)), "handle", look)

    manage(capsys, name, *OURS[name][0])

    assert seen == [limit]


# Those that only read, or that wait.
_READERS = {"audit", "keys", "rederive", "rescore", "safety_status", "watch"}
# Nothing is left to do on a database that stands as it must.
_DONE = {"migrate", "load_catalogue"}


@pytest.mark.parametrize("name", sorted(set(ON_DATABASE) - _READERS - {"invite_approver", "load_wording"}))
def test_a_command_on_a_read_only_database_says_so(name, migrated_database, capsys, tmp_path):
    administer("ALTER DATABASE {} SET default_transaction_read_only = on", migrated_database)
    arguments = [each.replace("var/none.json", str(tmp_path / "none.json")) for each in OURS[name][0]]

    code, said = manage(capsys, name, *arguments)

    if name not in _DONE:
        assert code == 1
        assert "it is read-only" in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.parametrize("name", sorted(_READERS - {"watch"}))
def test_a_command_that_only_reads_works_on_a_read_only_database(
    name, migrated_database, settings, tmp_path, capsys
):
    settings.AUDIT_ANCHORS = str(tmp_path)  # other tests' anchors tell of chains that this database never had
    for process in ("worker", "watch"):
        safety_status.record_heartbeat(process)
    administer("ALTER DATABASE {} SET default_transaction_read_only = on", migrated_database)

    code, said = manage(capsys, name, *OURS[name][0])

    assert (code, "Traceback" in said) == (0, False), said


def test_a_service_whose_role_lacks_a_right_does_not_start(migrated_database, capsys):
    with connected_as_owner(), connection.cursor() as cursor:
        cursor.execute(f'REVOKE ALL ON keys_keyfingerprint FROM "{APP_ROLE}"')

    code, said = manage(capsys, "watch", "--once")

    assert code == 1
    assert "lacks a right (permission denied for table keys_keyfingerprint)" in one_sentence(said)


def test_an_owners_command_without_the_owners_address_names_it(migrated_database, settings, capsys):
    settings.DATABASE_OWNER = None

    for name in ("new_epoch", "load_catalogue", "grant_app_role"):
        code, said = manage(capsys, name, *OURS[name][0])
        if name == "load_catalogue":  # has nothing to publish here, so it asks for no right
            continue
        assert code == 1
        assert "set DATABASE_OWNER_URL" in one_sentence(said)


def test_an_owners_command_is_refused_where_the_addresses_name_two_databases(
    migrated_database, settings, capsys
):
    settings.DATABASE_APP = settings.DATABASE_APP | {"NAME": "another"}

    for name, (arguments, is_owner) in OURS.items():
        if is_owner:
            code, said = manage(capsys, name, *arguments)
            assert code == 1
            assert "both must name the same one" in one_sentence(said)


def test_migrate_without_the_owners_address_names_it(empty_database, settings, capsys):
    settings.DATABASE_OWNER = None

    code, said = manage(capsys, "migrate", "--noinput")

    assert code == 1
    assert "set DATABASE_OWNER_URL" in said.splitlines()[-1]


def test_a_new_epoch_begins_by_the_owner_of_the_tables(migrated_database, capsys):
    code, said = manage(capsys, "new_epoch", "--why", "restored the backup of Monday")

    assert (code, said) == (0, "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT why FROM records_epoch ORDER BY number DESC LIMIT 1")
        assert cursor.fetchone() == ("restored the backup of Monday",)


def test_the_owner_gives_up_on_a_lock_and_the_next_connection_is_the_products_again(
    migrated_database, settings
):
    with connected_as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('lock_timeout')")
        assert cursor.fetchone() == (OWNER["USER"], "2s")

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('lock_timeout')")
        assert cursor.fetchone() == (settings.DATABASE_APP["USER"], "3s")


@pytest.mark.parametrize("name", ["migrate", "prepare_database"])
def test_a_database_of_migrations_that_were_regenerated_is_refused(name, migrated_database, capsys):
    with connected_as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT obj_description('django_migrations'::regclass, 'pg_class')")
        digests = json.loads(cursor.fetchone()[0]) | {"keys.0002_tables": "of another migration"}
        cursor.execute(sql.SQL("COMMENT ON TABLE django_migrations IS {}").format(json.dumps(digests)))

    code, said = manage(capsys, name)

    assert code == 1
    assert "other migrations than this version's (keys.0002_tables differs)" in one_sentence(said)


def test_a_lock_that_somebody_holds_is_one_sentence(migrated_database, capsys):
    login = {name: OWNER[name.upper()] for name in ("user", "password", "host", "port")}
    held = psycopg.connect(dbname=migrated_database, **login)
    with held:
        held.execute("LOCK TABLE records_epoch")
        code, said = manage(capsys, "new_epoch", "--why", "restored")

    assert code == 1
    assert "Somebody holds a lock" in one_sentence(said)


def test_a_server_that_is_too_old_is_refused_with_its_version(connect_to, capsys, monkeypatch):
    monkeypatch.setattr(connection.features, "minimum_database_version", (99,))
    monkeypatch.setattr("django.db.backends.postgresql.base.RAN_DB_VERSION_CHECK", set(), raising=False)
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", set())
    connect_to()

    for name in ("new_epoch", "keys", "prepare_database", "watch"):
        code, said = manage(capsys, name, *OURS[name][0])
        assert code == 1
        assert "PostgreSQL 99 or later is required (found 18." in one_sentence(said)


def test_postgresql_16_is_the_oldest_that_is_accepted():
    assert connection.features.minimum_database_version == (16,)


PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
_COMMAND = re.compile(r"^ +python manage\.py ((?:.*\\\n)*.*)|`python manage\.py ([^`]+)`", re.MULTILINE)


def commands_in(page: Path) -> list[list[str]]:
    """The commands of manage.py that a page prints, each as a shell takes it apart."""
    found = [(block.replace("\\\n", " "), inline) for block, inline in _COMMAND.findall(page.read_text())]
    return [shlex.split(block or inline) for block, inline in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_that_a_page_prints_is_taken_as_printed(page):
    for name, *arguments in commands_in(page):
        parser = load_command_class(str(get_commands()[name]), name).create_parser("manage.py", name)
        parser.parse_args(arguments)


def test_the_page_of_operations_prints_the_commands_of_an_operator():
    printed = {name for name, *_ in commands_in(ROOT / "docs" / "operations.md")}

    assert printed >= {
        "prepare_database",
        "migrate",
        "watch",
        "audit",
        "keys",
        "new_epoch",
        "rederive",
        "create_clinic",
    }
