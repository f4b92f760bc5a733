"""On call: the fallback contact and duty periods, set by an administrator."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from tests import factories
from tests.dashboard.conftest import NOW, sign_in, text
from tests.rls_context import as_clinic, as_user
from tracker.clinics import responders
from tracker.clinics.models import Clinic, DutyPeriod, Patient, Role
from tracker.outbox.models import Message


@pytest.fixture
def eve(world, clock) -> Client:
    """The browser of Eve, the clinic's administrator."""
    return sign_in(world.eve.user)


def duty(who, **more: str) -> dict[str, str]:
    return {
        "member": str(who.pk), "team": "", "starts_on": "2026-03-02", "starts_time": "08:00",
        "ends_on": "2026-03-03", "ends_time": "08:00",
    } | more  # fmt: skip


def responders_of(patient: Patient, at=NOW) -> list[UUID]:
    with as_clinic(patient.clinic_id):
        return responders.alert_responders(patient.pk, at)


def test_naming_the_first_fallback_contact_activates_the_clinic(world, eve):
    assert "not active yet" in text(eve.get("/on-call/"))

    answer = eve.post("/on-call/fallback-contact/", {"member": str(world.cleo.pk)})

    assert answer.status_code == 302
    clinic = Clinic.objects.get(pk=world.clinic.pk)
    assert (clinic.fallback_contact_id, clinic.activated_at) == (world.cleo.pk, NOW)
    assert "not active yet" not in text(eve.get("/on-call/"))
    assert responders_of(world.ada)[0] == world.cleo.user_id


@pytest.mark.parametrize("who", ["eve", "finn"])
def test_a_fallback_contact_who_is_not_clinical_or_of_another_clinic_is_refused(world, eve, who):
    answer = eve.post("/on-call/fallback-contact/", {"member": str(getattr(world, who).pk)})

    assert answer.status_code == 422
    assert Clinic.objects.get(pk=world.clinic.pk).fallback_contact_id is None


def test_whoever_is_put_on_duty_is_asked_about_alerts_until_the_duty_is_ended(world, eve):
    assert eve.post("/on-call/duty-periods/", duty(world.cleo)).status_code == 302
    assert responders_of(world.ada)[0] == world.cleo.user_id
    assert "Cleo, now" in text(eve.get("/on-call/"))

    with as_clinic(world.clinic.pk):
        period = DutyPeriod.objects.get(staff_member=world.cleo)
    assert eve.post(f"/on-call/duty-periods/{period.pk}/end/").status_code == 302
    assert eve.post(f"/on-call/duty-periods/{period.pk}/end/").status_code == 302

    assert world.cleo.user_id not in responders_of(world.ada, NOW + timedelta(seconds=1))
    with as_clinic(world.clinic.pk):
        assert DutyPeriod.objects.get(pk=period.pk).ends_at == NOW


def test_a_duty_period_that_has_not_begun_is_removed(world, eve):
    eve.post("/on-call/duty-periods/", duty(world.ben, starts_on="2026-03-05", ends_on="2026-03-06"))
    with as_clinic(world.clinic.pk):
        period = DutyPeriod.objects.get(staff_member=world.ben)

    eve.post(f"/on-call/duty-periods/{period.pk}/end/")

    with as_clinic(world.clinic.pk):
        assert not DutyPeriod.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends_on": "2026-03-01"}, {"ends_on": "2026-07-01"}, {"starts_on": "2026-02-01", "ends_on": "2026-02-02"},
        {"starts_on": "0001-01-01"}, {"ends_on": "9999-12-31"}, {"member": "x"}, {"team": "x"}, {"ends_time": "25:00"},
    ],
)  # fmt: skip
def test_a_duty_period_with_a_mistake_is_refused_in_a_sentence(world, eve, wrong):
    answer = eve.post("/on-call/duty-periods/", duty(world.ben, **wrong))

    assert answer.status_code == 422
    assert "Not saved." in text(answer)
    with as_clinic(world.clinic.pk):
        assert not DutyPeriod.objects.exists()


def test_an_administrator_ends_no_duty_period_of_another_clinic(world, eve):
    with as_clinic(world.other_clinic.pk):
        period = DutyPeriod.objects.create(
            clinic_id=world.other_clinic.pk,
            staff_member=world.finn,
            starts_at=NOW,
            ends_at=NOW + timedelta(days=1),
        )

    assert eve.post(f"/on-call/duty-periods/{period.pk}/end/").status_code == 404


def test_clinicians_do_not_change_who_is_on_call(world, ben):
    assert ben.get("/on-call/").status_code == 403
    assert ben.post("/on-call/duty-periods/", duty(world.ben)).status_code == 403


def told(world, words: str) -> set[UUID]:
    with as_clinic(world.clinic.pk):
        return set(
            Message.objects.filter(words=words, withdrawn_at=None).values_list("recipient_id", flat=True)
        )


def test_duty_for_a_team_by_somebody_outside_it_is_told_to_its_patients_and_the_privacy_officer(world, eve):
    olga = factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)
    eve.post("/on-call/duty-periods/", duty(world.cleo, team=str(world.team.pk)))

    assert told(world, "duty-new") == {world.ada.user_id}
    assert told(world, "duty-new-officer") == {olga.user_id}
    with as_user(world.cleo, NOW) as cleo:
        assert world.ada.pk in cleo.caseload


def test_duty_by_a_member_of_the_team_or_for_the_whole_clinic_is_told_to_no_patient(world, eve):
    eve.post("/on-call/duty-periods/", duty(world.ben, team=str(world.team.pk)))
    eve.post("/on-call/duty-periods/", duty(world.cleo))

    with as_clinic(world.clinic.pk):
        assert DutyPeriod.objects.count() == 2
    assert told(world, "duty-new") == set()
    with as_user(world.cleo, NOW) as cleo:
        assert world.ada.pk not in cleo.caseload, "of the clinic's other teams only the alerts are seen"


@pytest.mark.parametrize(("day", "again"), [("2026-04-02", False), ("2026-04-03", True)])
def test_duty_by_turns_is_told_once_in_thirty_days(world, eve, day, again):
    team = {"team": str(world.team.pk)}
    eve.post("/on-call/duty-periods/", duty(world.cleo, **team))
    eve.post("/on-call/duty-periods/", duty(world.cleo, **team, starts_on=day, ends_on="2026-04-04"))

    with as_clinic(world.clinic.pk):
        subjects = Message.objects.filter(words="duty-new").values_list("subject", flat=True).distinct()
        assert len(subjects) == (2 if again else 1)


def test_patients_are_told_of_duty_when_it_begins_and_not_of_one_that_was_removed_before(world, eve):
    team = {"team": str(world.team.pk), "starts_on": "2026-03-05", "ends_on": "2026-03-06"}
    eve.post("/on-call/duty-periods/", duty(world.cleo, **team))
    with as_clinic(world.clinic.pk):
        period = DutyPeriod.objects.get()
        assert set(Message.objects.filter(words="duty-new").values_list("due_at", flat=True)) == {
            period.starts_at
        }

    eve.post(f"/on-call/duty-periods/{period.pk}/end/")

    assert told(world, "duty-new") == set()


def test_duty_that_was_ended_at_once_is_told_all_the_same(world, eve):
    eve.post("/on-call/duty-periods/", duty(world.cleo, team=str(world.team.pk)))
    with as_clinic(world.clinic.pk):
        period = DutyPeriod.objects.get()

    eve.post(f"/on-call/duty-periods/{period.pk}/end/")

    assert told(world, "duty-new") == {world.ada.user_id}


def test_duty_that_was_not_told_for_an_earlier_ones_sake_is_told_when_that_one_is_removed(world, eve):
    team = {"team": str(world.team.pk), "starts_on": "2026-03-05", "ends_on": "2026-03-06"}
    eve.post("/on-call/duty-periods/", duty(world.cleo, **team))
    with as_clinic(world.clinic.pk):
        first = DutyPeriod.objects.get()
    eve.post("/on-call/duty-periods/", duty(world.cleo, **team))

    eve.post(f"/on-call/duty-periods/{first.pk}/end/")

    assert told(world, "duty-new") == {world.ada.user_id}
