"""What only the owner of the database can do: change a byte of an encrypted text, refuse audit events."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connections

_FLIP = "ciphertext = set_byte(ciphertext, 20, get_byte(ciphertext, 20) # 1)"


@contextmanager
def _as_owner(live: Any, table: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection for which triggers and row-level security of ``table`` do not count."""
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as connection:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        yield connection
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def run(live: Any, table: str, statement: str, *values: Any) -> list[Any]:
    """Run one statement on ``table``; return its rows."""
    with _as_owner(live, table) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def flip_a_byte(live: Any, table: str, where: str = "true", *values: Any) -> bytes:
    """Change one bit of one encrypted text; return the bytes that stand there now."""
    rows = run(live, table, f"UPDATE {table} SET {_FLIP} WHERE {where} RETURNING ciphertext", *values)
    assert len(rows) == 1
    return bytes(rows[0][0])


@contextmanager
def audit_refused(live: Any, statement: str, undo: str) -> Iterator[None]:
    """Let the database refuse audit events in this block."""
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(statement)
        try:
            yield
        finally:
            connection.execute(undo)


@contextmanager
def locked_tables(live: Any, like: str = "%") -> Iterator[None]:
    """Hold a lock on every table, or those whose names are ``like`` it, behind which nobody reads or writes."""
    tables = (
        "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
        f" WHERE schemaname = 'public' AND tablename LIKE '{like}'"
    )
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as holder:
        holder.execute(
            f"DO $$ BEGIN EXECUTE 'LOCK TABLE ' || ({tables}) || ' IN ACCESS EXCLUSIVE MODE'; END $$"
        )
        yield
        holder.rollback()


def application_role() -> str:
    """The name of the role that the product connects as."""
    return str(connections["default"].settings_dict["USER"])
