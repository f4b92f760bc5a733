"""
Row-level security: the database's own net under the application's checks.

A transaction carries a context, set with ``SET LOCAL`` semantics so that it dies with the transaction:

``app.person``    who acts (user id)
``app.clinic``    the clinic, from the database, never from the request
``app.teams``     the care teams of a member of staff
``app.patients``  the patients whose records may be read and written
``app.reach``     ``clinic`` for a worker's job that goes through one clinic, ``trail`` for one that reads the
                  heads of all clinics' audit chains; empty otherwise

No context means no rows. Policies compare with values fixed for the transaction; the sub-selects make
PostgreSQL read each setting once per statement, not once per row.

Migrations use ``by_clinic(table)`` for tables with a ``clinic_id`` and ``by_patient(table)`` for tables
with ``clinic_id`` and ``patient_id``; the latter also ties both to the same row of ``people_patient``,
since foreign-key checks ignore row security. Where a person may read more than they may write, as with the
messages and the staff of their clinic, ``protect_each(table, ...)`` gives every command its own condition.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection
from django.db.migrations.operations import RunSQL
from psycopg.pq import TransactionStatus

CLINIC = "clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid)"
WHOLE_CLINIC = "(SELECT current_setting('app.reach', true) = 'clinic')"
WHOLE_TRAIL = "(SELECT current_setting('app.reach', true) = 'trail')"
PERSON = "(SELECT NULLIF(current_setting('app.person', true), '')::uuid)"
ON_A_TEAM = "(SELECT NULLIF(current_setting('app.teams', true), '') IS NOT NULL)"
CLINIC_JOB = f"{CLINIC} AND {WHOLE_CLINIC}"


def _listed(setting: str) -> str:
    """SQL: the ids in a comma-separated setting, as an array read once per statement."""
    return f"((SELECT string_to_array(NULLIF(current_setting('{setting}', true), ''), ',')::uuid[])::uuid[])"


PATIENTS = _listed("app.patients")
TEAMS = _listed("app.teams")


def protect(table: str, condition: str) -> RunSQL:
    """A migration step: rows of ``table`` can be read and written only where ``condition`` holds."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY wall ON {table} USING ({condition}) WITH CHECK ({condition});
        """,
        f"""
        DROP POLICY wall ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def protect_each(table: str, *, read: str, insert: str, update: str, delete: str) -> RunSQL:
    """
    A migration step: each command on ``table`` has the condition under which it touches a row.

    What is changed must also be readable, before and after: PostgreSQL asks ``read`` as well. So do ``RETURNING``
    and ``ON CONFLICT (columns)`` of an insert.
    """
    return RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY wall_read ON {table} FOR SELECT USING ({read});
        CREATE POLICY wall_insert ON {table} FOR INSERT WITH CHECK ({insert});
        CREATE POLICY wall_update ON {table} FOR UPDATE USING ({update}) WITH CHECK ({update});
        CREATE POLICY wall_delete ON {table} FOR DELETE USING ({delete});
        """,
        f"""
        DROP POLICY wall_delete ON {table};
        DROP POLICY wall_update ON {table};
        DROP POLICY wall_insert ON {table};
        DROP POLICY wall_read ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def kept_by_clinic(table: str, read: str = CLINIC) -> RunSQL:
    """A migration step: rows of ``table`` are read where ``read`` holds, and written by a clinic's own jobs only."""
    return protect_each(table, read=read, insert=CLINIC_JOB, update=CLINIC_JOB, delete=CLINIC_JOB)


def by_clinic(table: str) -> RunSQL:
    """A migration step: rows of ``table`` belong to the clinic in their ``clinic_id``."""
    return protect(table, CLINIC)


def by_patient(table: str) -> RunSQL:
    """A migration step: rows of ``table`` belong to one patient of one clinic."""
    wall = protect(table, f"{CLINIC} AND ({WHOLE_CLINIC} OR patient_id = ANY ({PATIENTS}))")
    assert isinstance(wall.sql, str)
    return RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {table}_patient_of_clinic
            FOREIGN KEY (clinic_id, patient_id) REFERENCES people_patient (clinic_id, id);
        {wall.sql}
        """,
        f"{wall.reverse_sql} ALTER TABLE {table} DROP CONSTRAINT {table}_patient_of_clinic;",
    )


def _apply(settings: Iterable[tuple[str, str]]) -> None:
    pairs = list(settings)
    calls = ", ".join(["set_config(%s, %s, true)"] * len(pairs))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [value for pair in pairs for value in pair])


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("a wall needs a transaction: its context ends with it")


def _is_broken() -> bool:
    """After an error PostgreSQL takes no statement but a rollback; and that forgets the context with it."""
    return connection.needs_rollback or (
        connection.connection.info.transaction_status == TransactionStatus.INERROR
    )


@contextmanager
def clinic(clinic_id: UUID) -> Iterator[None]:
    """Work through one clinic in a worker's job. Must be inside a transaction."""
    _require_transaction()
    _apply([("app.clinic", str(clinic_id)), ("app.reach", "clinic")])
    try:
        yield
    finally:
        if not _is_broken():
            _apply([("app.clinic", ""), ("app.reach", "")])


@contextmanager
def one_patient(clinic_id: UUID, patient_id: UUID) -> Iterator[None]:
    """Work on one patient in a worker's job. Must be inside a transaction."""
    _require_transaction()
    _apply([("app.clinic", str(clinic_id)), ("app.patients", str(patient_id)), ("app.reach", "")])
    try:
        yield
    finally:
        if not _is_broken():
            _apply([("app.clinic", ""), ("app.patients", "")])


@contextmanager
def trail() -> Iterator[None]:
    """Read the heads of all clinics' audit chains. Must be inside a transaction."""
    _require_transaction()
    _apply([("app.reach", "trail")])
    try:
        yield
    finally:
        if not _is_broken():
            _apply([("app.reach", "")])


def leave() -> None:
    """Forget the context before the transaction ends (a second person in one transaction: tests)."""
    _apply((f"app.{name}", "") for name in ("person", "clinic", "teams", "patients", "reach"))
