"""
Who is asking, and whom they may see: read from the database at every request, never from a token.

``enter`` sets the walls of the transaction (``lib.walls``) and returns the ``Viewer``. ``open_chart`` is the
only way of staff to a patient.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from tracker.audit import actions as audit
from tracker.people.models import Patient


class NotYoursError(Exception):
    """There is no such patient, or not for you. The two cannot be told apart."""


class NobodyError(Exception):
    """The person is unknown, switched off, or belongs to no clinic."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who has signed in, with the rights they hold in this transaction."""

    user_id: UUID
    clinic_id: UUID
    role: str
    name: str
    staff_id: UUID | None
    patient_id: UUID | None
    zone: str
    patients: frozenset[UUID]
    password_hash: str
    # Of the session that the request came with; the doors fill them in.
    authenticated_at: datetime | None = None
    device_id: UUID | None = None

    is_authenticated = True

    @property
    def is_patient(self) -> bool:
        return self.patient_id is not None

    @property
    def own_patient_id(self) -> UUID:
        """
        The patient that this person is.

        :raises NotYoursError: for staff, who have no record of their own.
        """
        if self.patient_id is None:
            raise NotYoursError
        return self.patient_id

    @property
    def actor(self) -> str:
        """How the audit trail names this person."""
        return f"user/{self.user_id}"


def enter(user_id: UUID, at: datetime) -> Viewer:
    """
    Set the walls of this transaction to what ``user_id`` may see at ``at``, and say who they are.

    One statement: the function ``people_enter`` (first migration of this room) reads role, teams and
    patients and fixes them for the transaction.

    :raises NobodyError: if nobody active is meant.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a wall needs a transaction: its context ends with it")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM people_enter(%s, %s)", [user_id, at])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        raise NobodyError
    clinic_id, role, name, staff_id, patient_id, zone, patients, password_hash = row
    return Viewer(
        user_id, clinic_id, role, name, staff_id, patient_id, zone, frozenset(patients or ()), password_hash
    )


def open_chart(viewer: Viewer, patient_id: UUID, *, why: str, at: datetime) -> Patient:
    """
    Return the patient if the viewer may see them, and leave a trace. ``why`` names the page or route.

    :raises NotYoursError: if there is no such patient for this viewer.
    """
    if patient_id not in viewer.patients:
        raise NotYoursError
    patient = Patient.objects.filter(pk=patient_id).select_related("care_team").first()
    if patient is None:
        raise NotYoursError
    audit.note(
        actor=viewer.actor,
        action="chart.open",
        subject=why,
        clinic_id=viewer.clinic_id,
        patient_id=patient_id,
        at=at,
    )
    return patient
