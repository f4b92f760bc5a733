"""A patient's page: the timeline, the summary, entries, check-ins."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.dashboard.conftest import NOW, text
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind
from tracker.alerts.models import Alert
from tracker.dashboard import formatting
from tracker.instruments import catalogue
from tracker.lib import days
from tracker.progress import actions as progress
from tracker.reminders.models import CheckIn
from tracker.treatment import actions as treatment
from tracker.treatment.products import Route


def at(days_ago: float) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat()


def diary(days: int, *, last: int = 0) -> list[dict[str, Any]]:
    """A daily log, a dose and now and then a questionnaire."""
    items: list[dict[str, Any]] = []
    for n in range(last, last + days):
        items.append(factories.record("daily", {"pain_avg": n % 10, "mood": 5}, recorded_at=at(n)))
        dose = {"medication": "venlafaxine", "outcome": "taken", "dose_value": 75.0, "dose_unit": "mg"}
        items.append(factories.record("medication_use", dose, recorded_at=at(n + 0.1)))
        if n % 14 == 0:
            items.append(factories.phq9(recorded_at=at(n + 0.2)))
    return items


def summarise(world: factories.World) -> None:
    progress.refresh(clinic_id=world.clinic.pk, patient_id=world.ada.pk, at=NOW)


@pytest.fixture
def path(world: factories.World) -> str:
    return f"/patients/{world.ada.pk}/"


def test_the_timeline_is_drawn_with_pain_mood_dose_and_scores(ben, path, world, send):
    send(world.ada, *diary(40))

    page = ben.get(path).content.decode()

    titles = re.findall(r"<title id=[^>]+>([^<]+)</title>", page)
    assert titles == ["Pain: average pain", "Mood", "Dose of venlafaxine", "PHQ-9"]
    assert page.count('role="img"') == 4
    assert page.count("<caption>") == 4


def test_a_panel_that_is_dropped_is_named_and_never_the_questionnaire(ben, path, world, send):
    doses = [
        {"medication": f"drug-{n}", "outcome": "taken", "dose_value": 5.0, "dose_unit": "mg"}
        for n in range(8)
    ]
    send(world.ada, *diary(15), *(factories.record("medication_use", dose) for dose in doses))

    page = ben.get(path)

    titles = re.findall(r"<title id=[^>]+>([^<]+)</title>", page.content.decode())
    assert len(titles) == 8
    assert {"Pain: average pain", "Mood", "PHQ-9"} <= set(titles)
    assert "not drawn here for lack of space: Dose of drug 5; " in text(page)


def test_the_ranges_are_links_and_the_chosen_one_is_marked(ben, path, world, send):
    with as_clinic(world.clinic.pk):
        type(world.ada).objects.filter(pk=world.ada.pk).update(enrolled_on=date(2025, 8, 15))
    send(world.ada, *diary(200))

    spans = {key: text(ben.get(path, {"range": key})) for key in ("4w", "3m", "all", "nonsense")}

    assert "3 Feb 2026 to 2 Mar 2026" in spans["4w"]
    assert "2 Dec 2025 to 2 Mar 2026" in spans["3m"]
    assert "2 Dec 2025 to 2 Mar 2026" in spans["nonsense"]
    assert "15 Aug 2025 to 2 Mar 2026" in spans["all"]
    assert (
        '<a href="?range=4w#timeline" aria-current="true">' in ben.get(path, {"range": "4w"}).content.decode()
    )


def test_the_first_mean_of_a_range_has_the_days_before_it(ben, path, world, send):
    send(world.ada, *diary(60))

    mean = re.search(
        r'class="stretch".*?class="mean s0" d="M(\d+) ', ben.get(path, {"range": "4w"}).content.decode()
    )

    assert mean
    assert mean[1] == "5"


def test_a_record_that_ended_long_ago_says_so(ben, path, world, send):
    send(world.ada, *diary(20, last=60))

    page = text(ben.get(path))

    assert "to 1 Jan 2026. The record ends there, 60 days ago: nothing here is about today" in page


def test_treatment_sessions_are_marked(ben, path, world, send):
    send(world.ada, *diary(40))
    with as_user(world.ben, NOW) as principal:
        treatment.record_past_session(
            principal=principal, patient=world.ada, starts_at=NOW - timedelta(days=10), route=Route.IV_INFUSION,
            dose_mg=Decimal(35), at=NOW,
        )  # fmt: skip

    page = ben.get(path).content.decode()

    assert page.count('class="session"') == 4
    assert "20 Feb 2026: IV infusion, 35 mg" in page


def test_the_newest_summary_is_shown_and_older_weeks_are_a_link_away(ben, path, world, send):
    send(world.ada, *diary(40))
    summarise(world)

    newest, older = ben.get(path), ben.get(path, {"week": "2026-02-09"})

    assert "2 Mar to 8 Mar 2026" in text(newest)
    assert "so far, up to 2 Mar 2026" in text(newest)
    assert "week=2026-02-23#summary" in newest.content.decode()
    assert "9 Feb to 15 Feb 2026 an older week" in text(older)
    assert "7 of 7 days" in text(older)


@pytest.mark.parametrize("week", ["nonsense", "9999-12-31", "0001-01-01", "2026-13-40", "1999-01-04"])
def test_a_week_without_a_summary_is_no_fault(ben, path, world, send, week):
    send(world.ada, *diary(10))
    summarise(world)

    assert ben.get(path, {"week": week}).status_code == 200


def test_a_patient_without_anything_has_a_page(ben, path):
    page = text(ben.get(path))

    assert "Nothing has been recorded yet." in page
    assert "No summary yet." in page


def test_a_journal_is_private_and_its_text_is_never_shown(ben, path, world, send):
    send(
        world.ada,
        factories.record("journal", {"text": "What nobody may read.", "share": "none", "mood": 4}),
        factories.record("journal", {"text": "What the team may know.", "share": "entry"}),
    )

    page = text(ben.get(path))

    assert page.count("Journal entry") == 1
    assert "Journal entry, shared with the care team" in page
    assert "private" not in page
    assert "mood 4 of 10" not in page
    assert "What nobody" not in page


def test_recent_entries_are_read_at_a_glance(ben, path, world, send):
    send(
        world.ada,
        factories.record("pain", {"intensity": 6, "worst": 8}),
        factories.phq9([2, 2, 2, 2, 2, 2, 2, 2, 0]),
        factories.phq9([2, None, None, None, None, None, None, None, 0], recorded_at=at(1)),
        factories.record(
            "medication_use",
            {"medication": "venlafaxine", "outcome": "skipped", "reason": "forgot"},
            recorded_at=at(3),
        ),
        factories.record("daily", {"self_harm_thoughts": True, "sleep_hours": 6.5}),
    )

    page = text(ben.get(path))

    assert "Pain 6 of 10, worst 8" in page
    assert "Patient Health Questionnaire" in page
    assert ": 16 (" in page
    assert "incomplete" in page
    assert "venlafaxine, skipped (forgot)" in page
    assert "arrived 3 days later" in page
    assert "thoughts of self-harm: yes" in page


def test_what_a_caregiver_wrote_says_who_wrote_it_and_so_does_its_alert(ben, path, world, send):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    factories.caregiver(world.ada, carl, Category.MOOD, may_write=True, at=NOW)
    said = factories.record("pain", {"intensity": 3}, source={"who": "caregiver"})
    send(world.ada, said, factories.phq9())
    answer = Phone(carl).post(f"records?patient={world.ada.pk}", factories.daily(self_harm_thoughts=True))
    assert answer.status_code == 201

    page = text(ben.get(path))

    assert "thoughts of self-harm: yes" in page
    assert page.count("written by Carl, caregiver") == 1
    assert page.count("said by a caregiver") == 1
    assert "Given by Carl, caregiver" in page
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()
    answers = text(ben.get(f"/alerts/{alert.pk}/answers/"))
    assert "given by Carl, caregiver" in answers


def test_what_the_body_says_is_read_at_a_glance(ben, path, world, send):
    send(
        world.ada,
        factories.record(
            "pain",
            {"intensity": 6, "regions": [{"code": "knee", "side": "left"}, {"code": "neck", "side": "mid"}]},
        ),
        factories.record("practice", {"practice": "walking_or_aerobic", "minutes": 25, "helpful": 7}),
        factories.record("sleep", {"hours": 6.5, "quality": 4, "awakenings": 0}),
        factories.record("sleep", {"bed_at": "2026-03-01T22:30:00Z"}),
        factories.record("side_effects", {"items": {"nausea": 2, "headache": 3, "dizziness": 0}}),
        factories.record("side_effects", {"items": {"vomiting": 0}}),
        factories.record("vitals", {"systolic": 128, "diastolic": 82, "weight_kg": 81.25, "spo2": 97}),
    )

    page = text(ben.get(path))

    assert "Pain 6 of 10, left knee, neck" in page
    assert "Practice walking or aerobic, 25 min, helpful 7 of 10" in page
    assert "Sleep 6.5 h, quality 4 of 10, awakenings 0" in page
    assert "Sleep times only" in page
    assert "Side effects headache (severe), nausea (moderate)" in page
    assert "Side effects none" in page
    assert "Vitals 128/82 mmHg, oxygen saturation 97 %, weight 81.25 kg" in page


def test_a_form_without_a_total_that_was_amended_is_read_at_a_glance(ben, path, world, send):
    form = catalogue.latest("c-ssrs-screener")
    given = {"instrument": form.code, "version": form.version, "status": "complete"}
    none = {item.link_id: 0 for item in form.items}
    first = factories.record("response", given | {"answers": none})
    send(world.ada, first)
    send(world.ada, first | {"revision": 2, "amendment_reason": "typo"})

    assert "complete, amended" in text(ben.get(path))


def test_answers_without_a_score_and_a_stated_total_that_differs_are_read_at_a_glance(ben, path, world, send):
    unscored, differs = factories.phq9([1] * 9), factories.phq9([2] * 8 + [0])
    unscored["data"]["version"] = "2050"
    differs["data"]["reported_total"] = 14
    send(world.ada, unscored, differs)

    told = text(ben.get(path))

    assert "Patient Health Questionnaire 9-item, unscored: unknown version" in told
    assert (
        "Patient Health Questionnaire 9-item: 16 (moderately severe); the app stated 14, which differs"
        in told
    )


def test_answers_given_too_soon_after_a_dose_say_so_and_are_not_drawn(ben, path, world, send):
    soon = factories.phq9([2] * 8 + [0], recorded_at=at(1 - 1.5 / 24))
    send(world.ada, factories.phq9([1] * 8 + [0], recorded_at=at(20)), soon)
    with as_user(world.ben, NOW) as principal:
        treatment.record_past_session(
            principal=principal, patient=world.ada, starts_at=NOW - timedelta(days=1), route=Route.IM,
            dose_mg=Decimal(35), at=NOW,
        )  # fmt: skip

    shown = text(ben.get(path))
    factories.share(world.ada, world.team, set(Category) - {Category.TREATMENT}, NOW)
    without_sessions = text(ben.get(path))

    assert "9-item: 16 (moderately severe); answered within 2 h after a dose, does not count" in shown
    assert "PHQ-9: 1 day with entries, from 8 to 8" in shown
    # Who does not see the sessions sees that the answers do not count.
    assert "9-item: 16 (moderately severe); answered soon after a dose, does not count" in without_sessions


def test_an_imported_entry_says_so_and_is_drawn(ben, path, world, send):
    send(world.ada, factories.pain(7, recorded_at=at(200), origin="imported"))

    page = ben.get(f"{path}?range=all")

    assert "imported" in text(page)
    assert "Pain" in text(page)


def test_a_removed_entry_is_not_listed(ben, path, world, send):
    entry = factories.pain(9)
    send(world.ada, entry)
    send(world.ada, factories.record("pain", None, id=entry["id"], revision=2, removed=True))

    assert "9 of 10" not in text(ben.get(path))


def test_open_alerts_stand_on_the_page_and_lead_back_to_it(ben, path, world, send):
    send(world.ada, factories.phq9([0, 0, 0, 0, 0, 0, 0, 0, 1]))

    page = ben.get(path).content.decode()

    assert "1 open alert" in page
    assert f'name="back" value="{world.ada.pk}"' in page


def test_the_answers_of_an_alert_stand_on_a_page_of_their_own_with_their_dates(
    ben, cleo, path, world, send, django_assert_num_queries
):
    ages = [0.1, *(30 * month for month in range(1, 4))]
    send(world.ada, *[factories.phq9([0] * 8 + [1], recorded_at=at(age)) for age in ages])
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.open().get(patient=world.ada)
    page = f"/alerts/{alert.pk}/answers/"

    assert f'href="{page}"><strong>4 answers</strong>' in ben.get(path).content.decode()
    with django_assert_num_queries(8):
        told = text(ben.get(page))
    assert "Ada: " in told
    assert "4 answers of one alert" in told
    assert told.count("more than 7 days later") == 3
    on = [days.local(datetime.fromisoformat(at(age)), factories.ZONE) for age in ages]
    places = [told.index(formatting.moment(moment)) for moment in on]
    assert places == sorted(places)
    assert cleo.get(page).status_code == 404


def test_alerts_of_other_patients_stand_on_their_own_pages(ben, path, world, send):
    send(factories.patient(world.clinic, "zoe", world.team), factories.phq9([0, 0, 0, 0, 0, 0, 0, 0, 1]))

    assert "No open alerts" in text(ben.get(path))


def test_a_check_in_is_planned_in_the_patients_own_time(ben, path, world):
    with as_clinic(world.clinic.pk):
        type(world.ada).objects.filter(pk=world.ada.pk).update(time_zone="America/New_York")

    answer = ben.post(
        f"{path}check-ins/", {"on": "2026-03-04", "time": "09:30", "minutes": "30"}, follow=True
    )

    assert answer.redirect_chain == [(path, 302)]
    assert "Check-in planned for Wed 4 Mar 2026, 09:30 (America/New_York)." in text(answer)
    with as_clinic(world.clinic.pk):
        planned = CheckIn.objects.get()
    assert (planned.starts_at.isoformat(), planned.minutes) == ("2026-03-04T14:30:00+00:00", 30)


def test_a_missing_local_time_is_planned_with_the_offset_before_the_gap_and_said(ben, path):
    answer = ben.post(
        f"{path}check-ins/", {"on": "2026-03-29", "time": "02:30", "minutes": "20"}, follow=True
    )

    assert "Check-in planned for Sun 29 Mar 2026, 03:30 (Europe/Amsterdam)." in text(answer)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"on": "2026-03-01", "time": "09:30", "minutes": "20"}, "That time has passed"),
        ({"on": "2026-03-04", "time": "09:30", "minutes": "241"}, "less than or equal to 240"),
        ({"on": "soon", "time": "09:30", "minutes": "20"}, "Enter a valid date"),
        ({"on": "9999-12-31", "time": "23:59", "minutes": "20"}, "too far ahead"),
        ({"on": "2026-03-02", "time": "10:59", "minutes": "20"}, "That time has passed"),
        ({"on": "0001-01-01", "time": "00:00", "minutes": "20"}, "That time has passed"),
        ({}, "This field is required"),
    ],
)
def test_a_mistake_comes_back_with_the_form(ben, path, world, sent, told):
    answer = ben.post(f"{path}check-ins/", sent)

    assert answer.status_code == 422
    assert told in text(answer)
    assert "Not planned." in text(answer)
    with as_clinic(world.clinic.pk):
        assert not CheckIn.objects.exists()


@pytest.mark.parametrize("time", ["09:30", "09:49", "09:11"])
def test_check_ins_that_overlap_are_not_planned_and_the_page_says_why(ben, path, world, time):
    sent = {"on": "2026-03-04", "time": "09:30", "minutes": "20"}
    ben.post(f"{path}check-ins/", sent)

    answer = ben.post(f"{path}check-ins/", sent | {"time": time})
    kim = factories.patient(world.clinic, "kim", world.team)
    other = ben.post(f"/patients/{kim.pk}/check-ins/", sent | {"time": time})

    assert (answer.status_code, other.status_code) == (422, 422)
    assert "The patient has another check-in that overlaps with this one." in text(answer)
    assert "You have a check-in with another patient that overlaps with this one." in text(other)


def test_a_check_in_can_be_cancelled(ben, path, world):
    ben.post(f"{path}check-ins/", {"on": "2026-03-04", "time": "09:30", "minutes": "20"})
    with as_clinic(world.clinic.pk):
        planned = CheckIn.objects.get()
    assert "Wed 4 Mar 2026, 09:30" in text(ben.get(path))

    answer = ben.post(f"{path}check-ins/{planned.pk}/cancel/", follow=True)

    assert "The check-in is cancelled." in text(answer)
    assert "None planned." in text(answer)


def test_a_page_with_hundreds_of_medications_names_the_last_and_most_logged_and_says_how_many_more(
    ben, path, world, send
):
    def dose(name: str, days_ago: float) -> dict[str, Any]:
        taken = {"medication": name, "outcome": "taken", "dose_value": 1.0, "dose_unit": "mg"}
        return factories.record("medication_use", taken, recorded_at=at(days_ago))

    send(world.ada, *(dose(f"made-up-{n}", 0.1) for n in range(300)))
    send(world.ada, *(dose("venlafaxine", 0.01 * n) for n in range(1, 4)))
    summarise(world)

    answer = ben.get(path)

    page = text(answer)
    assert "281 more medications." in page
    assert "And 251 more medications, logged less often." in page
    assert "Venlafaxine" in page
    assert len(answer.content) < 200_000


def test_the_page_costs_fourteen_statements_whatever_the_length_of_the_record(ben, path, world, send):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ben.get(path, {"range": "all"}).status_code == 200
        return len(queries)

    send(world.ada, *diary(5))
    summarise(world)
    few = cost()
    send(world.ada, *diary(100, last=5), factories.phq9([1, 1, 1, 1, 1, 1, 1, 1, 1]))
    summarise(world)

    assert few == cost() <= 14


def test_an_entry_of_a_wrong_clock_or_of_an_unknown_zone_says_so_and_is_in_no_number(ben, path, world, send):
    send(
        world.ada,
        factories.pain(9, recorded_at=(NOW + timedelta(hours=12)).isoformat()),
        factories.pain(8, recorded_at="2030-01-01T08:00:00+01:00"),
        factories.pain(2, recorded_at=NOW.isoformat()),
        factories.pain(3, recorded_at="2026-03-01T08:00:00+07:00", time_zone="Asia/Hanoi"),
        factories.pain(4, recorded_at="2026-03-01T07:00:00+05:00"),
    )

    page = text(ben.get(path, {"range": "all"}))

    numbers, entries = page.split("Recent entries")
    assert "9 of 10 Mon 2 Mar 2026, 23:00 , phone's clock ahead: in no number" in entries
    assert "3 of 10 Sun 1 Mar 2026, 08:00 , arrived 33 h later, time zone not known" in entries
    assert (
        "4 of 10 Sun 1 Mar 2026, 03:00 , arrived 32 h later, phone's clock differs from its time zone"
        in entries
    )
    assert "2 days with entries, from 2 to 3.5, 2 on 2 Mar 2026" in numbers
    assert "Last entry 2 Mar 2026" in numbers
    assert "2029" not in page
    assert "2030" not in page
