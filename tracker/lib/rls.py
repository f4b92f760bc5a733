"""
Row-level security: the database's own net under the application's checks.

A transaction carries a context, set with ``SET LOCAL`` semantics so that it dies with the transaction:

``app.person``    who acts (user id)
``app.clinic``    the clinic, from the database, never from the request
``app.own_patient`` the patient whose whole record is open: to the patient, or to a worker's job on that patient
``app.teams``     the care teams of a member of staff
``app.patients``  the patients with whom the person has to do: who they are, their alerts
``app.pain`` ...  one for each of ``CATEGORIES``: the patients of whom the person may see that category
``app.role``      what the person is: some rows are for those who treat, or for the privacy officer
``app.invitation`` the keyed hash of an invitation's code, of somebody who is nobody yet
``app.scope``     ``clinic`` for a worker's job that goes through one clinic, ``audit`` for one that reads the
                  heads of all clinics' audit chains; empty otherwise

No context means no rows. Policies compare with values fixed for the transaction; the sub-selects make
PostgreSQL read each setting once per statement, not once per row.

Migrations use ``by_clinic(table)`` for tables with a ``clinic_id`` and, for tables with ``clinic_id`` and
``patient_id``, what says who sees them: ``patient_only``, ``related_to_patient`` (whoever has to do with the
patient), ``by_category`` (whoever may see one category), ``by_row_category`` (each row names its category). These tie
both ids to the same row of ``clinics_patient``, since foreign-key checks ignore row security; ``same_clinic_fk`` does
so for other keys. Where a person may read more than they may write, as with the messages and the staff of their
clinic, ``policy_per_command(table, ...)`` gives every command its own condition.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.db import connection
from django.db.migrations.operations import RunSQL
from psycopg.pq import TransactionStatus

# What a patient shares, each on its own. The order is that of the bits in ``access_set_context``.
CATEGORIES = ("PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT")
_LISTS = ("patients", *(category.lower() for category in CATEGORIES))
SETTINGS = ("person", "clinic", "own_patient", "teams", *_LISTS, "role", "invitation", "scope")
_SET = ", ".join(f"set_config('app.{name}', %s, true)" for name in SETTINGS)

IN_CLINIC = "clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid)"
CLINIC_SCOPE = "(SELECT current_setting('app.scope', true) = 'clinic')"
AUDIT_SCOPE = "(SELECT current_setting('app.scope', true) = 'audit')"
PERSON = "(SELECT NULLIF(current_setting('app.person', true), '')::uuid)"
OWN_PATIENT = "(SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid)"
IS_PRIVACY_OFFICER = "(SELECT current_setting('app.role', true) = 'PRIVACY_OFFICER')"
IS_CLINICAL = "(SELECT current_setting('app.role', true) IN ('CLINICIAN', 'COORDINATOR'))"
CLINIC_JOB = f"{IN_CLINIC} AND {CLINIC_SCOPE}"


def _listed(setting: str) -> str:
    """SQL: the ids in a comma-separated setting, as an array read once per statement."""
    return f"((SELECT string_to_array(NULLIF(current_setting('{setting}', true), ''), ',')::uuid[])::uuid[])"


PATIENTS = _listed("app.patients")
TEAMS = _listed("app.teams")


def shared(category: str) -> str:
    """SQL: the patient of this row shares ``category`` with whoever asks."""
    assert category in CATEGORIES
    return f"patient_id = ANY ({_listed(f'app.{category.lower()}')})"


def _shared_by_row() -> str:
    cases = " ".join(f"WHEN '{category}' THEN {shared(category)}" for category in CATEGORIES)
    return f"CASE category {cases} ELSE false END"


SHARED_BY_ROW = _shared_by_row()


def policy(table: str, condition: str) -> RunSQL:
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


def policy_per_command(table: str, *, read: str, insert: str, update: str, delete: str) -> RunSQL:
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


def clinic_jobs_write(table: str, read: str = IN_CLINIC) -> RunSQL:
    """A migration step: rows of ``table`` are read where ``read`` holds, and written by a clinic's own jobs only."""
    return policy_per_command(table, read=read, insert=CLINIC_JOB, update=CLINIC_JOB, delete=CLINIC_JOB)


def by_clinic(table: str) -> RunSQL:
    """A migration step: rows of ``table`` belong to the clinic in their ``clinic_id``."""
    return policy(table, IN_CLINIC)


def same_patient_fk(table: str, wall: RunSQL) -> RunSQL:
    """A migration step: ``wall``, and ``clinic_id`` and ``patient_id`` name one patient of that clinic."""
    return RunSQL(
        f"""
        ALTER TABLE {table} ADD CONSTRAINT {table}_patient_of_clinic
            FOREIGN KEY (clinic_id, patient_id) REFERENCES clinics_patient (clinic_id, id);
        {wall.sql}
        """,
        f"{wall.reverse_sql} ALTER TABLE {table} DROP CONSTRAINT {table}_patient_of_clinic;",
    )


def visible_to(table: str, whom: str) -> RunSQL:
    """A migration step: rows of ``table`` are a patient's; the clinic's jobs and ``whom`` (SQL) reach them."""
    return same_patient_fk(table, policy(table, f"{IN_CLINIC} AND ({CLINIC_SCOPE} OR {whom})"))


def related_to_patient(table: str) -> RunSQL:
    """A migration step: rows of ``table`` are open to whoever has to do with their patient."""
    return visible_to(table, f"patient_id = ANY ({PATIENTS})")


def team_only(table: str) -> RunSQL:
    """A migration step: rows of ``table`` are open to their patient and to those who treat them, no caregivers."""
    return visible_to(
        table, f"patient_id = {OWN_PATIENT} OR ({IS_CLINICAL} AND patient_id = ANY ({PATIENTS}))"
    )


def patient_only(table: str) -> RunSQL:
    """A migration step: rows of ``table`` are open to their patient alone."""
    return visible_to(table, f"patient_id = {OWN_PATIENT}")


def by_category(table: str, category: str) -> RunSQL:
    """A migration step: rows of ``table`` are all of one category of what a patient shares."""
    return visible_to(table, shared(category))


def by_row_category(table: str) -> RunSQL:
    """A migration step: each row of ``table`` says in ``category`` what it is of what a patient shares."""
    return visible_to(table, SHARED_BY_ROW)


def same_clinic_fk(table: str, column: str, to: str) -> RunSQL:
    """A migration step: what ``column`` points at in ``to`` belongs to the same clinic as the row."""
    name = f"{table.partition('_')[2]}_{column.removesuffix('_id')}_of_clinic"
    return RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (clinic_id, {column})"
        f" REFERENCES {to} (clinic_id, id) DEFERRABLE INITIALLY DEFERRED;",
        f"ALTER TABLE {table} DROP CONSTRAINT {name};",
    )


def _is_broken() -> bool:
    """After an error PostgreSQL takes no statement but a rollback; and that forgets the context with it."""
    return connection.needs_rollback or (
        connection.connection.info.transaction_status == TransactionStatus.INERROR
    )


@contextmanager
def context(**context: str) -> Iterator[None]:
    """
    Work in another context (``SETTINGS`` by name), then go back to the one before. Must be inside a transaction.

    One statement each way: PostgreSQL works through the columns from left to right, so what was set is read
    before it is replaced.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a wall needs a transaction: its context ends with it")
    assert context.keys() <= set(SETTINGS), context.keys()
    wanted = dict.fromkeys(SETTINGS, "") | context
    reads = ", ".join(f"coalesce(current_setting('app.{name}', true), '')" for name in SETTINGS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {reads}, {_SET}", [wanted[name] for name in SETTINGS])
        before = cursor.fetchone()
    try:
        yield
    finally:
        if not _is_broken():
            _apply(before)


def _apply(values: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_SET}", values[: len(SETTINGS)])


@contextmanager
def as_clinic(clinic_id: UUID) -> Iterator[None]:
    """Work through one clinic in a job of the clinic's own. Must be inside a transaction."""
    with context(clinic=str(clinic_id), scope="clinic"):
        yield


@contextmanager
def as_patient(clinic_id: UUID, patient_id: UUID) -> Iterator[None]:
    """Work on the whole record of one patient in a job of the clinic's own. Must be inside a transaction."""
    patient = str(patient_id)
    with context(clinic=str(clinic_id), own_patient=patient, **dict.fromkeys(_LISTS, patient)):
        yield


@contextmanager
def as_audit_reader() -> Iterator[None]:
    """Read the heads of all clinics' audit chains. Must be inside a transaction."""
    with context(scope="audit"):
        yield


def reset() -> None:
    """Forget the context before the transaction ends (a second person in one transaction: tests)."""
    _apply([""] * len(SETTINGS))
