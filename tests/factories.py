"""Makers of rows and of what a phone sends. They fill in what a test does not care about."""

import os
import random
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import models, transaction

from tracker.access import caregivers, consent
from tracker.access.models import Caregiver
from tracker.access.policy import EVERYTHING, Category
from tracker.access.principal import load_principal, with_session
from tracker.accounts.models import AccountKind, User
from tracker.clinics.models import CareTeam, Clinic, Patient, Role, StaffMember, TeamMembership
from tracker.lib import rls
from tracker.records.models import Observation

# In the environment too: the processes of one run have one seed.
SEED = int(os.environ.setdefault("TEST_SEED", str(random.SystemRandom().randrange(10**6))))
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG_AGO = MONDAY - timedelta(days=4000)
ZONE = "Europe/Amsterdam"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class World:
    """The actors. Ben and Dan look after Ada; Cleo works at the same clinic, Finn at another; Eve administers."""

    clinic: Clinic
    team: CareTeam
    ada: Patient
    bea: Patient
    ben: StaffMember
    dan: StaffMember
    cleo: StaffMember
    eve: StaffMember
    other_clinic: Clinic
    finn: StaffMember
    gus: Patient


@cache
def _hashed() -> str:
    """The password as Argon2 keeps it, made once: it is slow on purpose."""
    return make_password(PASSWORD)


def user(name: str, kind: AccountKind = AccountKind.STAFF) -> User:
    address = f"{name}-{uuid.uuid4().hex[:8]}@example.org"
    return User.objects.create(email=address, password=_hashed(), kind=kind)


def clinic(**more: Any) -> Clinic:
    return Clinic.objects.create(
        **{"name": "Riverside", "time_zone": ZONE, "crisis_text": "Call 113.", "patients_see_summaries": True}
        | more
    )


def team(of: Clinic, name: str) -> CareTeam:
    with rls.as_clinic(of.pk):
        return CareTeam.objects.create(clinic_id=of.pk, name=name)


def staff(of: Clinic, name: str, role: Role = Role.CLINICIAN, *, on: CareTeam | None = None) -> StaffMember:
    with rls.as_clinic(of.pk):
        member = StaffMember.objects.create(clinic_id=of.pk, user=user(name), name=name.title(), role=role)
        if on:
            TeamMembership.objects.create(clinic_id=of.pk, team=on, staff_member=member, starts_at=LONG_AGO)
    return member


def patient(
    of: Clinic, name: str, on: CareTeam, *, shares: Collection[Category] = EVERYTHING, **more: Any
) -> Patient:
    """A patient who shares everything with their team, or what is named."""
    with rls.as_clinic(of.pk):
        made = Patient.objects.create(
            **{
                "clinic_id": of.pk,
                "user": user(name, AccountKind.PATIENT),
                "care_team": on,
                "name": name.title(),
                "time_zone": ZONE,
                "enrolled_on": date(2026, 1, 5),
            }
            | more
        )
    if made.user_id:  # who has not come in yet has said nothing
        share(made, on, shares)
    return made


def share(
    patient: Patient, team: CareTeam, categories: Collection[Category], at: datetime = LONG_AGO
) -> None:
    """Let the patient show exactly these categories to the team, as she would in the app; forget the context."""
    assert patient.user_id
    principal = with_session(load_principal(patient.user_id, at), authenticated_at=at, device_id=None)
    consent.set_consent(
        principal=principal,
        wanted={team.pk: categories},
        text_version=1,
        base_version=consent.current_version(patient.pk),
        at=at,
    )
    rls.reset()


def caregiver(
    patient: Patient,
    user: User,
    *categories: Category,
    at: datetime = MONDAY,
    ends_at: datetime | None = None,
    may_write: bool = False,
) -> Caregiver:
    """Invite somebody to see categories of the patient's record, and accept as them; forget the context."""
    assert patient.user_id
    with transaction.atomic():
        invited, code = caregivers.invite(
            principal=load_principal(patient.user_id, at), name=user.email.partition("-")[0].title(),
            categories=categories, at=at, ends_at=ends_at, may_write=may_write,
        )  # fmt: skip
        rls.reset()
        caregivers.accept_with_account(user_id=user.pk, code=code, at=at)
        rls.reset()
    return invited


def world(shares: Collection[Category] = EVERYTHING) -> World:
    """The actors; each patient shares everything with their team, or what is named."""
    here, there = clinic(), clinic(name="Hillside")
    north, south = team(here, "North"), team(here, "South")
    theirs = team(there, "Team")
    return World(
        clinic=here,
        team=north,
        ada=patient(here, "ada", north, shares=shares),
        bea=patient(here, "bea", south, shares=shares),
        ben=staff(here, "ben", on=north),
        dan=staff(here, "dan", Role.COORDINATOR, on=north),
        cleo=staff(here, "cleo", on=south),
        eve=staff(here, "eve", Role.ADMINISTRATOR),
        other_clinic=there,
        finn=staff(there, "finn", on=theirs),
        gus=patient(there, "gus", theirs, shares=shares),
    )


def rename_measure(observations: models.QuerySet[Observation], measure: str) -> int:
    """Put observations under another measure, which is a part of their key; return how many."""
    rows = list(observations)
    observations.delete()
    for row in rows:
        row.measure = measure
    return len(Observation.objects.bulk_create(rows))


def record(kind: str, data: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """One record as a phone sends it."""
    body: dict[str, Any] = {
        "kind": kind,
        "id": str(uuid.uuid4()),
        "revision": 1,
        "recorded_at": MONDAY.isoformat(),
        "time_zone": ZONE,
    }
    if data is not None:
        body["data"] = data
    return body | more


def pain(intensity: Any = 6, **more: Any) -> dict[str, Any]:
    return record("pain", {"intensity": intensity}, **more)


def daily(**items: Any) -> dict[str, Any]:
    return record("daily", items or {"mood": 5, "pain_avg": 4})


PHQ9_ITEMS = (
    "/44250-9", "/44255-8", "/44259-0", "/44254-1", "/44251-7", "/44258-2", "/44252-5", "/44253-3", "/44260-8",
)  # fmt: skip


def phq9(values: Sequence[int | None] | None = None, **more: Any) -> dict[str, Any]:
    """A PHQ-9; ``values`` are the nine items in the questionnaire's order, None is not answered."""
    given = values or [1, 1, 1, 1, 1, 1, 1, 1, 0]
    answers = {item: value for item, value in zip(PHQ9_ITEMS, given, strict=True) if value is not None}
    data = {"instrument": "phq-9", "version": "1999", "answers": answers, "status": "complete"}
    return record("response", data, **more)


def batch(*records: dict[str, Any], key: str | None = None, device: str | None = None) -> dict[str, Any]:
    """A push body."""
    return {
        "key": key or uuid.uuid4().hex,
        "device": device or str(uuid.uuid4()),
        "records": list(records),
    }
