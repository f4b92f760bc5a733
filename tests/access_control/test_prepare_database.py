"""Setting a database up: the roles with their rights, nothing that is there changed, each refusal one sentence."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import connection
from psycopg import sql

from backend import env
from tests.servers import ROOT, free_port
from tracker.access import database_roles
from tracker.access.database_roles import Unusable
from tracker.access.management.commands import grant_app_role

ADMIN_URL = os.environ["DATABASE_ADMIN_URL"]


def url_of(role: str, password: str, database: str) -> str:
    host = urlsplit(ADMIN_URL).netloc.rpartition("@")[2]
    return f"postgres://{role}:{password}@{host}/{database}"


def address(url: str) -> dict[str, Any]:
    return env.database_settings("DATABASE_URL", url)


@dataclass
class Names:
    """Names and passwords of an installation; roles are the whole server's, so each test has its own."""

    suffix: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def owner(self) -> str:
        return f"owner_{self.suffix}"

    @property
    def app(self) -> str:
        return f"app_{self.suffix}"

    @property
    def database(self) -> str:
        return f"made_{self.suffix}"

    @property
    def owner_url(self) -> str:
        return url_of(self.owner, f"o-{self.suffix}", self.database)

    @property
    def app_url(self) -> str:
        return url_of(self.app, f"a-{self.suffix}", self.database)

    def make(self, admin_url: str = ADMIN_URL, *, creates: bool = False) -> None:
        database_roles.make(
            admin=address(admin_url), owner=address(self.owner_url), app=address(self.app_url),
            owner_creates_databases=creates, say=print,
        )  # fmt: skip


def administer(*statements: str, **names: str) -> list[Any]:
    """Run statements as the administrator, ``{name}`` in them an identifier; return the last one's rows."""
    with psycopg.connect(ADMIN_URL, autocommit=True) as admin:
        for statement in statements:
            composed = sql.SQL(statement).format(
                **{name: sql.Identifier(value) for name, value in names.items()}
            )
            cursor = admin.execute(composed)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def names() -> Iterator[Names]:
    given = Names()
    yield given
    administer("DROP DATABASE IF EXISTS {it} WITH (FORCE)", it=given.database)
    for role in (given.owner, given.app, f"admin_{given.suffix}"):
        administer("DROP ROLE IF EXISTS {it}", it=role)


def rights(role: str) -> Any:
    (row,) = administer(
        "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles"
        f" WHERE rolname = '{role}'"
    )
    return row


def test_both_roles_and_the_database_are_made_with_no_right_too_many(names):
    names.make()

    assert rights(names.owner) == rights(names.app) == (True, False, False, False, False, False)
    assert administer(
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database"
        f" WHERE datname = '{names.database}'"
    ) == [(names.owner, "UTF8")]
    with psycopg.connect(names.app_url) as app:
        may_create = "SELECT has_database_privilege(current_database(), 'CREATE')"
        assert app.execute(may_create).fetchone() == (False,)
    assert administer(f"SELECT has_database_privilege('public', '{names.database}', 'CONNECT')") == [(False,)]


def timeouts(url: str) -> set[str]:
    """The timeouts that a session begins with."""
    with psycopg.connect(url) as session:
        return {
            session.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[index]
            for name in database_roles.TIMEOUTS
        }


def test_the_products_role_has_timeouts_in_its_own_database_and_nobody_else_has_them(names):
    names.make()

    for _ in range(2):
        database_roles.set_timeouts(address(names.app_url))

    assert timeouts(names.app_url) == set(database_roles.TIMEOUTS.values()) == {"3s", "30s"}
    assert timeouts(names.owner_url) == {"0"}
    assert timeouts(url_of(names.app, f"a-{names.suffix}", "postgres")) == {"0"}


def test_a_new_owner_creates_databases_only_where_that_is_asked_for(names):
    names.make(creates=True)

    assert rights(names.owner)[4] is True
    assert rights(names.app)[4] is False


def test_making_roles_twice_changes_nothing(names):
    names.make()
    before = rights(names.owner), rights(names.app)

    names.make(creates=True)

    assert (rights(names.owner), rights(names.app)) == before


@pytest.mark.parametrize("which", ["owner", "app"])
def test_an_existing_role_keeps_its_password_and_the_other_one_is_not_made(names, which):
    role, other = (names.owner, names.app) if which == "owner" else (names.app, names.owner)
    administer("CREATE ROLE {it} LOGIN PASSWORD 'of another installation'", it=role)
    setting = "DATABASE_OWNER_URL" if which == "owner" else "DATABASE_URL"

    with pytest.raises(Unusable, match=f"The role {role} exists and cannot log in by {setting}") as refused:
        names.make()

    assert "\n" not in str(refused.value)
    psycopg.connect(url_of(role, "of%20another%20installation", "postgres")).close()
    assert administer(f"SELECT 1 FROM pg_roles WHERE rolname = '{other}'") == []


def test_an_existing_role_with_its_own_password_is_used_as_it_is(names):
    administer(f"CREATE ROLE {{it}} LOGIN CREATEDB PASSWORD 'o-{names.suffix}'", it=names.owner)

    names.make()

    assert rights(names.owner)[4] is True


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
def test_an_existing_role_that_bypasses_row_level_security_is_refused(names, power):
    administer(f"CREATE ROLE {{it}} LOGIN {power} PASSWORD 'a-{names.suffix}'", it=names.app)

    with pytest.raises(Unusable, match="is a superuser or bypasses row-level security"):
        names.make()


@pytest.mark.parametrize("right", ["owner", "member of BYPASSRLS", "CREATEROLE"])
def test_a_product_role_that_could_switch_row_level_security_off_is_refused(names, right):
    names.make()
    with psycopg.connect(names.owner_url) as owner:
        owner.execute("CREATE TABLE notes (id int)")
    if right == "owner":
        administer("GRANT {owner} TO {app}", owner=names.owner, app=names.app)
    elif right == "CREATEROLE":
        administer("ALTER ROLE {app} CREATEROLE", app=names.app)
    else:
        administer(
            "CREATE ROLE {it} BYPASSRLS", "GRANT {it} TO {app}", it=f"admin_{names.suffix}", app=names.app
        )

    with psycopg.connect(names.owner_url) as owner, pytest.raises(CommandError, match="use a plain role"):
        grant_app_role.refuse_powerful(owner.cursor(), names.app)


def test_whoever_connects_to_an_existing_database_still_does_and_to_a_new_one_does_not(names):
    names.make()
    may = f"SELECT has_database_privilege('public', '{names.database}', 'CONNECT')"
    assert administer(may) == [(False,)]
    administer("GRANT CONNECT ON DATABASE {it} TO PUBLIC", it=names.database)

    names.make()

    assert administer(may) == [(True,)]


def test_a_database_of_somebody_else_is_left_alone(names):
    administer("CREATE DATABASE {it}", it=names.database)

    with pytest.raises(
        Unusable, match=f"The database {names.database} belongs to postgres and not to {names.owner}"
    ):
        names.make()


def test_an_administrator_who_is_no_superuser_makes_them_too(names):
    admin = f"admin_{names.suffix}"
    administer("CREATE ROLE {it} LOGIN CREATEROLE CREATEDB PASSWORD 'x'", it=admin)

    names.make(url_of(admin, "x", "postgres"), creates=True)

    assert rights(names.owner) == (True, False, False, False, True, False)
    assert rights(names.app) == (True, False, False, False, False, False)
    # It is no member of the owner afterwards, beyond what its having made the role gives it.
    assert administer(f"SELECT pg_has_role('{admin}', '{names.owner}', 'SET')") == [(False,)]
    administer("DROP DATABASE {it} WITH (FORCE)", "DROP ROLE {owner}", "DROP ROLE {app}", it=names.database,
               owner=names.owner, app=names.app)  # fmt: skip


def test_a_role_without_rights_is_no_administrator(names):
    admin = f"admin_{names.suffix}"
    administer("CREATE ROLE {it} LOGIN PASSWORD 'x'", it=admin)

    with pytest.raises(Unusable, match="The role in DATABASE_ADMIN_URL lacks a right"):
        names.make(url_of(admin, "x", "postgres"))


@pytest.mark.parametrize(
    ("admin_url", "sentence"),
    [
        (lambda: url_of("postgres", "wrong", "postgres"), "check DATABASE_ADMIN_URL. It said: .*password"),
        (lambda: "postgres://postgres:x@no-such-host.invalid/postgres", "check DATABASE_ADMIN_URL"),
        (lambda: f"postgres://postgres:x@127.0.0.1:{free_port()}/postgres", "Connection refused"),
        (
            lambda: ADMIN_URL.replace("/postgres?", "/none?") if "?" in ADMIN_URL else f"{ADMIN_URL}_none",
            "does not exist",
        ),
    ],
    ids=("password", "host", "port", "database"),
)
def test_an_administrators_address_that_does_not_work_is_one_sentence(
    names: Names, monkeypatch: pytest.MonkeyPatch, admin_url: Callable[[], str], sentence: str
):
    monkeypatch.setattr(database_roles, "START_SECONDS", 0)

    with pytest.raises(Unusable, match=sentence) as refused:
        names.make(admin_url())

    assert "\n" not in str(refused.value)


def test_a_server_that_is_too_old_is_refused_before_a_role_is_made(names, monkeypatch):
    monkeypatch.setattr(connection.features, "minimum_database_version", (99,))

    with pytest.raises(Unusable, match=r"PostgreSQL 99 or later is required \(found 18\."):
        names.make()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda url: url.replace("owner_", "app_", 1), "name the same role"),
        (lambda url: f"{url}_other", "name different databases"),
        (
            lambda url: url.replace(":o-", ":", 1).replace(":" + url.split(":o-")[1].split("@")[0], ":"),
            "and its password",
        ),
    ],
)
def test_addresses_that_contradict_each_other_are_refused(
    names: Names, change: Callable[[str], str], sentence: str
):
    with pytest.raises(Unusable, match=sentence):
        database_roles.make(
            admin=address(ADMIN_URL), owner=address(change(names.owner_url)), app=address(names.app_url),
            owner_creates_databases=False, say=print,
        )  # fmt: skip


def start(names: Names, *options: str, **more: str) -> "subprocess.Popen[str]":
    addresses = {
        "DATABASE_ADMIN_URL": ADMIN_URL,
        "DATABASE_OWNER_URL": names.owner_url,
        "DATABASE_URL": names.app_url,
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "prepare_database", *options], cwd=ROOT, env=os.environ | addresses | more,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def prepare(names: Names, *options: str, **more: str) -> tuple[int | None, str, str]:
    process = start(names, *options, **more)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


STEPS = [
    "Making the database roles ...",
    "Migrating ...",
    "Giving the product's role its rights ...",
    "Loading the catalogue of questionnaires ...",
]


@pytest.mark.full
def test_prepare_database_is_one_command_for_two_at_once_and_for_a_second_time(names):
    first, second = start(names), start(names)
    said = [process.communicate(timeout=120) for process in (first, second)]
    again = prepare(names, DATABASE_ADMIN_URL="")

    assert (first.returncode, second.returncode) == (0, 0), said
    for out, _ in said:
        assert [line for line in out.splitlines() if not line.startswith("Waiting")] == STEPS
    assert (again[0], again[1].splitlines()) == (0, STEPS[1:]), again
    assert timeouts(names.app_url) == {"3s", "30s"}
    with psycopg.connect(names.app_url) as app:
        assert app.execute("SELECT count(*) > 0 FROM instruments_version").fetchone() == (True,)
        assert app.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
        ).fetchone() == (0,)


def test_an_empty_database_is_made_for_a_backup_to_be_restored_into(names):
    code, out, err = prepare(names, "--roles-only")

    assert (code, out.splitlines(), err) == (0, STEPS[:1], "")
    with psycopg.connect(names.owner_url) as owner:
        assert owner.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"DATABASE_OWNER_URL": ""}, "DATABASE_OWNER_URL is not set"),
        ({"DATABASE_ADMIN_URL": ""}, "check DATABASE_OWNER_URL"),
    ],
)
def test_prepare_database_says_in_one_sentence_what_it_lacks(names, settings, sentence):
    code, _, err = prepare(names, **settings)

    assert (code, len(err.splitlines())) == (1, 1), err
    assert sentence in err
