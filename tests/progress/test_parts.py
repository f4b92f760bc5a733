"""A summary in parts by category: together they are the whole, and one alone tells nothing of the others."""

import json
from collections import defaultdict
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import factories
from tests.phone import Phone
from tests.progress.facts import MOOD, PAIN, PHQ9, day, facts, series
from tests.rls_context import as_clinic, as_user
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind
from tracker.progress import actions, parts, summaries, trends
from tracker.progress.models import SummaryPart
from tracker.progress.trends import Facts

few = settings(max_examples=60, deadline=None)
numbers = st.dictionaries(st.integers(0, 40), st.floats(0, 10), max_size=20)
sessions = st.none() | st.integers(-5, 50).map(day)


def merged(of_categories: dict[str, Facts], monday: date, today: date) -> bytes:
    """What a reader of these categories gets, made from what is stored."""
    stored = {
        category: json.loads(trends.canonical_json(part.figures))
        for category, each in of_categories.items()
        if (part := parts.weekly_part(each, monday, today, category=Category(category.upper())))
    }
    figures = parts.merge(stored)
    del figures["categories"]
    return trends.canonical_json(figures)


@few
@given(numbers, numbers, sessions, st.integers(0, 60))
def test_the_parts_of_all_categories_merge_to_the_figures_of_everything(pains, moods, session_on, seen_on):
    pain, mood = series(pains), series(moods)
    entries: dict[date, dict[str, int]] = defaultdict(dict)
    for kind, values in (("pain", pain), ("daily", mood)):
        for value in values:
            entries[value.on][kind] = 1
    whole = facts({PAIN: pain, MOOD: mood}, session_on=session_on, entries=entries)
    of_categories = {
        "mood": facts({MOOD: mood}, anchor_on=session_on),
        "pain": facts({PAIN: pain}, anchor_on=session_on, entries={value.on: {"pain": 1} for value in pain}),
        "treatment": facts(session_on=session_on),
    }

    # A week whose first entry is still to come has nothing to tell.
    begun = [
        monday for monday in trends.weeks_to_summarize(whole, day(seen_on)) if min(entries) <= day(seen_on)
    ]
    for monday in begun:
        assert merged(of_categories, monday, day(seen_on)) == trends.canonical_json(
            trends.weekly_figures(whole, monday, day(seen_on))
        )


def test_a_category_without_an_entry_yet_has_no_part_and_a_silent_one_is_not_due():
    held = facts({PAIN: series({0: 5})})

    assert parts.weekly_part(facts(), day(0), day(30), category=Category.PAIN) is None
    assert parts.weekly_part(facts({PAIN: series({8: 5})}), day(0), day(30), category=Category.PAIN) is None
    weeks = [parts.weekly_part(held, day(7 * n), day(90), category=Category.PAIN) for n in range(7)]
    assert [part is not None and part.is_due for part in weeks] == [True] * 5 + [False] * 2
    assert None not in weeks


def on(day: int, kind: str) -> dict[str, Any]:
    at = {"recorded_at": f"2026-03-{day:02d}T12:00:00+01:00"}
    return factories.pain(5, **at) if kind == "pain" else factories.phq9([1] * 9, **at)


@pytest.fixture
def logged(world):
    """Pain on Monday and Tuesday; a questionnaire on Wednesday, and weeks later one more."""
    Phone(world.ada.user).push(
        on(2, "pain"),
        on(3, "pain"),
        on(4, "phq9"),
        factories.phq9([0] * 9, recorded_at="2026-04-28T12:00:00+02:00"),
    )
    actions.refresh_stale(at=factories.MONDAY.replace(month=5, day=6))
    return world


def weeks_of(person, patient) -> list[summaries.Summary]:
    with as_user(person):
        return summaries.newest(patient.pk, limit=50)


@pytest.mark.parametrize(
    ("shared", "entries", "measures", "missed", "weeks"),
    [
        ([Category.PAIN], {"pain": 2}, {PAIN}, ["2026-03-04", "2026-03-05"], 5),
        ([Category.MOOD], {"response": 1}, {PHQ9}, ["2026-03-05", "2026-03-06"], 7),
        ([Category.PAIN, Category.MOOD], {"pain": 2, "response": 1}, {PAIN, PHQ9}, ["2026-03-05", "2026-03-06"], 7),
    ],
)  # fmt: skip
def test_a_team_reads_of_a_week_what_is_shared_and_counts_no_day_of_the_rest(
    logged, shared, entries, measures, missed, weeks
):
    factories.share(logged.ada, logged.team, shared, factories.MONDAY)

    seen = weeks_of(logged.ben, logged.ada)

    figures = seen[-1].figures
    assert figures["categories"] == sorted(category.lower() for category in shared)
    assert figures["alerts"]["raised"] == (1 if Category.MOOD in shared else None)
    assert figures["logged"]["entries"] == entries
    assert {row["measure"] for row in figures["measures"]} == measures
    assert figures["logged"]["days_missed"][:2] == missed
    # Of the weeks in which only the others were logged there is nothing to read.
    assert len(seen) == weeks
    assert "response" not in json.dumps(figures) or Category.MOOD in shared


def test_a_summary_shows_a_category_that_is_withdrawn_to_nobody_at_the_next_read(logged):
    before = weeks_of(logged.ben, logged.ada)[-1]
    factories.share(logged.ada, logged.team, [Category.PAIN], factories.MONDAY)

    after = weeks_of(logged.ben, logged.ada)[-1]

    assert (before.id, before.figures["categories"]) == (after.id, ["mood", "pain"])
    assert after.figures["categories"] == ["pain"]
    assert before.digest != after.digest


def test_a_caregiver_reads_the_parts_of_summaries_that_the_patient_shows(logged):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    factories.caregiver(logged.ada, carl, Category.PAIN)
    phone = Phone(carl)

    (*_, first) = phone.get(f"summaries?patient={logged.ada.pk}").json()["summaries"]
    one = phone.get(f"summaries/{first['id']}")

    assert first["figures"]["logged"]["entries"] == {"pain": 2}
    assert one.json() == first
    for other in (logged.bea, logged.gus):
        assert phone.get(f"summaries?patient={other.pk}").status_code == 404


def test_a_caregiver_reads_no_summary_where_the_clinic_shows_patients_none(logged):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    factories.caregiver(logged.ada, carl, Category.PAIN)
    logged.clinic.patients_see_summaries = False
    logged.clinic.save()

    assert Phone(carl).get(f"summaries?patient={logged.ada.pk}").json()["code"] == "not_shared_by_clinic"


def test_parts_of_a_patient_are_stored_once_for_each_week_and_category(logged):
    with as_clinic(logged.clinic.pk):
        rows = list(
            SummaryPart.objects.order_by("week_start", "category").values_list("category", "is_due")[:4]
        )

    assert rows == [("MOOD", True), ("PAIN", True), ("MOOD", True), ("PAIN", True)]
