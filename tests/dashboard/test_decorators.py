"""Who gets in: signed-in staff, at pages of their role, to patients of their own."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from tests import factories
from tests.dashboard.conftest import NOW, sign_in, text
from tests.rls_context import as_clinic, as_user
from tracker.access import policy
from tracker.audit.models import AuditEvent
from tracker.clinics.models import TeamMembership
from tracker.dashboard import urls
from tracker.reminders import actions as reminders


@pytest.fixture
def check_in(world: factories.World):
    """A check-in that Ben has planned with Ada."""
    with as_user(world.ben, NOW) as principal:
        return reminders.plan_check_in(
            principal=principal, patient=world.ada, starts_at=NOW + timedelta(days=1), minutes=20, at=NOW
        )


def routes_of(patient_id: uuid.UUID, check_in_id: uuid.UUID) -> list[tuple[str, str]]:
    return [
        ("GET", f"/patients/{patient_id}/"),
        ("GET", f"/patients/{patient_id}/?range=all&week=2026-03-02"),
        ("POST", f"/patients/{patient_id}/check-ins/"),
        ("POST", f"/patients/{patient_id}/check-ins/{check_in_id}/cancel/"),
    ]


def same(answer) -> tuple[object, ...]:
    """All of an answer that a stranger can see, but for the id of the request itself."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
    return answer.status_code, answer.content, headers


def test_nobody_is_sent_to_sign_in_and_comes_back_to_the_page(db, world):
    answer = Client().get(f"/patients/{world.ada.pk}/")

    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next=/patients/{world.ada.pk}/"


def test_a_wrong_password_is_told_kindly_and_lets_nobody_in(db, world):
    browser = Client()

    answer = browser.post("/accounts/login/", {"login": world.ben.user.email, "password": "wrong, alas"})

    assert answer.status_code == 200
    assert "not correct" in text(answer)
    assert browser.get("/").status_code == 302


def test_signing_up_is_closed(db):
    assert "Accounts are made by your clinic" in text(Client().get("/accounts/signup/"))


def test_a_stranger_cannot_tell_a_patient_of_others_from_a_missing_one(world, cleo, check_in):
    for (method, theirs), (_, missing) in zip(
        routes_of(world.ada.pk, check_in.pk), routes_of(uuid.uuid4(), uuid.uuid4()), strict=True
    ):
        seen, unseen = cleo.generic(method, theirs), cleo.generic(method, missing)

        assert seen.status_code == 404, theirs
        assert same(seen) == same(unseen)
        assert b"Ada" not in seen.content


def test_a_clinician_of_another_clinic_is_a_stranger_too(world, clock, check_in):
    finn = sign_in(world.finn.user)

    for method, theirs in routes_of(world.ada.pk, check_in.pk):
        assert finn.generic(method, theirs).status_code == 404
    assert "Ada" not in text(finn.get("/"))


def test_a_check_in_of_another_patient_is_not_cancelled_through_ones_own(world, cleo, check_in):
    answer = cleo.post(f"/patients/{world.bea.pk}/check-ins/{check_in.pk}/cancel/")

    assert answer.status_code == 404
    with as_clinic(world.clinic.pk):
        check_in.refresh_from_db()
    assert check_in.cancelled_at is None


def test_a_refusal_leaves_a_trace_that_names_whom_it_was_about(world, cleo):
    cleo.get(f"/patients/{world.ada.pk}/")

    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(result="REFUSED")
    assert (event.actor, event.patient, event.purpose, event.detail["status"]) == (
        f"user/{world.cleo.user_id}",
        world.ada.pk,
        "GET /patients/<uuid:patient_id>/",
        404,
    )


def test_opening_a_chart_leaves_a_trace(world, ben):
    ben.get(f"/patients/{world.ada.pk}/")

    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="chart.open")
    assert (event.actor, event.patient) == (f"user/{world.ben.user_id}", world.ada.pk)


def test_a_patient_gets_a_plain_page_and_no_page_of_the_team(world, clock):
    browser = sign_in(world.ada.user)

    assert "This site is for care teams" in text(browser.get("/"))
    assert browser.get(f"/patients/{world.ada.pk}/").status_code == 403
    assert browser.get("/alerts/").status_code == 403
    assert browser.post(f"/patients/{world.ada.pk}/check-ins/").status_code == 403


def test_an_administrator_sees_no_clinical_content(world, clock):
    browser = sign_in(world.eve.user)

    page = text(browser.get("/"))
    assert "clinic administrator" in page
    assert "Ada" not in page
    for path in (f"/patients/{world.ada.pk}/", f"/patients/{uuid.uuid4()}/", "/alerts/"):
        assert browser.get(path).status_code == 403


def test_who_leaves_a_team_sees_its_patients_no_more(world, ben):
    assert ben.get(f"/patients/{world.ada.pk}/").status_code == 200
    with as_clinic(world.clinic.pk):
        TeamMembership.objects.filter(staff_member=world.ben).update(ends_at=NOW)

    assert ben.get(f"/patients/{world.ada.pk}/").status_code == 404
    assert "Ada" not in text(ben.get("/"))


def test_a_changed_password_ends_sessions_made_before(world, ben):
    user = world.ben.user
    user.set_password("another long passphrase")
    user.save()

    answer = ben.get("/", follow=True)

    assert answer.redirect_chain == [("/accounts/login/?next=/", 302)]
    assert answer.status_code == 200


def test_an_account_that_is_switched_off_is_out_at_once(world, ben):
    user = world.ben.user
    user.is_active = False
    user.save()

    assert ben.get("/", follow=True).redirect_chain == [("/accounts/login/?next=/", 302)]


def test_health_pages_stay_in_no_cache(world, ben):
    for path in ("/", "/alerts/", f"/patients/{world.ada.pk}/"):
        assert ben.get(path)["Cache-Control"] == "no-store, private"


def test_every_route_names_what_its_caller_must_be_allowed():
    for route in urls.urlpatterns:
        assert isinstance(getattr(route.callback, "action", None), policy.Action), route


def test_a_page_is_changed_only_by_post_with_a_token(world, clock):
    browser = Client(enforce_csrf_checks=True)
    browser.get("/accounts/login/")
    token = browser.cookies["csrftoken"].value
    form = {"login": world.ada.user.email, "password": factories.PASSWORD, "csrfmiddlewaretoken": token}
    assert browser.post("/accounts/login/", form).status_code == 302

    assert browser.post(f"/alerts/{uuid.uuid4()}/acknowledge/").status_code == 403
    assert browser.get(f"/alerts/{uuid.uuid4()}/acknowledge/").status_code == 405


def test_a_missing_page_looks_like_ours(world, ben):
    answer = ben.get("/nowhere/")

    assert answer.status_code == 404
    assert "Page not found" in text(answer)


def test_signing_out_ends_the_session(world, ben):
    ben.post("/accounts/logout/")

    assert ben.get("/").status_code == 302


def test_a_read_only_database_is_said_and_nothing_is_shown_without_its_trace(world, ben):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")

    for answer in (ben.get("/"), ben.get(f"/patients/{world.ada.pk}/")):
        assert answer.status_code == 503
        assert answer["Retry-After"] == "5"
        assert "Back in a moment" in text(answer)
        assert "Ada" not in text(answer)


def test_a_database_that_is_away_is_said_kindly(django_db_setup, django_db_blocker):
    settings = connection.settings_dict
    port = settings["PORT"]
    with django_db_blocker.unblock():
        connection.close()
        settings["PORT"] = "1"
        try:
            answer = Client().get("/")
        finally:
            settings["PORT"] = port
            connection.close()

    assert answer.status_code == 503
    assert "Back in a moment" in text(answer)
