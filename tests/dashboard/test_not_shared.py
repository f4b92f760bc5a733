"""What a patient does not share is told as such: it is not taken for silence, or for nothing being wrong."""

from datetime import date, timedelta

import pytest

from tests import factories
from tests.dashboard.conftest import NOW, sign_in, text
from tests.rls_context import as_clinic
from tracker.access.policy import Category
from tracker.access.principal import load_principal
from tracker.clinics.models import Patient, Role
from tracker.reminders import actions as reminders


@pytest.fixture
def pain_only(world: factories.World, send) -> factories.World:
    send(world.ada, factories.pain(6), factories.daily(mood=2), factories.phq9([1] * 8 + [2]))
    factories.share(world.ada, world.team, [Category.PAIN], NOW)
    return world


def test_the_page_names_what_is_not_shared_and_shows_none_of_it(pain_only, ben):
    page = text(ben.get(f"/patients/{pain_only.ada.pk}/"))

    assert "Not shared with you: mood and daily life, medication, journal, visits, treatment." in page
    assert "6 of 10" in page
    assert "Daily log" not in page
    assert "Plan a telehealth check-in" not in page


def test_the_alert_reaches_the_team_all_the_same(pain_only, ben):
    for path in ("/", f"/patients/{pain_only.ada.pk}/"):
        assert "PHQ-9 item 9: thoughts of death or self-harm" in text(ben.get(path))


def test_the_caseload_says_not_shared_and_makes_no_silence_of_it(world, ben):
    factories.share(world.ada, world.team, [], NOW)

    page = text(ben.get("/"))

    assert page.count("not shared") == 2
    assert "No entry" not in page


def test_a_check_in_is_not_planned_where_visits_are_not_shared(pain_only, ben):
    answer = ben.post(
        f"/patients/{pain_only.ada.pk}/check-ins/", {"on": "2026-03-05", "time": "10:00", "minutes": 20}
    )

    assert answer.status_code == 404


def test_emergency_access_by_its_page_opens_shows_a_banner_and_ends(world, cleo, send):
    send(world.ada, factories.pain(6))
    ben = load_principal(world.ben.user_id, NOW)
    soon = NOW + timedelta(days=1)
    reminders.plan_check_in(principal=ben, patient=world.ada, starts_at=soon, minutes=20, at=NOW)
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(birth_date=date(1980, 2, 29))
    given = {"name": "ada", "birth_date": "1980-02-29", "reason": "Brought in unconscious."}
    assert "60 minutes" in text(cleo.get("/emergency/"))

    refused = cleo.post("/emergency/", given | {"name": "nobody"})
    assert (refused.status_code, "Nobody of this name" in text(refused)) == (422, True)
    opened = cleo.post("/emergency/", given)
    assert opened["Location"] == f"/patients/{world.ada.pk}/"
    page = text(cleo.get(opened["Location"]))
    assert "for another 1 hour" in page.replace("\xa0", " ")
    assert "6 of 10" in page
    assert "Plan a telehealth check-in" not in page
    assert "Cancel" not in page
    assert "Ada" not in text(cleo.get("/"))

    cleo.post("/emergency/end/")
    assert cleo.get(opened["Location"]).status_code == 404


def test_the_privacy_officer_sees_each_time_and_no_patient(world, cleo, send):
    olga = factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(birth_date=date(1980, 2, 29))
    cleo.post("/emergency/", {"name": "ada", "birth_date": "1980-02-29", "reason": "Brought in unconscious."})
    browser = sign_in(olga.user)

    assert browser.get("/")["Location"] == "/emergency/log/"
    page = text(browser.get("/emergency/log/"))
    assert all(word in page for word in ("Cleo", "Ada", "Brought in unconscious."))
    assert browser.get(f"/patients/{world.ada.pk}/").status_code == 403
    assert browser.get("/emergency/").status_code == 403
