"""Every named constraint of the apps is seen to refuse, and to let through what lies just inside it."""

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.models import TextField, Value

from tests import factories
from tests.records import rows
from tests.records.cases import NEWER, Case, codes, scale
from tracker.access.models import BreakGlassAccess, Caregiver, ConsentChange
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind, FormerEmail, Session, User
from tracker.alerts.models import Alert
from tracker.clinics.models import (
    CareTeam,
    Clinic,
    DutyPeriod,
    Invitation,
    Patient,
    Role,
    StaffMember,
    TeamMembership,
)
from tracker.keys.models import DataKey, MasterKey
from tracker.lib import rls
from tracker.lib.table_constraints import TableConstraint
from tracker.outbox.models import Message
from tracker.progress.models import SummaryPart
from tracker.records import kinds
from tracker.records.kinds import daily
from tracker.records.kinds.daily import DailyLog
from tracker.records.kinds.journal import JournalEntry
from tracker.records.kinds.medication_use import MedicationUse
from tracker.records.kinds.pain import PainEntry
from tracker.records.kinds.plan import MergedEdit
from tracker.records.kinds.questionnaire import Response, Score
from tracker.records.models import DosingPeriod, FormerVersion, MeasureState, Observation
from tracker.reminders.models import CheckIn

DAILY_ITEMS = (*daily.NUMBERS, "self_harm_thoughts")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KINDS = tuple(kind.model for kind in kinds.KINDS.values())
# Their own tests see their constraints refuse: the first is written by its owner alone, the second by the chain alone.
ELSEWHERE = {"instruments", "audit", "treatment"}
SOMEBODY, INVITER, APPROVER = (uuid.UUID(int=number) for number in range(1, 4))
TAKEN = {"used_at": factories.MONDAY, "used_by_id": SOMEBODY, "invited_by_id": INVITER}
APPROVED = TAKEN | {"approved_at": factories.MONDAY, "approved_by_id": APPROVER}


ENVELOPE = {
    f"{model._meta.model_name}_{name}": case
    for model in KINDS
    for name, case in {
        "revision_from_one": Case(model, ({"revision": 1},), ({"revision": 0},)),
        "clock_skew_is_known": codes(model, "clock_skew", ("none", "ahead", "behind")),
        "origin_is_known": codes(model, "origin", ("entered", "imported")),
        "source_device_is_known": codes(
            model, "source_device", ("medical_device", "ring", "watch", "phone", "other")
        ),
        "source_who_is_known": codes(model, "source_who", ("patient", "caregiver", "device")),
        "zone_check_is_known": codes(model, "zone_check", ("consistent", "offset_differs", "unknown_zone")),
        "offset_within_a_day": scale(model, "utc_offset_minutes", -1439, 1439),
        "amendment_reason_is_known": codes(
            model, "amendment_reason", ("typo", "remembered", "wrong_day", "other")
        ),
    }.items()
}
CHECKS: dict[str, Case] = (
    ENVELOPE
    | NEWER
    | {
        "user_email_is_encrypted": Case(
            User, ({"email": "ada@b.org"},), ({"email": Value("ada@b.org", TextField())},)
        ),
        "former_email_is_encrypted": Case(
            FormerEmail, ({"email": "ada@b.org"},), ({"email": Value("ada@b.org", TextField())},)
        ),
        "user_kind_is_known": codes(User, "kind", tuple(AccountKind)),
        "data_key_under_an_open_master_key": Case(
            DataKey, ({"master_is_open": True},), ({"master_is_open": False},)
        ),
        "staff_role_is_known": codes(StaffMember, "role", tuple(Role)),
        "session_of_a_device_is_somebodys": Case(
            Session, ({"user_id": None, "device_id": None}, {"device_id": None}), ({"user_id": None},)
        ),
        "invitation_is_for_a_patient_or_for_staff": Case(
            Invitation,
            tuple({"patient_id": None, "name": "Fay", "role": role} for role in Role.values),
            (
                {"patient_id": None},
                {"role": "CLINICIAN"},
                {"name": "Fay"},
                {"patient_id": None, "name": "Fay", "role": "PATIENT"},
                {"patient_id": None, "role": "CLINICIAN"},
            ),
        ),
        "invitation_used_at_and_by": Case(Invitation, ({},), ({"used_at": factories.MONDAY},)),
        "invitation_is_taken_by_somebody_else": Case(
            Invitation,
            (TAKEN, TAKEN | {"invited_by_id": None}),
            (TAKEN | {"invited_by_id": TAKEN["used_by_id"]},),
        ),
        "invitation_is_approved_by_somebody_else": Case(
            Invitation,
            (APPROVED, APPROVED | {"approved_by_id": None}),
            (
                APPROVED | {"approved_by_id": APPROVED["used_by_id"]},
                APPROVED | {"approved_by_id": APPROVED["invited_by_id"]},
                APPROVED | {"approved_at": None},
                APPROVED | {"used_at": None, "used_by_id": None},
            ),
        ),
        "invitation_failed_attempts_0_to_5": scale(Invitation, "failed_attempts", 0, 5),
        "invitation_made_before_it_expires": Case(
            Invitation,
            ({"expires_at": factories.MONDAY},),
            ({"expires_at": factories.MONDAY - timedelta(microseconds=1)},),
        ),
        "membership_starts_before_it_ends": Case(
            TeamMembership,
            ({"ends_at": factories.MONDAY}, {"ends_at": factories.MONDAY + DAY}),
            ({"ends_at": factories.MONDAY - timedelta(microseconds=1)},),
        ),
        "clinic_is_active_with_a_fallback": Case(
            Clinic, ({"activated_at": None},), ({"activated_at": factories.MONDAY},)
        ),
        "duty_starts_before_it_ends": Case(
            DutyPeriod,
            ({"ends_at": factories.MONDAY},),
            ({"ends_at": factories.MONDAY - timedelta(microseconds=1)},),
        ),
        "caregiver_is_invited_before_the_code_ends": Case(
            Caregiver,
            ({"accept_by": factories.MONDAY},),
            ({"accept_by": factories.MONDAY - timedelta(microseconds=1)},),
        ),
        "caregiver_failed_attempts_0_to_5": scale(Caregiver, "failed_attempts", 0, 5),
        "caregiver_starts_before_the_end": Case(
            Caregiver,
            ({"ends_at": factories.MONDAY}, {"ends_at": None}),
            ({"ends_at": factories.MONDAY - timedelta(microseconds=1)},),
        ),
        "caregiver_categories_are_known": Case(
            Caregiver,
            ({"categories": list(Category)},),
            ({"categories": []}, {"categories": ["PAIN", "ELSE"]}, {"categories": ["pain"]}),
        ),
        "break_glass_holds_60_minutes_at_most": Case(
            BreakGlassAccess,
            ({"ends_at": factories.MONDAY},),
            (
                {"ends_at": factories.MONDAY + HOUR + timedelta(microseconds=1)},
                {"ends_at": factories.MONDAY - timedelta(microseconds=1)},
            ),
        ),
        "consent_category_is_known": codes(ConsentChange, "category", tuple(Category)),
        "former_version_category_is_known": codes(FormerVersion, "category", tuple(Category)),
        "response_category_is_known": codes(Response, "category", tuple(Category)),
        "score_category_is_known": codes(Score, "category", tuple(Category)),
        "observation_origin_is_known": codes(Observation, "origin", ("entered", "imported")),
        "observation_clock_skew_is_known": codes(Observation, "clock_skew", ("none", "ahead", "behind")),
        "observation_category_is_known": codes(Observation, "category", tuple(Category)),
        "measure_state_category_is_known": codes(MeasureState, "category", tuple(Category)),
        "summary_category_is_known": codes(SummaryPart, "category", tuple(Category)),
        "patient_enrols_before_leaving": Case(
            Patient, ({"discharged_on": date(2026, 3, 2)},), ({"discharged_on": date(2026, 3, 1)},)
        ),
        "pain_intensity_0_to_10": scale(PainEntry, "intensity", 0, 10),
        "pain_worst_0_to_10": scale(PainEntry, "worst", 0, 10),
        "pain_least_0_to_10": scale(PainEntry, "least", 0, 10),
        "pain_interference_0_to_10": scale(PainEntry, "interference", 0, 10),
        "pain_least_up_to_worst": Case(
            PainEntry,
            ({"least": 4, "worst": 4}, {"least": 4}, {"worst": 4}),
            ({"least": 5, "worst": 4},),
        ),
        "daily_log_has_an_answer": Case(
            DailyLog,
            tuple(
                {"mood": None} | {item: False if item == "self_harm_thoughts" else 0} for item in DAILY_ITEMS
            ),
            ({"mood": None},),
        ),
        "daily_sleep_hours_0_to_24": scale(DailyLog, "sleep_hours", Decimal(0), Decimal(24), Decimal("0.25")),
        "medication_outcome_is_known": codes(MedicationUse, "outcome", ("taken", "prn")),
        "medication_dose_unit_is_known": codes(
            MedicationUse, "dose_unit", ("mg", "mcg", "ml", "tablet", "spray", "patch")
        ),
        "medication_reason_is_known": codes(
            MedicationUse, "reason", ("forgot", "side_effects", "felt_well", "no_supply", "advised", "other")
        ),
        "medication_dose_has_a_unit": Case(
            MedicationUse,
            ({"dose_value": None, "dose_unit": None},),
            ({"dose_value": None}, {"dose_unit": None}),
        ),
        "medication_dose_from_zero": scale(
            MedicationUse, "dose_value", Decimal(0), Decimal(100_000), Decimal("0.001")
        ),
        "medication_skipped_has_no_dose": Case(
            MedicationUse,
            ({"outcome": "skipped", "dose_value": None, "dose_unit": None},),
            ({"outcome": "skipped"}, {"outcome": "skipped", "dose_value": Decimal(0)}),
        ),
        "medication_is_a_code": Case(
            MedicationUse,
            ({"medication": "a"}, {"medication": "7-up-" + "x" * 59}),
            ({"medication": ""}, {"medication": "-a"}, {"medication": "Sertraline"}, {"medication": "a b"}),
        ),
        "journal_mood_0_to_10": scale(JournalEntry, "mood", 0, 10),
        "journal_share_is_known": codes(JournalEntry, "share", ("none", "entry")),
        "response_status_is_known": codes(
            Response, "status", ("draft", "incomplete", "complete", "amended", "unscored")
        ),
        "response_total_check_is_known": codes(
            Response, "reported_total_check", ("agrees", "differs", "not_recomputable")
        ),
        "score_answered_up_to_items": Case(Score, ({"answered": 9}, {"answered": 0}), ({"answered": 10},)),
        "measure_state_basis_is_known": codes(
            MeasureState, "baseline_basis", ("BEFORE_TREATMENT", "FIRST_DAYS")
        ),
        "dosing_period_ends_after_the_dose": Case(
            DosingPeriod,
            ({"capacity_ends_at": factories.MONDAY + timedelta(seconds=1)},),
            ({"capacity_ends_at": factories.MONDAY},),
        ),
        "summary_starts_on_monday": Case(
            SummaryPart,
            ({"week_start": date(2026, 3, 2)}, {"week_start": date(2024, 12, 30)}),
            tuple({"week_start": date(2026, 3, 2) + n * DAY} for n in range(1, 7)),
        ),
        "check_in_5_to_240_minutes": scale(CheckIn, "minutes", 5, 240),
        "alert_acknowledged_at_and_by": Case(
            Alert, ({"acknowledged_at": None},), ({"acknowledged_at": factories.MONDAY},)
        ),
        "alert_that_joined_has_another_leader": Case(
            Alert,
            ({"leader_id": None},),
            ({"leader_id": SOMEBODY, "place": 1}, {"id": SOMEBODY, "leader_id": SOMEBODY, "place": 2}),
        ),
        "alert_counts_from_one": Case(
            Alert, ({"place": 1, "answer_count": 1},), ({"place": 0}, {"answer_count": 0})
        ),
        "alert_level_is_known": codes(Alert, "level", ("EMERGENCY", "URGENT", "HIGH", "REVIEW")),
        "message_to_nobody_known_is_a_letter": Case(
            Message,
            ({"recipient_id": None, "channel": "EMAIL", "patient": uuid.uuid4()},),
            (
                {"recipient_id": None, "channel": "EMAIL", "patient": None},
                {"recipient_id": None, "channel": "INBOX", "patient": uuid.uuid4()},
            ),
        ),
        "message_channel_is_a_code": Case(
            Message, ({"channel": "SMS"},), ({"channel": "e-mail"}, {"channel": "X1"})
        ),
    }
    | {
        f"daily_{item}_0_to_10": scale(DailyLog, item, 0, 10)
        for item in ("pain_avg", "pain_worst", "mood", "anxiety", "function", "sleep_quality")
    }
)

# Two rows that agree in the named fields: the second is refused. With the last of them changed it goes in.
ONCE: dict[str, tuple[type[models.Model], tuple[str, ...]]] = {
    f"{model._meta.model_name}_sequence_once": (model, ("sequence",)) for model in KINDS
} | {
    "merged_edit_once": (MergedEdit, ("patient_id", "record_id", "fingerprint", "sent_revision")),
    "membership_once_at_a_time": (TeamMembership, ("team_id", "staff_member_id")),
    "patient_of_clinic": (Patient, ("clinic_id", "id")),
    "staff_of_clinic": (StaffMember, ("clinic_id", "id")),
    "staff_works_at_one_clinic_at_a_time": (StaffMember, ("user_id",)),
    "team_of_clinic": (CareTeam, ("clinic_id", "id")),
    "break_glass_of_clinic": (BreakGlassAccess, ("clinic_id", "id")),
    "caregiver_once_at_a_time": (Caregiver, ("patient_id", "user_id")),
    "caregiver_code_is_given_once": (Caregiver, ("code",)),
    "invitation_code_is_given_once": (Invitation, ("code",)),
    "former_email_code_is_given_once": (FormerEmail, ("code",)),
    "data_key_once_per_patient": (DataKey, ("patient_id",)),
    "data_key_of_clinic": (DataKey, ("clinic_id", "patient_id", "id")),
    "master_key_open_or_closed": (MasterKey, ("id", "is_open")),
    "score_once_per_version": (
        Score, ("patient_id", "response_id", "revision", "measure", "scoring_version"),
    ),
    "alert_once_per_rule_and_answer": (Alert, ("patient_id", "rule", "source_id")),
    "alert_one_open_per_patient_and_rule": (Alert, ("patient_id", "rule")),
    "alert_of_one_patient": (Alert, ("clinic_id", "patient_id", "id")),
    "message_once_per_key": (Message, ("clinic_id", "key")),
}  # fmt: skip


@pytest.fixture
def inside(world: factories.World):
    """A clinic's own job that acts for Ada too, so that only a constraint is in the way of a row."""
    ada = {"own_patient": str(world.ada.pk), "person": str(world.ada.user_id)}
    with rls.context(clinic=str(world.clinic.pk), scope="clinic", **ada):
        yield world


def write(model: type[models.Model], values: Mapping[str, Any]) -> models.Model:
    """Insert past every check of Python's; refused or not, nothing else of the transaction is touched."""
    with transaction.atomic():
        return model._default_manager.bulk_create([model(**values)])[0]


def refused_by(model: type[models.Model], values: Mapping[str, Any]) -> str:
    """The name of the constraint that refuses the row."""
    with pytest.raises(IntegrityError) as caught:
        write(model, values)
    name: str = caught.value.__cause__.diag.constraint_name  # type: ignore[union-attr]
    return name


def valid(model: type[models.Model], world: factories.World) -> dict[str, Any]:
    return rows.MAKERS[model](world)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_scale_a_code_or_a_pair_is_refused_just_beyond_its_ends(inside, name):
    case = CHECKS[name]

    for change in case.accepted:
        # Ada has one data key, one summary per week ...: what was written must not be in the way of the next.
        sid = transaction.savepoint()
        write(case.model, valid(case.model, inside) | dict(change))
        transaction.savepoint_rollback(sid)
    assert {refused_by(case.model, valid(case.model, inside) | dict(change)) for change in case.refused} == {
        name
    }


@pytest.mark.parametrize("name", sorted(ONCE))
def test_what_must_stand_once_is_refused_the_second_time(inside, name):
    model, fields = ONCE[name]
    first = valid(model, inside)
    write(model, first)
    second = valid(model, inside) | {field: first[field] for field in fields}

    if name.endswith(("_of_clinic", "_of_one_patient", "_open_or_closed")):
        # The key of the table says it first; this one is there to be pointed at together with the rest.
        assert refused_by(model, second) in {name, f"{model._meta.db_table}_pkey"}
    else:
        assert refused_by(model, second) == name


def test_someone_may_come_back_to_a_team_that_they_have_left(inside):
    left = valid(TeamMembership, inside) | {"ends_at": factories.MONDAY + DAY}
    write(TeamMembership, left)
    write(TeamMembership, left | {"starts_at": factories.MONDAY + 2 * DAY, "ends_at": None})

    assert TeamMembership.objects.filter(staff_member=inside.cleo, team=inside.team).count() == 2


def test_a_cancelled_check_in_leaves_its_time_free(inside):
    first = valid(CheckIn, inside)
    write(CheckIn, first | {"cancelled_at": factories.MONDAY})
    write(CheckIn, first)

    assert refused_by(CheckIn, first) in {"check_in_patient_is_free", "check_in_clinician_is_free"}


@pytest.mark.parametrize(
    ("other", "name"),
    [("staff_member_id", "check_in_patient_is_free"), ("patient_id", "check_in_clinician_is_free")],
)
@pytest.mark.parametrize(
    ("earlier", "minutes", "is_free"),
    [(timedelta(0), 20, False), (timedelta(minutes=19), 5, False), (-timedelta(minutes=9), 10, False),
     (timedelta(minutes=20), 5, True), (-timedelta(minutes=10), 10, True)],
)  # fmt: skip
def test_check_ins_of_a_patient_or_of_a_clinician_do_not_overlap(
    inside, other, name, earlier, minutes, is_free
):
    first = valid(CheckIn, inside)
    write(CheckIn, first)
    somebody_else = {"staff_member_id": inside.dan.pk, "patient_id": inside.bea.pk}[other]
    second = first | {other: somebody_else, "starts_at": first["starts_at"] + earlier, "minutes": minutes}

    if is_free:
        write(CheckIn, second)
    else:
        assert refused_by(CheckIn, second) == name


@pytest.mark.parametrize(
    "model",
    [model for model in rows.MAKERS if hasattr(model, "patient_id") and model not in rows.IN_HER_NAME],
)
def test_a_composite_foreign_key_refuses_a_row_about_another_clinics_patient(inside, model):
    row = valid(model, inside) | {"patient_id": inside.gus.pk}

    assert refused_by(model, row) == f"{model._meta.db_table}_patient_of_clinic"


def test_two_phones_of_two_patients_may_make_the_same_id(inside):
    ada = valid(PainEntry, inside)
    write(PainEntry, ada)
    write(PainEntry, ada | {"patient_id": inside.bea.pk, "author_id": inside.bea.user_id})

    assert PainEntry.objects.filter(id=ada["id"]).count() == 2


def models_of_patients() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model.__module__.startswith("tracker.") and model._meta.app_label not in ELSEWHERE
    ]


def test_every_constraint_of_every_app_has_its_case():
    named = {
        constraint.name
        for model in models_of_patients()
        for constraint in model._meta.constraints
        if not isinstance(constraint, TableConstraint)
    }

    assert named == set(CHECKS) | set(ONCE)


def test_the_database_holds_every_constraint_and_no_other_of_our_making(db):
    tables = [model._meta.db_table for model in models_of_patients()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text = ANY (%s)",
            [tables],
        )
        checks = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = ANY (%s) AND indexdef LIKE 'CREATE UNIQUE%%'"
            " AND NOT starts_with(indexname, tablename)",
            [tables],
        )
        unique = {name for (name,) in cursor.fetchall()}

    # Django's own begin with the table's name; those for a positive number end in `_check`.
    assert {name for name in checks if not name.endswith("_check")} == set(CHECKS)
    assert unique == set(ONCE)


def test_a_row_that_keeps_every_promise_goes_in(inside):
    for model in rows.MAKERS:
        assert write(model, valid(model, inside)).pk


def test_an_unknown_person_cannot_be_a_records_author(inside):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    assert "author" in refused_by(PainEntry, valid(PainEntry, inside) | {"author_id": uuid.uuid4()})
