"""
Who is asking, and whom they may see: read from the database at every request, never from a token.

``load_principal`` sets the row-security context of the transaction (``lib.rls``) and returns the ``Principal``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.access.policy import Category, Relation
from tracker.audit import actions as audit
from tracker.clinics.errors import NotFoundOrHidden

_BIT = {category: 2**place for place, category in enumerate(Category)}
_ON_TEAM = 2 ** len(Category)
_MAY_WRITE = 2 * _ON_TEAM

CAREGIVER = "CAREGIVER"


class InactiveUser(Exception):
    """The person is unknown, switched off, or belongs to no clinic."""


@dataclass(frozen=True, slots=True)
class OpenBreakGlass:
    """The one patient whose chart a clinician holds open without being on the team, and until when."""

    patient_id: UUID
    until: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who has signed in, with the rights they hold in this transaction."""

    user_id: UUID
    clinic_id: UUID
    role: str
    name: str
    staff_id: UUID | None
    patient_id: UUID | None
    time_zone: str
    # Whom this person has to do with, and what each of them shares: a bit for each of ``Category``, in its order.
    visibility: Mapping[UUID, int]
    password_hash: str
    break_glass: OpenBreakGlass | None = None
    # Of the session that the request came with; the entry points fill them in.
    authenticated_at: datetime | None = None
    device_id: UUID | None = None

    is_authenticated = True

    @property
    def patients(self) -> Collection[UUID]:
        """Whom this person has to do with, whatever they share."""
        return self.visibility.keys()

    @property
    def caseload(self) -> Collection[UUID]:
        """The patients of this person's teams: without one whose chart is open in an emergency."""
        return [patient_id for patient_id, bits in self.visibility.items() if bits & _ON_TEAM]

    def relation_to(self, patient_id: UUID) -> Relation | None:
        """Return what this person is to the patient; None if they have nothing to do with each other."""
        if patient_id not in self.visibility:
            return None
        if patient_id == self.patient_id:
            return Relation.SELF
        if self.is_caregiver:
            writes = self.visibility[patient_id] & _MAY_WRITE
            return Relation.WRITING_CAREGIVER if writes else Relation.CAREGIVER
        if self.visibility[patient_id] & _ON_TEAM:
            return Relation.TEAM
        return Relation.BREAK_GLASS if self.has_break_glass(patient_id) else Relation.ALERT_RESPONDER

    def can_see(self, patient_id: UUID, category: Category) -> bool:
        """Return whether the patient shares ``category`` with this person."""
        return bool(self.visibility.get(patient_id, 0) & _BIT[category])

    def visible_categories(self, patient_id: UUID) -> frozenset[Category]:
        """Return what the patient shares with this person."""
        return frozenset(category for category in Category if self.can_see(patient_id, category))

    def has_break_glass(self, patient_id: UUID) -> bool:
        """Return whether the patient's chart is open to this person in an emergency."""
        return self.break_glass is not None and self.break_glass.patient_id == patient_id

    @property
    def lacks_device(self) -> bool:
        """Whether this is a patient whose sign-in belongs to no phone yet: it pairs, and opens nothing else."""
        return self.is_patient and self.device_id is None

    @property
    def is_patient(self) -> bool:
        return self.patient_id is not None

    @property
    def is_caregiver(self) -> bool:
        return self.role == CAREGIVER

    @property
    def is_staff(self) -> bool:
        """Whether this person acts as a member of staff, who has shown a second factor; a caregiver need not."""
        return self.staff_id is not None

    @property
    def own_patient_id(self) -> UUID:
        """
        The patient that this person is.

        :raises NotFoundOrHidden: for staff, who have no record of their own.
        """
        if self.patient_id is None:
            raise NotFoundOrHidden
        return self.patient_id

    @property
    def actor(self) -> str:
        """How the audit names this person."""
        return f"user/{self.user_id}"

    def audit(
        self,
        action: str,
        subject: object,
        *,
        at: datetime,
        patient_id: UUID | None = None,
        patients: Collection[UUID] = (),
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an audit event of what this person does, in the chain of their clinic."""
        audit.record_event(
            actor=self.actor, action=action, subject=str(subject), clinic_id=self.clinic_id, patient_id=patient_id,
            patients=patients, at=at, detail=detail,
        )  # fmt: skip


def load_principal(user_id: UUID, at: datetime, role_id: UUID | None = None) -> Principal:
    """
    Set the row-security context of this transaction to what ``user_id`` may see at ``at``, and say who they are.

    ``role_id`` is the patient, staff member or caregiver that they act as; None: the first of these that they are.

    One statement: the function ``access_set_context`` (``sql/set_context.sql``) reads role, teams and patients and
    fixes them for the transaction.

    :raises InactiveUser: if nobody active is meant, or they are not (any more) what ``role_id`` names.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("row security needs a transaction: its context ends with it")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM access_set_context(%s, %s, %s)", [user_id, at, role_id])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        raise InactiveUser
    (
        clinic_id,
        role,
        name,
        staff_id,
        patient_id,
        time_zone,
        patients,
        visibility,
        opened,
        until,
        password_hash,
    ) = row
    return Principal(
        user_id=user_id,
        clinic_id=clinic_id,
        role=role,
        name=name,
        staff_id=staff_id,
        patient_id=patient_id,
        time_zone=time_zone,
        visibility=dict(zip(patients or (), visibility or (), strict=True)),
        password_hash=password_hash,
        break_glass=OpenBreakGlass(opened, until) if opened else None,
    )


def with_session(
    principal: Principal, *, authenticated_at: datetime | None, device_id: UUID | None
) -> Principal:
    """Return the principal with what the server knows of the session that they come with."""
    return replace(principal, authenticated_at=authenticated_at, device_id=device_id)
