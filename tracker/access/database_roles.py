"""
The two database roles and the database, made by an administrator's role where they are missing.

The owner migrates; the product's own role owns nothing, is no superuser and does not bypass row-level security. What is
there already is compared and never changed: another installation on the same server may use it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import django.db
import psycopg
from psycopg import errors, sql

from tracker.lib import database_errors

Address = Mapping[str, Any]
Say = Callable[[str], None]
START_SECONDS = 30.0
# Two at once: the second waits for the first and finds everything there. Any number, as long as it stays.
LOCK = 5_404_310_017
# What a session of the product's role begins with. A lock: who waits for one holds a thread and a connection of the web
# server, so a request behind it is told to come again while others are still answered; longer than any commit of the
# product's holds one. A statement: of a request's 60 s and of a task's (``CELERY_TASK_TIME_LIMIT``) half, so that both
# end by an error and not by a kill. A transaction whose process stands still lets go of its locks after as long.
TIMEOUTS = {
    "lock_timeout": "3s", "statement_timeout": "30s", "idle_in_transaction_session_timeout": "30s",
}  # fmt: skip
_STARTING = ("Connection refused", "No such file or directory", "the database system is")


class Unusable(Exception):
    """Roles or database cannot be used as they are; the text is one sentence with the remedy."""


class _Role(NamedTuple):
    name: str
    exists: bool
    is_powerful: bool


def connect(
    address: Address, *, setting: str, patience_s: float = 0, **more: Any
) -> "psycopg.Connection[Any]":
    """
    Connect by an address of the settings; a server that is still starting is waited for.

    :raises Unusable: if there is no connection.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _new_enough(_connect(address, **more))
        except psycopg.OperationalError as problem:
            if time.monotonic() > deadline or not any(word in str(problem) for word in _STARTING):
                raise Unusable(str(database_errors.explain(problem, address=setting))) from None
            time.sleep(0.2)


def _new_enough(connection: "psycopg.Connection[Any]") -> "psycopg.Connection[Any]":
    (oldest,) = django.db.connection.features.minimum_database_version or (0,)
    version = connection.info.server_version
    if version >= oldest * 10_000:
        return connection
    connection.close()
    raise Unusable(
        f"PostgreSQL {oldest} or later is required (found {version // 10_000}.{version % 10_000})."
    )


def _connect(address: Address, **more: Any) -> "psycopg.Connection[Any]":
    options = {name: value for name, value in address["OPTIONS"].items() if isinstance(value, str)}
    parts = {
        "dbname": address["NAME"], "user": address["USER"], "password": address["PASSWORD"],
        "host": address["HOST"], "port": address["PORT"],
    }  # fmt: skip
    given = {name: value for name, value in (options | parts | more).items() if value}
    return psycopg.connect(autocommit=True, connect_timeout=5, **given)


@contextmanager
def one_at_a_time(connection: "psycopg.Connection[Any]", say: Say) -> Iterator[None]:
    """Hold a lock of the database as long as the block runs."""
    has_said = False
    # Asked again and again, since a wait in the server would meet the owner's lock_timeout.
    while connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone() != (True,):
        if not has_said:
            say("Waiting for another prepare_database ...")
            has_said = True
        time.sleep(0.2)
    try:
        yield
    finally:
        # A connection that broke has let go of it.
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def make(*, admin: Address, owner: Address, app: Address, owner_creates_databases: bool, say: Say) -> None:
    """
    Make the roles and the database of ``owner`` and ``app`` where they are missing.

    :raises Unusable: if something of that name is there and cannot be used as it is.
    """
    _refuse_contradictions(owner, app)
    with connect(admin, setting="DATABASE_ADMIN_URL", patience_s=START_SECONDS) as connection:
        try:
            with one_at_a_time(connection, say):
                _make_roles(connection, owner, app, owner_creates_databases)
                is_new = _make_database(connection, owner)
                _grant_connect(owner, app, is_new=is_new)
        except errors.InsufficientPrivilege as problem:
            raise Unusable(
                f"The role in DATABASE_ADMIN_URL lacks a right ({database_errors.first_line(problem)}): use a"
                " superuser, or a role with CREATEROLE and CREATEDB."
            ) from None
        except psycopg.Error as problem:
            raise Unusable(
                f"The database's roles could not be made; it said: {database_errors.first_line(problem)}"
            ) from None


def set_timeouts(app: Address) -> None:
    """
    Let every session of the product's role in its database begin with ``TIMEOUTS``; elsewhere the role is as it was.

    :raises Unusable: if there is no connection.
    """
    with connect(app, setting="DATABASE_URL") as connection:
        (database,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        for name, value in TIMEOUTS.items():
            # A role may set its own: no other one is needed.
            connection.execute(
                sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(database), sql.Identifier(name), sql.Literal(value)
                )
            )


def _refuse_contradictions(owner: Address, app: Address) -> None:
    if not (owner["USER"] and app["USER"] and owner["PASSWORD"] and app["PASSWORD"]):
        raise Unusable("DATABASE_URL and DATABASE_OWNER_URL must both name a role and its password.")
    if owner["USER"] == app["USER"]:
        raise Unusable(
            "DATABASE_URL and DATABASE_OWNER_URL name the same role: the product's must own nothing."
        )
    # Hosts and ports may differ: the product may go through a pooler.
    if owner["NAME"] != app["NAME"]:
        raise Unusable("DATABASE_URL and DATABASE_OWNER_URL name different databases.")


def _make_roles(connection: "psycopg.Connection[Any]", owner: Address, app: Address, creates: bool) -> None:
    # Both are looked at before one is made: a refusal leaves everything as it was.
    roles = [
        (_look_at(connection, address, setting), address, rights)
        for address, setting, rights in (
            (owner, "DATABASE_OWNER_URL", "CREATEDB" if creates else "NOCREATEDB"),
            (app, "DATABASE_URL", "NOCREATEDB"),
        )
    ]
    is_superuser = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone() == (True,)
    # Who is no superuser may not even say NO to what only a superuser gives; NO is the default.
    narrow = "NOSUPERUSER NOBYPASSRLS NOREPLICATION" if is_superuser else ""
    for role, address, rights in roles:
        if not role.exists:
            # Hashed here: a server that logs statements logs no password.
            password = connection.pgconn.encrypt_password(address["PASSWORD"].encode(), role.name.encode())
            statement = sql.SQL("CREATE ROLE {} LOGIN NOCREATEROLE {} PASSWORD {}").format(
                sql.Identifier(role.name), sql.SQL(f"{rights} {narrow}"), sql.Literal(password.decode())
            )
            connection.execute(statement)


def _look_at(connection: "psycopg.Connection[Any]", address: Address, setting: str) -> _Role:
    """
    Return what there is of a role.

    :raises Unusable: if it is there, and has another password or too many rights.
    """
    found = connection.execute(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [address["USER"]]
    ).fetchone()
    role = _Role(address["USER"], found is not None, bool(found and found[0]))
    if role.is_powerful:
        raise Unusable(
            f"The role {role.name} in {setting} is a superuser or bypasses row-level security: name a plain role."
        )
    if role.exists:
        _refuse_other_password(connection, address, setting)
    return role


def _refuse_other_password(connection: "psycopg.Connection[Any]", address: Address, setting: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [address["NAME"]]).fetchone()
    place = address["NAME"] if known else connection.info.dbname
    try:
        _connect(address, dbname=place).close()
    except psycopg.OperationalError as problem:
        # The password was right where only the database refuses.
        if "permission denied for database" not in str(problem):
            raise Unusable(
                f"The role {address['USER']} exists and cannot log in by {setting}"
                f" ({database_errors.first_line(problem)}): put its password there, or name another role; an existing"
                " role is never changed, since another installation may use it."
            ) from None


def _make_database(connection: "psycopg.Connection[Any]", owner: Address) -> bool:
    """Return whether it was made just now."""
    name, role = owner["NAME"], owner["USER"]
    held_by = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    if held_by and held_by[0] != role:
        raise Unusable(
            f"The database {name} belongs to {held_by[0]} and not to {role}: name another database, or give it away"
            f' with ALTER DATABASE "{name}" OWNER TO "{role}".'
        )
    if not held_by:
        with _member_of(connection, role):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(role)
                )
            )
    return not held_by


@contextmanager
def _member_of(connection: "psycopg.Connection[Any]", role: str) -> Iterator[None]:
    """Make databases in another role's name: who is no superuser must be a member of it for that moment."""
    may = connection.execute("SELECT pg_has_role(current_user, %s, 'SET')", [role]).fetchone() == (True,)
    if not may:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    try:
        yield
    finally:
        if not may:
            connection.execute(
                sql.SQL("REVOKE {} FROM CURRENT_USER GRANTED BY CURRENT_USER").format(sql.Identifier(role))
            )


def _grant_connect(owner: Address, app: Address, *, is_new: bool) -> None:
    """Let the two roles in; into a database that was made just now nobody else."""
    with connect(owner, setting="DATABASE_OWNER_URL") as connection:
        name, role = sql.Identifier(owner["NAME"]), sql.Identifier(app["USER"])
        if is_new:
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, role))
