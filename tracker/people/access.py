"""
Who is asking, and whom they may see: read from the database at every request, never from a token.

``enter`` sets the walls of the transaction (``lib.walls``) and returns the ``Viewer``. ``open_chart`` is the
only way of staff to a patient.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from tracker.audit import actions as audit
from tracker.people import policy
from tracker.people.models import Patient
from tracker.people.policy import Action, Category, Relation

_BIT = {category: 2**place for place, category in enumerate(Category)}
_ON_TEAM = 2 ** len(Category)


CAREGIVER = "CAREGIVER"


class NotYoursError(Exception):
    """There is no such patient, or not for you. The two cannot be told apart."""


class NobodyError(Exception):
    """The person is unknown, switched off, or belongs to no clinic."""


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """The one patient whose chart a clinician holds open without being on the team, and until when."""

    patient_id: UUID
    until: datetime


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
    # Whom this person has to do with, and what each of them shares: a bit for each of ``Category``, in its order.
    shared: Mapping[UUID, int]
    password_hash: str
    glass: BrokenGlass | None = None
    # Of the session that the request came with; the doors fill them in.
    authenticated_at: datetime | None = None
    device_id: UUID | None = None

    is_authenticated = True

    @property
    def patients(self) -> Collection[UUID]:
        """Whom this person has to do with, whatever they share."""
        return self.shared.keys()

    @property
    def caseload(self) -> Collection[UUID]:
        """The patients of this person's teams: without one whose chart is open in an emergency."""
        return [patient_id for patient_id, bits in self.shared.items() if bits & _ON_TEAM]

    def relation_to(self, patient_id: UUID) -> Relation | None:
        """Return what this person is to the patient; None if they have nothing to do with each other."""
        if patient_id not in self.shared:
            return None
        if patient_id == self.patient_id:
            return Relation.SELF
        if self.role == CAREGIVER:
            return Relation.CAREGIVER
        if self.shared[patient_id] & _ON_TEAM:
            return Relation.TEAM
        return Relation.BREAK_GLASS if self.holds_glass(patient_id) else Relation.ANSWERS

    def sees(self, patient_id: UUID, category: Category) -> bool:
        """Return whether the patient shares ``category`` with this person."""
        return bool(self.shared.get(patient_id, 0) & _BIT[category])

    def seen_of(self, patient_id: UUID) -> frozenset[Category]:
        """Return what the patient shares with this person."""
        return frozenset(category for category in Category if self.sees(patient_id, category))

    def holds_glass(self, patient_id: UUID) -> bool:
        """Return whether the patient's chart is open to this person by broken glass."""
        return self.glass is not None and self.glass.patient_id == patient_id

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
    clinic_id, role, name, staff_id, patient_id, zone, patients, shared, glass, until, password_hash = row
    return Viewer(
        user_id=user_id,
        clinic_id=clinic_id,
        role=role,
        name=name,
        staff_id=staff_id,
        patient_id=patient_id,
        zone=zone,
        shared=dict(zip(patients or (), shared or (), strict=True)),
        password_hash=password_hash,
        glass=BrokenGlass(glass, until) if glass else None,
    )


def signed_in(viewer: Viewer, *, authenticated_at: datetime | None, device_id: UUID | None) -> Viewer:
    """Return the viewer with what the server knows of the session that they come with."""
    return replace(viewer, authenticated_at=authenticated_at, device_id=device_id)


def open_chart(
    viewer: Viewer,
    patient_id: UUID,
    *,
    why: str,
    at: datetime,
    action: Action = Action.OPEN_CHART,
    categories: Collection[Category] = (),
) -> Patient:
    """
    Return the patient if the viewer may do ``action`` with them, and leave a trace. ``why`` names the page or route.

    ``categories`` are what the chart is opened for: at least one of them must be shared. Without any it is opened
    for what does not depend on consent: who the patient is, and their alerts.

    :raises NotYoursError: if there is no such patient for this viewer, or none of it is shared.
    """
    relation = viewer.relation_to(patient_id)
    if relation is None or not policy.allows(viewer.role, relation, action):
        raise NotYoursError
    shared = viewer.seen_of(patient_id).intersection(categories)
    seen = sorted(each for each in shared if policy.allows(viewer.role, relation, action, each))
    if categories and not seen:
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
        detail={"categories": seen, "glass": True}
        if viewer.holds_glass(patient_id)
        else {"categories": seen},
    )
    return patient
