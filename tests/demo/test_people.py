"""The demo's people: made once, found again, and their passwords kept."""

import json
import stat
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.rls_context import as_clinic
from tracker.access import caregivers
from tracker.access.models import Caregiver, Consent, ConsentChange
from tracker.access.policy import Category
from tracker.accounts.models import User
from tracker.clinics.models import (
    CareTeam,
    Clinic,
    DutyPeriod,
    Invitation,
    Patient,
    StaffMember,
    TeamMembership,
)
from tracker.demo import clinic_work, people, simulate

TODAY = date(2026, 3, 2)


MODELS = (
    CareTeam, StaffMember, TeamMembership, Patient, Invitation, DutyPeriod, Caregiver, ConsentChange,
)  # fmt: skip


def everything() -> dict[str, list[Any]]:
    """All rows of the model, in the context of each clinic."""
    rows: dict[str, list[Any]] = {
        "users": list(User.objects.order_by("email").values()),
        "clinics": list(Clinic.objects.order_by("name").values()),
    }
    for clinic in Clinic.objects.order_by("name"):
        with as_clinic(clinic.pk):
            for model in MODELS:
                rows[f"{clinic.name} {model.__name__}"] = list(model._default_manager.order_by("pk").values())
    return rows


def test_preparing_twice_changes_nothing_and_keeps_the_passwords(db, tmp_path: Path):
    path = tmp_path / "sign-ins.json"
    first = people.prepare(path, TODAY)
    rows, written = everything(), path.read_text()

    # A day later: the day of enrolment is kept, or the records would move.
    second = people.prepare(path, date(2026, 3, 3))

    assert second == first
    assert (everything(), path.read_text()) == (rows, written)
    assert all(User.objects.get(email=entry.email).check_password(entry.password) for entry in first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_clinic_has_all_who_are_needed_to_look_around(db, tmp_path: Path):
    made = people.prepare(tmp_path / "sign-ins.json", TODAY)

    roles = [entry.role for entry in made]
    assert {role: roles.count(role) for role in set(roles)} == {
        "patient": 5, "caregiver": 1, "clinician": 3, "coordinator": 1, "administrator": 1, "privacy_officer": 1,
    }  # fmt: skip
    assert [entry.note for entry in made if entry.email == people.DIARY_EMAIL] == ["real diary"]
    clinics = {clinic.name: clinic for clinic in Clinic.objects.all()}
    with as_clinic(clinics[people.CLINIC].pk):
        assert Patient.objects.count() == 42
        assert Patient.objects.get(user__email=people.DIARY_EMAIL).enrolled_on == date(2012, 8, 13)
        invited = Patient.objects.get(user__isnull=True)
        assert (invited.name, Invitation.objects.get(patient=invited).used_at) == (clinic_work.INVITED, None)
        assert not ConsentChange.objects.filter(patient=invited).exists()


def test_patients_whose_sign_in_is_not_handed_out_cannot_sign_in(db, tmp_path: Path):
    handed_out = {entry.email for entry in people.prepare(tmp_path / "sign-ins.json", TODAY)}
    hidden = next(who for who in simulate.everybody() if who.email not in handed_out)

    assert not User.objects.get(email=hidden.email).has_usable_password()


def test_passwords_that_are_lost_are_made_anew_and_the_old_ones_end(db, tmp_path: Path):
    path = tmp_path / "sign-ins.json"
    first = {entry.email: entry.password for entry in people.prepare(path, TODAY)}
    known = [entry for entry in json.loads(path.read_text()) if entry["email"] != people.DIARY_EMAIL]
    path.write_text(json.dumps(known))

    second = {entry.email: entry.password for entry in people.prepare(path, TODAY)}

    assert {email for email in first if first[email] != second[email]} == {people.DIARY_EMAIL}
    assert not User.objects.get(email=people.DIARY_EMAIL).check_password(first[people.DIARY_EMAIL])


def enrol(name: str, **more: Any) -> Patient:
    """Somebody who is none of the demo's own people, enrolled at its clinic by a visitor."""
    clinic = Clinic.objects.get(name=people.CLINIC)
    with as_clinic(clinic.pk):
        north = CareTeam.objects.get(name="North")
    return factories.patient(clinic, name, north, shares=(), **more)


@pytest.mark.parametrize("more", [{"user": None}, {}], ids=["invited", "undecided"])
def test_preparing_again_consents_for_no_patient_who_is_invited_or_undecided(db, tmp_path: Path, more):
    people.prepare(tmp_path / "sign-ins.json", TODAY)
    newcomer = enrol("fay", **more)

    people.prepare(tmp_path / "sign-ins.json", TODAY)

    with as_clinic(newcomer.clinic_id):
        assert not ConsentChange.objects.filter(patient=newcomer).exists()
        assert not Consent.objects.filter(patient=newcomer).exists()


def test_the_demos_own_patients_consent_once_and_never_again(db, tmp_path: Path):
    people.prepare(tmp_path / "sign-ins.json", TODAY)
    clinic = Clinic.objects.get(name=people.CLINIC)
    with as_clinic(clinic.pk):
        robin = Patient.objects.select_related("care_team", "user").get(user__email=people.DIARY_EMAIL)
        given = ConsentChange.objects.count()
    # One of them took two categories back.
    assert given == 41 * len(Category) + 2
    factories.share(robin, robin.care_team, ())

    people.prepare(tmp_path / "sign-ins.json", TODAY)

    with as_clinic(clinic.pk):
        assert Consent.objects.get(patient=robin).categories() == frozenset()
        assert ConsentChange.objects.count() == given + len(Category)


def test_a_caregiver_whom_a_demo_patient_ended_does_not_come_back(db, tmp_path: Path):
    people.prepare(tmp_path / "sign-ins.json", TODAY)
    at, anouk = datetime.combine(TODAY, time(12), UTC), simulate.everybody()[0].email
    with clinic_work.acting(anouk, at) as principal:
        (carl,) = Caregiver.objects.standing(at)
        caregivers.revoke(principal=principal, caregiver_id=carl.pk, at=at)

    people.prepare(tmp_path / "sign-ins.json", TODAY)

    with clinic_work.acting(anouk, at):
        assert not Caregiver.objects.standing(at).exists()
