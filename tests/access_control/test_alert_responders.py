"""Who is asked about an alert can take it on, without being shown more than that it is there."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.policy import Category, Relation
from tracker.access.principal import load_principal
from tracker.alerts import actions as alerts
from tracker.alerts.models import Alert
from tracker.alerts.notification import notify_responders_again
from tracker.clinics.models import Clinic, DutyPeriod, Patient, StaffMember
from tracker.outbox.models import Message
from tracker.records.kinds.questionnaire import Response

POSITIVE_ITEM_9 = [0] * 8 + [2]


def make_fallback(world: factories.World, who: StaffMember) -> None:
    with as_clinic(world.clinic.pk):
        Clinic.objects.filter(pk=world.clinic.pk).update(fallback_contact=who)


def make_primary(world: factories.World, who: StaffMember) -> None:
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(primary_clinician=who)


def put_on_duty(world: factories.World, who: StaffMember) -> None:
    now = timezone.now()
    with as_clinic(world.clinic.pk):
        DutyPeriod.objects.create(
            clinic_id=world.clinic.pk, staff_member=who, starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(hours=1),
        )  # fmt: skip


@pytest.fixture(params=[make_fallback, make_primary, put_on_duty])
def asked(request: Any, world: factories.World) -> factories.World:
    """Cleo, who is on another team, answers for Ada; Ada gave a positive safety answer."""
    request.param(world, world.cleo)
    Phone(world.ada.user).push(factories.phq9(POSITIVE_ITEM_9), factories.pain(5))
    return world


def test_an_alert_is_seen_and_taken_on_by_who_is_asked(asked):
    cleo = Phone(asked.cleo.user)
    seen = cleo.get("alerts").json()["alerts"]

    assert [alert["patient"] for alert in seen] == [str(asked.ada.pk)]
    assert (
        cleo.post(
            f"alerts/{seen[0]['id']}/acknowledge?answers={seen[0]['answers']}&base_version=1"
        ).status_code
        == 200
    )
    with as_clinic(asked.clinic.pk):
        assert Alert.objects.get().acknowledged_by_id == asked.cleo.user_id


def test_an_alert_responder_sees_the_alert_and_no_other_row_of_the_patient(asked):
    cleo = Phone(asked.cleo.user)
    for path in ("records", "observations?measure=pain.intensity", "summaries", "sync/pull"):
        joined = "&" if "?" in path else "?"
        assert cleo.get(f"{path}{joined}patient={asked.ada.pk}").status_code == 404
    assert not Response.objects.exists()
    principal = load_principal(asked.cleo.user_id, timezone.now())

    assert principal.relation_to(asked.ada.pk) == Relation.ALERT_RESPONDER
    assert principal.visible_categories(asked.ada.pk) == frozenset()
    assert asked.ada.pk not in principal.caseload
    assert not any(principal.can_see(asked.ada.pk, category) for category in Category)
    assert not Response.objects.filter(patient=asked.ada).exists()


def test_a_colleague_who_is_no_alert_responder_sees_no_alert(world):
    Phone(world.ada.user).push(factories.phq9(POSITIVE_ITEM_9))

    assert Phone(world.cleo.user).get("alerts").json()["alerts"] == []


def test_the_fallback_contact_of_another_clinic_is_no_one_here(world):
    with as_clinic(world.other_clinic.pk):
        Clinic.objects.filter(pk=world.other_clinic.pk).update(fallback_contact=world.finn)
    Phone(world.ada.user).push(factories.phq9(POSITIVE_ITEM_9))

    assert Phone(world.finn.user).get("alerts").json()["alerts"] == []


def test_break_glass_opens_the_record_from_the_alert(asked):
    browser = Client()
    authenticator.add_totp(asked.cleo.user)
    browser.post("/accounts/login/", {"login": asked.cleo.user.email, "password": factories.PASSWORD})
    browser.post("/accounts/2fa/authenticate/", {"code": authenticator.totp_code()})
    page = browser.get("/").content.decode()
    with as_clinic(asked.clinic.pk):
        alert = Alert.objects.get()

    assert f"/emergency/?alert={alert.pk}" in page
    assert f"/patients/{asked.ada.pk}/" not in page
    assert browser.get(f"/patients/{asked.ada.pk}/").status_code == 404
    form = browser.get(f"/emergency/?alert={alert.pk}").content.decode()
    assert "Day of birth" not in form
    opened = browser.post(
        f"/emergency/?alert={alert.pk}", {"reason": "Item nine is positive and nobody answers."}
    )
    assert opened.status_code == 302
    assert browser.get(opened.headers["Location"]).status_code == 200
    assert browser.get("/emergency/?alert=nonsense").status_code == 404
    assert browser.get(f"/emergency/?alert={asked.ada.pk}").status_code == 404


def escalated(world: factories.World, minutes: int) -> None:
    alerts.escalate_overdue(at=timezone.now() + timedelta(minutes=minutes))


def test_once_everybody_is_asked_everybody_can_answer_until_somebody_has(world):
    Phone(world.ada.user).push(factories.phq9(POSITIVE_ITEM_9))
    cleo, finn = Phone(world.cleo.user), Phone(world.finn.user)
    escalated(world, 16)
    assert cleo.get("alerts").json()["alerts"] == []

    escalated(world, 61)
    seen = cleo.get("alerts").json()["alerts"]
    assert len(seen) == 1
    assert finn.get("alerts").json()["alerts"] == []
    assert (
        cleo.post(
            f"alerts/{seen[0]['id']}/acknowledge?answers={seen[0]['answers']}&base_version=1"
        ).status_code
        == 200
    )
    assert cleo.get(f"records?patient={world.ada.pk}").status_code == 404

    assert load_principal(world.cleo.user_id, timezone.now()).relation_to(world.ada.pk) is None


def test_whoever_answers_next_is_told_when_a_colleague_is_switched_off(world):
    make_primary(world, world.ben)
    make_fallback(world, world.cleo)
    Phone(world.ada.user).push(factories.phq9(POSITIVE_ITEM_9))
    with as_clinic(world.clinic.pk):
        assert not Message.objects.filter(recipient=world.cleo.user).exists()
        type(world.ben.user).objects.filter(pk=world.ben.user_id).update(is_active=False)

    notify_responders_again(clinic_id=world.clinic.pk, at=timezone.now())
    notify_responders_again(clinic_id=world.clinic.pk, at=timezone.now())

    with as_clinic(world.clinic.pk):
        assert Message.objects.filter(recipient=world.cleo.user).count() == 2


def test_who_has_left_still_has_somebody_who_answers(world):
    make_fallback(world, world.cleo)
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(discharged_on=timezone.now().date())
    Phone(world.ada.user).push(factories.phq9(POSITIVE_ITEM_9))

    assert len(Phone(world.cleo.user).get("alerts").json()["alerts"]) == 1


def test_a_coordinator_is_sent_to_a_clinician_for_the_record(world):
    make_fallback(world, world.dan)
    Phone(world.bea.user).push(factories.phq9(POSITIVE_ITEM_9))
    browser = Client()
    authenticator.add_totp(world.dan.user)
    browser.post("/accounts/login/", {"login": world.dan.user.email, "password": factories.PASSWORD})
    browser.post("/accounts/2fa/authenticate/", {"code": authenticator.totp_code()})

    page = browser.get("/").content.decode()

    assert "A clinician can open their record" in page
    assert "/emergency/?alert" not in page
