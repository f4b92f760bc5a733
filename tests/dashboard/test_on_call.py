"""On call: the fallback contact and duty periods, set by an administrator."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from tests.dashboard.conftest import NOW, sign_in, text
from tests.rls_context import as_clinic
from tracker.clinics import responders
from tracker.clinics.models import Clinic, DutyPeriod, Patient


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
