"""One valid row of each table, written past every check of Python's, so that only the database can refuse."""

import uuid
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import models

from tests import factories
from tracker.access.models import BreakGlassAccess, Caregiver, ConsentChange
from tracker.accounts.models import FormerEmail, Session, User
from tracker.alerts.models import Alert
from tracker.clinics.models import (
    CareTeam,
    Clinic,
    DutyPeriod,
    Invitation,
    Patient,
    StaffMember,
    TeamMembership,
)
from tracker.keys.models import DataKey, MasterKey
from tracker.outbox.models import Message
from tracker.progress.models import SummaryPart
from tracker.records.kinds.daily import DailyLog
from tracker.records.kinds.journal import AccessRevocation, JournalEntry
from tracker.records.kinds.medication_use import MedicationUse
from tracker.records.kinds.pain import PainEntry
from tracker.records.kinds.plan import MergedEdit, Plan
from tracker.records.kinds.practice import PracticeEntry
from tracker.records.kinds.questionnaire import Response, Score
from tracker.records.kinds.side_effects import SideEffects
from tracker.records.kinds.sleep import SleepEntry
from tracker.records.kinds.vitals import Vitals
from tracker.records.models import DosingPeriod, FormerVersion, MeasureState, Observation
from tracker.reminders.models import CheckIn

Values = dict[str, Any]


def owned(world: factories.World) -> Values:
    return {"clinic_id": world.clinic.pk, "patient_id": world.ada.pk}


def record(world: factories.World, **data: Any) -> Values:
    """The envelope of a record and its data."""
    envelope = {
        "id": uuid.uuid4(), "revision": 1, "recorded_at": factories.MONDAY, "time_zone": factories.ZONE,
        "local_date": date(2026, 3, 2), "received_at": factories.MONDAY, "author_id": world.ada.user_id,
        "sequence": uuid.uuid4().int % 2**40, "entered_late": False, "clock_skew": "none",
        "utc_offset_minutes": 60, "zone_check": "consistent", "fingerprint": b"x" * 32,
    }  # fmt: skip
    return owned(world) | envelope | data


def of_user(world: factories.World) -> Values:
    return {"email": f"{uuid.uuid4().hex}@example.org", "kind": "staff"}


def of_former_email(world: factories.World) -> Values:
    return {
        "id": uuid.uuid4(), "user_id": world.ben.user_id, "email": "ben@former.example.org",
        "replaced_at": factories.MONDAY, "code": uuid.uuid4().bytes * 2,
    }  # fmt: skip


def of_staff_member(world: factories.World) -> Values:
    user = factories.user("new")
    return {
        "id": uuid.uuid4(), "clinic_id": world.clinic.pk, "user_id": user.pk, "name": "New", "role": "CLINICIAN",
    }  # fmt: skip


def of_team_membership(world: factories.World) -> Values:
    return {
        "clinic_id": world.clinic.pk, "team_id": world.team.pk, "staff_member_id": world.cleo.pk,
        "starts_at": factories.MONDAY, "ends_at": None,
    }  # fmt: skip


def of_patient(world: factories.World) -> Values:
    return {
        "id": uuid.uuid4(), "clinic_id": world.clinic.pk, "user_id": factories.user("new").pk, "name": "New",
        "care_team_id": world.team.pk, "time_zone": factories.ZONE, "enrolled_on": date(2026, 3, 2),
    }  # fmt: skip


def of_sign_in(world: factories.World) -> Values:
    at = {
        "began_at": factories.MONDAY,
        "seen_at": factories.MONDAY,
        "expire_date": factories.MONDAY + timedelta(days=1),
    }
    return at | {
        "session_key": uuid.uuid4().hex, "reference": uuid.uuid4(), "session_data": "x",
        "user_id": world.ada.user_id, "device_id": uuid.uuid4(),
    }  # fmt: skip


def of_invitation(world: factories.World) -> Values:
    return {
        "clinic_id": world.clinic.pk, "code": uuid.uuid4().bytes * 2, "patient_id": world.bea.pk,
        "made_at": factories.MONDAY, "expires_at": factories.MONDAY + timedelta(days=14),
    }  # fmt: skip


def of_data_key(world: factories.World) -> Values:
    MasterKey.objects.get_or_create(id="m1")
    return owned(world) | {
        "id": uuid.uuid4(), "master_key_id": "m1", "made_under": "m1", "wrapped": b"x", "made_at": factories.MONDAY,
    }  # fmt: skip


def of_response(world: factories.World) -> Values:
    return record(world, instrument="phq-9", version="1999", status="complete", answers={}, category="MOOD")


def of_medication_use(world: factories.World) -> Values:
    return record(world, medication="sertraline", outcome="taken", dose_value=Decimal(50), dose_unit="mg")


def of_score(world: factories.World) -> Values:
    return owned(world) | {
        "response_id": uuid.uuid4(), "revision": 1, "measure": "phq-9", "category": "MOOD", "instrument": "phq-9",
        "version": "1999", "scoring_version": "1", "value": 3, "answered": 9, "items": 9, "prorated": False,
        "made_at": factories.MONDAY,
    }  # fmt: skip


def of_measure_state(world: factories.World) -> Values:
    return owned(world) | {
        "measure": "pain.intensity", "category": "PAIN", "baseline_basis": "FIRST_DAYS", "last": 3,
        "last_at": factories.MONDAY, "last_on": date(2026, 3, 2), "week_mean": 3, "week_n": 1,
    }  # fmt: skip


def of_dosing_period(world: factories.World) -> Values:
    return owned(world) | {
        "session_id": uuid.uuid4(), "dosed_at": factories.MONDAY, "local_date": date(2026, 3, 2),
        "capacity_ends_at": factories.MONDAY + timedelta(hours=4),
    }  # fmt: skip


def of_summary_part(world: factories.World) -> Values:
    return owned(world) | {
        "week_start": date(2026, 3, 2), "category": "PAIN", "summary_id": uuid.uuid4(), "is_due": True, "figures": "{}",
        "digest": "0" * 64, "algorithm": "a", "through_sequence": 1, "built_at": factories.MONDAY,
    }  # fmt: skip


def of_check_in(world: factories.World) -> Values:
    return owned(world) | {
        "staff_member_id": world.ben.pk, "starts_at": factories.MONDAY + timedelta(days=2), "time_zone": factories.ZONE,
        "minutes": 20, "planned_at": factories.MONDAY, "local_date": date(2026, 3, 4), "local_time": time(9),
        "zone_rules": "2026a",
    }  # fmt: skip


def of_alert(world: factories.World) -> Values:
    return owned(world) | {
        "id": uuid.uuid4(), "rule": uuid.uuid4().hex, "level": "URGENT", "source_kind": "response",
        "source_id": uuid.uuid4(), "answered_at": factories.MONDAY, "answered_on": date(2026, 3, 2),
        "raised_at": factories.MONDAY, "newest_answered_at": factories.MONDAY, "newest_raised_at": factories.MONDAY,
        "notified_at": factories.MONDAY, "escalation_began_at": factories.MONDAY,
    }  # fmt: skip


def of_message(world: factories.World) -> Values:
    return {
        "clinic_id": world.clinic.pk, "recipient_id": world.ben.user_id, "channel": "INBOX",
        "words": "alert", "subject": "alert/1", "key": uuid.uuid4().hex, "due_at": factories.MONDAY,
    }  # fmt: skip


def of_clinic(world: factories.World) -> Values:
    return {"name": "New", "time_zone": factories.ZONE, "crisis_text": "Call 113."}


def of_duty(world: factories.World) -> Values:
    return {
        "clinic_id": world.clinic.pk, "team_id": world.team.pk, "staff_member_id": world.cleo.pk,
        "starts_at": factories.MONDAY, "ends_at": factories.MONDAY + timedelta(hours=8),
    }  # fmt: skip


def of_consent_change(world: factories.World) -> Values:
    return owned(world) | {
        "team_id": world.team.pk, "category": "PAIN", "given": True, "text_id": 1, "by_id": world.ada.user_id,
        "at": factories.MONDAY,
    }  # fmt: skip


def of_caregiver(world: factories.World) -> Values:
    return owned(world) | {
        "user_id": factories.user("caregiver").pk, "name": "New", "categories": ["PAIN"], "starts_at": factories.MONDAY,
        "code": uuid.uuid4().bytes * 2, "invited_at": factories.MONDAY,
        "accept_by": factories.MONDAY + timedelta(days=14),
    }  # fmt: skip


def of_break_glass(world: factories.World) -> Values:
    return owned(world) | {
        "id": uuid.uuid4(), "staff_member_id": world.cleo.pk, "user_id": world.cleo.user_id,
        "begun_at": factories.MONDAY, "ends_at": factories.MONDAY + timedelta(minutes=60),
    }  # fmt: skip


def of_observation(world: factories.World) -> Values:
    return owned(world) | {
        "source_id": uuid.uuid4(), "source_kind": "pain", "measure": "pain.intensity", "category": "PAIN",
        "local_date": date(2026, 3, 2), "at": factories.MONDAY, "value": 3,
    }  # fmt: skip


def of_former_version(world: factories.World) -> Values:
    return owned(world) | {
        "kind": "pain", "category": "PAIN", "record_id": uuid.uuid4(), "revision": 1, "row": {},
        "replaced_at": factories.MONDAY,
    }  # fmt: skip


def of_merged_edit(world: factories.World) -> Values:
    return owned(world) | {
        "record_id": uuid.uuid4(), "sent_revision": 2, "fingerprint": b"x" * 32, "merged_revision": 3,
        "overwritten": {}, "merged_at": factories.MONDAY,
    }  # fmt: skip


# Written in the patient's own name only: row security refuses them for anybody else's patient.
IN_HER_NAME = (Caregiver, ConsentChange)
MAKERS: Mapping[type[models.Model], Callable[[factories.World], Values]] = {
    User: of_user,
    FormerEmail: of_former_email,
    Clinic: of_clinic,
    DutyPeriod: of_duty,
    ConsentChange: of_consent_change,
    Caregiver: of_caregiver,
    BreakGlassAccess: of_break_glass,
    Observation: of_observation,
    FormerVersion: of_former_version,
    CareTeam: lambda world: {"id": uuid.uuid4(), "clinic_id": world.clinic.pk, "name": "New"},
    StaffMember: of_staff_member,
    TeamMembership: of_team_membership,
    Patient: of_patient,
    Session: of_sign_in,
    Invitation: of_invitation,
    DataKey: of_data_key,
    MasterKey: lambda world: {"id": uuid.uuid4().hex, "is_open": True},
    PainEntry: lambda world: record(world, intensity=5),
    DailyLog: lambda world: record(world, mood=5),
    MedicationUse: of_medication_use,
    JournalEntry: lambda world: record(world, share="none"),
    PracticeEntry: lambda world: record(world, practice="stretching", minutes=10),
    SleepEntry: lambda world: record(world, hours=Decimal("7.5"), quality=6),
    SideEffects: lambda world: record(world, items={"nausea": 1}),
    Vitals: lambda world: record(world, systolic=120, diastolic=80),
    Plan: lambda world: record(world, practice="stretching"),
    MergedEdit: of_merged_edit,
    AccessRevocation: lambda world: owned(world) | {"record_id": uuid.uuid4(), "sequence": 1},
    Response: of_response,
    Score: of_score,
    MeasureState: of_measure_state,
    DosingPeriod: of_dosing_period,
    SummaryPart: of_summary_part,
    CheckIn: of_check_in,
    Alert: of_alert,
    Message: of_message,
}
