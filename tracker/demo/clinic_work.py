"""
What is done at the demo clinic besides logging: each once, by the actions that the pages and the API call.

What a patient decides is decided for the demo's own simulated patients only, when they are made (``people``), or when
their record is loaded for the first time (``loading``).
"""

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db import transaction

from tracker.access import break_glass, caregivers, consent
from tracker.access.chart import open_chart
from tracker.access.policy import EVERYTHING, Action, Category
from tracker.access.principal import Principal, load_principal, with_session
from tracker.accounts.models import User
from tracker.alerts.break_glass import start_and_notify
from tracker.clinics import actions as clinics
from tracker.clinics import invitations
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, Patient, Role, StaffMember
from tracker.demo import simulate
from tracker.lib import days, rls
from tracker.outbox import duty_notices, new_staff, sharing_notices
from tracker.reminders import actions as reminders
from tracker.reminders.models import CheckIn
from tracker.sync import ingest

CONSENT_TEXT = 1
# By the simulated patients' numbers. One takes mood and journal back; one is discharged; one's record was opened.
SHARES_LESS, DISCHARGED, EMERGENCY = 4, 2, 26
KEPT = EVERYTHING - {Category.MOOD, Category.JOURNAL}
SHARES_LESS_AFTER = timedelta(weeks=10)
REASON = "Brought in by ambulance, drowsy: what was taken in the last days has to be known before treatment."
# Invited, and not there yet: a patient, a coordinator of whom a second person decides.
INVITED, INVITED_BIRTH = "Fenna Kuipers", date(1984, 5, 17)
NEW_STAFF, NEW_STAFF_EMAIL = "Gita Raman", f"gita@{simulate.HOST}"
# Somebody close to the quick responder, who may write too, and wrote once.
CAREGIVER, CAREGIVER_EMAIL, WRITES_FOR = "Carl Bakker", f"carl.bakker@{simulate.HOST}", 0
_SEEN_BY_CAREGIVERS = (Category.PAIN, Category.MOOD, Category.VISITS)


@contextmanager
def acting(email: str, at: datetime) -> Iterator[Principal]:
    """Act as somebody who has just signed in, inside a transaction; then go back to the context before."""
    with rls.context():
        user = User.objects.get(email=email)
        yield with_session(load_principal(user.pk, at), authenticated_at=at, device_id=None)


def set_consent(email: str, team: CareTeam, categories: Collection[Category], at: datetime) -> None:
    """Share exactly these categories with the team, as the app's page does."""
    with acting(email, at) as principal:
        consent.set_consent(
            principal=principal, wanted={team.pk: categories}, text_version=CONSENT_TEXT,
            base_version=consent.current_version(principal.own_patient_id), at=at,
        )  # fmt: skip


def name_caregiver(email: str, name: str, user: User, at: datetime, *, may_write: bool) -> None:
    """Let a patient name a caregiver, who accepts with their account two hours later."""
    with acting(email, at) as principal:
        _, code = sharing_notices.invite_caregiver_and_notify(
            principal=principal,
            name=name,
            categories=_SEEN_BY_CAREGIVERS,
            at=at,
            ends_at=None,
            may_write=may_write,
        )
    later = at + timedelta(hours=2)
    caregivers.accept_with_account(
        user_id=user.pk, code=code, at=later, on_accept=sharing_notices.notify_of_caregiver
    )


def begin(at: datetime) -> None:
    """On the first day: a duty period, a patient who is invited, and somebody who waits to be approved."""
    with acting(f"ben@{simulate.HOST}", at) as ben:
        team = invitations.teams_of(ben, at)[0]
        invitations.enrol(
            principal=ben, name=INVITED, birth_date=INVITED_BIRTH, time_zone=simulate.HOME, team_id=team.pk, at=at
        )  # fmt: skip
    with acting(f"eve@{simulate.HOST}", at) as eve:
        with rls.as_clinic(eve.clinic_id):
            dan = StaffMember.objects.get(user__email=f"dan@{simulate.HOST}")
            code = invitations.invite_staff(
                clinic_id=eve.clinic_id, name=NEW_STAFF, role=Role.COORDINATOR, team_id=team.pk, at=at, by=eve
            )
        duty_notices.add_duty_period_and_notify(
            by=eve, member_id=dan.pk, team_id=team.pk, starts_at=at, ends_at=at + timedelta(days=14), at=at
        )
    # Nobody is handed this password: the demo shows the approval.
    invitations.accept(
        code=code, birth_date=None, email=NEW_STAFF_EMAIL, password=secrets.token_hex(), at=at, for_patient=False,
        on_begin=new_staff.notify,
    )  # fmt: skip


@transaction.atomic
def after_loading(who: simulate.Simulated, clinician: str, now: datetime) -> None:
    """What the clinic did of one patient lately: a planned check-in, a discharge, an emergency."""
    if who.number == DISCHARGED:
        with acting(clinician, now) as principal:
            clinics.discharge(by=principal, patient=_open(principal, who, now), at=now)
    elif who.number % 3 == 0:
        with acting(clinician, now) as principal:
            _plan_check_in(principal, who, now)
    if who.number == WRITES_FOR:
        _write_as_caregiver(who, now)
    if who.number == EMERGENCY:
        _open_in_emergency(who, now - timedelta(weeks=3))


def patient_id_of(who: simulate.Simulated, principal: Principal) -> UUID:
    return Patient.objects.get(pk__in=principal.patients, user__email=who.email).pk


def _open(principal: Principal, who: simulate.Simulated, at: datetime) -> Patient:
    return open_chart(principal, patient_id_of(who, principal), purpose="demo", at=at)


def _plan_check_in(principal: Principal, who: simulate.Simulated, now: datetime) -> None:
    """Every third patient has a telehealth check-in within the next days, where the clinician is free then."""
    patient = _open(principal, who, now)
    if not CheckIn.objects.upcoming(now).filter(patient=patient).exists():
        on = days.local_day(now, patient.time_zone) + timedelta(days=1 + who.number % 5)
        starts_at = days.instant(on, time(9 + who.number % 7, 30), patient.time_zone)
        with suppress(reminders.ClinicianBusyError):
            reminders.plan_check_in(
                principal=principal, patient=patient, starts_at=starts_at, minutes=20, at=now
            )


def _write_as_caregiver(who: simulate.Simulated, now: datetime) -> None:
    """The caregiver enters what the patient told him the evening before; unless his access has ended."""
    with acting(CAREGIVER_EMAIL, now) as carl, suppress(NotFoundOrHidden):
        (patient_id,) = carl.patients
        writer = caregivers.lock_rights(carl, patient_id, lambda: now)
        patient = open_chart(
            writer,
            patient_id,
            purpose="demo",
            at=now,
            action=Action.WRITE_RECORDS,
            categories={Category.PAIN},
        )
        evening = days.instant(
            days.local_day(now, patient.time_zone) - timedelta(days=1), time(20, 15), patient.time_zone
        )
        item = {
            "kind": "pain", "id": who.id("caregiver"), "revision": 1, "recorded_at": evening.isoformat(),
            "time_zone": patient.time_zone, "data": {"intensity": 5},
        }  # fmt: skip
        ingest.apply_batch(principal=writer, patient_id=patient_id, sent=None, items=[item], at=now)


def _open_in_emergency(who: simulate.Simulated, at: datetime) -> None:
    """Somebody of another team needs to know what is taken; the patient and the privacy officer are told."""
    with acting(f"ben@{simulate.HOST}", at) as ben:
        patient_id = break_glass.find_patient(principal=ben, name=who.name, birth_date=who.birth_date)
        start_and_notify(principal=ben, patient_id=patient_id, reason=REASON, at=at)
