"""The demo clinic's people: made once, found again afterwards."""

import json
import os
import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.db import transaction

from tracker.access.policy import EVERYTHING, Category
from tracker.accounts.models import AccountKind, User
from tracker.clinics import actions as clinics
from tracker.clinics.models import CareTeam, Clinic, Patient, Role, StaffMember, TeamMembership
from tracker.demo import clinic_work, simulate
from tracker.lib import rls

CLINIC, OTHER_CLINIC = "Interlude Demo Clinic", "Second Demo Clinic"
CRISIS = (
    "If you might act on thoughts of harming yourself, call 112 now. To talk with somebody, day or night, call "
    "113 or 0800-0113 (free), or chat at 113.nl."
)
DIARY_EMAIL = f"robin.diary@{simulate.HOST}"
# The diary's first day.
DIARY_BEGINS = date(2012, 8, 13)
CAREGIVERS_SINCE = timedelta(days=100)
STAFF_SINCE = datetime(2012, 1, 1, tzinfo=UTC)

# (e-mail's first part, name, role, team)
_STAFF = (
    ("ben", "Dr Ben Aalders", Role.CLINICIAN, "North"),
    ("cleo", "Dr Cleo Verhagen", Role.CLINICIAN, "South"),
    ("dan", "Dan Okafor", Role.COORDINATOR, "North"),
    ("eve", "Eve Lindqvist", Role.ADMINISTRATOR, None),
    ("olga", "Olga Petrova", Role.PRIVACY_OFFICER, None),
)
# Simulated patients whose sign-in is handed out: a quick responder, who shares less, the item-9 patient, the traveller.
SHOWN = (0, clinic_work.SHARES_LESS, 6, 9)


@dataclass(frozen=True)
class SignIn:
    """What somebody needs to sign in to the demo. ``authenticator`` is for an app, or for ``./dev code``."""

    role: str
    name: str
    email: str
    password: str
    note: str
    authenticator: str = ""


def prepare(path: Path, today: date) -> list[SignIn]:
    """
    Make the demo's people if they are not there; write their sign-ins to ``path`` (mode 0600) and return them.

    People who are there keep their passwords as long as the file knows them.
    """
    known = {entry["email"]: entry["password"] for entry in _read(path)}
    with transaction.atomic():
        made = [*_clinic(known, today), *_second_clinic(known), _caregiver(known)]
    _activate(today)
    _write(path, made)
    return made


@transaction.atomic
def _activate(today: date) -> None:
    """Each clinic is at work: somebody answers for an alert when nobody else does."""
    for name, first in ((CLINIC, "ben"), (OTHER_CLINIC, "finn")):
        clinic = Clinic.objects.get(name=name)
        with rls.as_clinic(clinic.pk):
            contact = StaffMember.objects.get(user__email=f"{first}@{simulate.HOST}")
        if clinic.activated_at is None:
            at = datetime.combine(today, time(9), UTC)
            clinics.set_fallback_contact(clinic_id=clinic.pk, member_id=contact.pk, by=None, at=at)
            if name == CLINIC:
                clinic_work.begin(at - timedelta(days=2))
                _name_caregivers(today)


def _caregiver(known: dict[str, str]) -> SignIn:
    """Somebody close to the quick responder; she named him on the clinic's first day (``_activate``)."""
    _, password = _user(clinic_work.CAREGIVER_EMAIL, AccountKind.CAREGIVER, known)
    return SignIn(
        "caregiver",
        clinic_work.CAREGIVER,
        clinic_work.CAREGIVER_EMAIL,
        password,
        "of a quick responder; may write",
    )


def _name_caregivers(today: date) -> None:
    """Two patients name somebody close: one who may write and has no other role, one who is staff elsewhere."""
    everybody, at = simulate.everybody(), datetime.combine(today - CAREGIVERS_SINCE, time(9), UTC)
    for number, name, email in (
        (clinic_work.WRITES_FOR, clinic_work.CAREGIVER, clinic_work.CAREGIVER_EMAIL),
        (9, "Finn", f"finn@{simulate.HOST}"),
    ):
        user = User.objects.get(email=email)
        may_write = number == clinic_work.WRITES_FOR
        clinic_work.name_caregiver(everybody[number].email, name, user, at, may_write=may_write)


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(path.read_text()))
    except (OSError, ValueError):
        return []


def _write(path: Path, sign_ins: list[SignIn]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump([asdict(entry) for entry in sign_ins], file, indent=1)
    part.replace(path)


def _user(
    email: str, kind: AccountKind, known: dict[str, str], *, may_sign_in: bool = True
) -> tuple[User, str]:
    user, new = User.objects.get_or_create(email=email, defaults={"kind": kind})
    password = known.get(email, "")
    if may_sign_in and (new or not password or not user.check_password(password)):
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        user.set_password(password)
        user.save()
    elif new:
        user.set_unusable_password()
        user.save()
    return user, password


def _clinic_row(name: str) -> Clinic:
    clinic, _ = Clinic.objects.get_or_create(
        name=name,
        defaults={"time_zone": simulate.HOME, "crisis_text": CRISIS, "patients_see_summaries": True},
    )
    return clinic


def _clinic(known: dict[str, str], today: date) -> list[SignIn]:
    clinic = _clinic_row(CLINIC)
    with rls.as_clinic(clinic.pk):
        teams = {
            name: CareTeam.objects.get_or_create(clinic_id=clinic.pk, name=name)[0]
            for name in ("North", "South")
        }
        staff = [_staff(clinic, known, teams, *entry) for entry in _STAFF]
        diary = _patient(
            clinic, known, DIARY_EMAIL, "Robin (real diary)", teams["North"], DIARY_BEGINS, "real diary"
        )
        patients = [_simulated(clinic, known, who, teams, today) for who in simulate.everybody()]
    return [diary, *[entry for entry in patients if entry.password], *staff]


def _staff(
    clinic: Clinic, known: dict[str, str], teams: dict[str, CareTeam], first: str, name: str, role: Role,
    team: str | None,
) -> SignIn:  # fmt: skip
    email = f"{first}@{simulate.HOST}"
    user, password = _user(email, AccountKind.STAFF, known)
    member, _ = StaffMember.objects.get_or_create(
        user=user, defaults={"clinic_id": clinic.pk, "name": name, "role": role}
    )
    if team:
        TeamMembership.objects.get_or_create(
            clinic_id=clinic.pk, team=teams[team], staff_member=member, defaults={"starts_at": STAFF_SINCE}
        )
    note = f"team {team}" if team else clinic.name
    return SignIn(role.lower(), name, email, password, note, _authenticator(user))


def _authenticator(user: User) -> str:
    """
    Give demo staff an authenticator app, and return what to put into it.

    Nobody else's secret ever leaves the database: whoever is no part of the demo sets up a factor of their own.
    """
    adapter = get_adapter()
    held, _ = Authenticator.objects.get_or_create(
        user=user,
        type=Authenticator.Type.TOTP,
        defaults={"data": {"secret": adapter.encrypt(generate_totp_secret())}},
    )
    url: str = adapter.build_totp_url(user, adapter.decrypt(held.data["secret"]))
    return url


def _patient(
    clinic: Clinic, known: dict[str, str], email: str, name: str, team: CareTeam, enrolled_on: date, note: str,
    *, birth_date: date | None = None, may_sign_in: bool = True, keeps: Collection[Category] = EVERYTHING,
) -> SignIn:  # fmt: skip
    user, password = _user(email, AccountKind.PATIENT, known, may_sign_in=may_sign_in)
    _, new = Patient.objects.get_or_create(
        user=user,
        defaults={
            "clinic_id": clinic.pk, "care_team": team, "name": name, "time_zone": simulate.HOME,
            "enrolled_on": enrolled_on, "birth_date": birth_date,
        },
    )  # fmt: skip
    if new:
        # Once, for a demo patient who was made just now: nobody else is asked, and none of them a second time.
        at = datetime.combine(enrolled_on, time(9), UTC)
        clinic_work.set_consent(email, team, EVERYTHING, at)
        if keeps != EVERYTHING:
            clinic_work.set_consent(email, team, keeps, at + clinic_work.SHARES_LESS_AFTER)
    return SignIn("patient", name, email, password, note)


def _simulated(
    clinic: Clinic, known: dict[str, str], who: simulate.Simulated, teams: dict[str, CareTeam], today: date
) -> SignIn:
    # Six months that end yesterday; the day of enrolment is kept, so the records stay the same afterwards.
    enrolled_on = today - timedelta(weeks=simulate.WEEKS)
    team = teams["North" if who.number < 20 else "South"]
    says, keeps = who.trajectory.says, EVERYTHING
    if who.number == clinic_work.SHARES_LESS:
        says, keeps = f"{says}; took mood and journal back", clinic_work.KEPT
    return _patient(
        clinic, known, who.email, who.name, team, enrolled_on, f"simulated: {says}",
        birth_date=who.birth_date, may_sign_in=who.number in SHOWN, keeps=keeps,
    )  # fmt: skip


def _second_clinic(known: dict[str, str]) -> list[SignIn]:
    clinic = _clinic_row(OTHER_CLINIC)
    with rls.as_clinic(clinic.pk):
        team, _ = CareTeam.objects.get_or_create(clinic_id=clinic.pk, name="Harbour")
        teams = {"Harbour": team}
        entry = _staff(clinic, known, teams, "finn", "Dr Finn Marsh", Role.CLINICIAN, "Harbour")
    return [replace(entry, note="the second clinic")]
