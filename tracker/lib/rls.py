"""
Row-level security: the database's own net under the application's checks.

A transaction carries a context, set with ``SET LOCAL`` semantics so that it dies with the transaction:

``app.person``    who acts (user id)
``app.clinic``    the clinic, from the database, never from the request
``app.own_patient`` the patient whose whole record is open: to the patient, or to a worker's job on that patient
``app.teams``     the care teams of a member of staff
``app.patients``  the patients with whom the person has to do: who they are, their alerts
``app.pain`` ...  one for each category: the patients of whom the person may see it
``app.writable``  the patients in whose record a caregiver may write, in the categories that are shared with them
``app.role``      what the person is: some rows are for those who treat, or for the privacy officer
``app.invitation`` the keyed hash of an invitation's code, of somebody who is nobody yet
``app.scope``     ``clinic`` for a worker's job that goes through one clinic, ``audit`` for one that reads the
                  heads of all clinics' audit chains; empty otherwise

No context means no rows. Conditions compare with values fixed for the transaction; the sub-selects make PostgreSQL read
each setting once per statement, not once per row. Models state their policy in ``Meta.constraints``
(``lib.table_constraints``); conditions on a patient's rows stand in ``clinics.rls``, those on what a patient shares in
``access.rls``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.db import connection
from psycopg.pq import TransactionStatus

from tracker.lib.table_constraints import RowLevelSecurity

# Lists of patients: whom the person has to do with, and one for each category (``access.policy.Category``).
LISTS = ("patients", "pain", "mood", "medication", "journal", "visits", "treatment")
SETTINGS = ("person", "clinic", "own_patient", "teams", *LISTS, "writable", "role", "invitation", "scope")
_SET = ", ".join(f"set_config('app.{name}', %s, true)" for name in SETTINGS)

IN_CLINIC = "clinic_id = (SELECT NULLIF(current_setting('app.clinic', true), '')::uuid)"
CLINIC_SCOPE = "(SELECT current_setting('app.scope', true) = 'clinic')"
AUDIT_SCOPE = "(SELECT current_setting('app.scope', true) = 'audit')"
PERSON = "(SELECT NULLIF(current_setting('app.person', true), '')::uuid)"
OWN_PATIENT = "(SELECT NULLIF(current_setting('app.own_patient', true), '')::uuid)"
IS_PRIVACY_OFFICER = "(SELECT current_setting('app.role', true) = 'PRIVACY_OFFICER')"
IS_CLINICAL = "(SELECT current_setting('app.role', true) IN ('CLINICIAN', 'COORDINATOR'))"
CLINIC_JOB = f"{IN_CLINIC} AND {CLINIC_SCOPE}"
OWN_USER = f"user_id = {PERSON}"


def listed(name: str) -> str:
    """SQL: the ids in a comma-separated setting, as an array read once per statement."""
    assert name in SETTINGS
    return f"((SELECT string_to_array(NULLIF(current_setting('app.{name}', true), ''), ',')::uuid[])::uuid[])"


def clinic_jobs_write(read: str = IN_CLINIC) -> RowLevelSecurity:
    """Row-level security: rows are read where ``read`` holds, and written by a clinic's own jobs only."""
    return RowLevelSecurity(
        name="%(class)s_rls", read=read, insert=CLINIC_JOB, update=CLINIC_JOB, delete=CLINIC_JOB
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
        raise RuntimeError("row-level security needs a transaction: its context ends with it")
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
    with context(clinic=str(clinic_id), own_patient=patient, **dict.fromkeys(LISTS, patient)):
        yield


@contextmanager
def as_audit_reader() -> Iterator[None]:
    """Read the heads of all clinics' audit chains. Must be inside a transaction."""
    with context(scope="audit"):
        yield


def current() -> dict[str, str]:
    """Return the context of this transaction, so that it can be worked in again: ``context(**current())``."""
    reads = ", ".join(f"coalesce(current_setting('app.{name}', true), '')" for name in SETTINGS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {reads}")
        return dict(zip(SETTINGS, cursor.fetchone(), strict=True))


def reset() -> None:
    """Forget the context before the transaction ends (a second person in one transaction: tests)."""
    _apply([""] * len(SETTINGS))
