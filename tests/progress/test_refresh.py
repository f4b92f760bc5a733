"""Summaries follow the entries behind them, cost nothing when nothing changed, and bear two workers at once."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from tests import factories
from tests.concurrency import run_concurrently
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.clinics.models import Patient
from tracker.progress import actions, trends
from tracker.progress import summaries as reading
from tracker.progress.models import SummaryPart, SummaryState
from tracker.progress.summaries import Summary
from tracker.records.models import ChangeCounter, Observation

WEEK = date(2026, 3, 2)
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def refresh(at: datetime = NOW) -> int:
    return actions.refresh_stale(at=at)


def summaries(world: factories.World) -> dict[date, Summary]:
    with as_clinic(world.clinic.pk):
        return {week.week_start: week for week in reading.newest(world.ada.pk, limit=1000)}


def figures(world: factories.World, week_start: date = WEEK) -> dict[str, Any]:
    return dict(summaries(world)[week_start].figures)


def on(day: int, intensity: int = 5, **more) -> dict[str, Any]:
    """A pain entry at noon of a March day."""
    return factories.pain(intensity, recorded_at=f"2026-03-{day:02d}T12:00:00+01:00", **more)


def removal(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "data"} | {
        "revision": record["revision"] + 1, "removed": True,
    }  # fmt: skip


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def test_a_week_of_entries_becomes_a_summary(world, phone):
    phone.push(*[on(day, 6) for day in (2, 3, 4, 5)], on(9, 2))

    assert refresh() == 1
    held = summaries(world)
    assert sorted(held) == [WEEK + timedelta(weeks=n) for n in range(3)]
    assert held[WEEK].digest != held[WEEK + timedelta(weeks=1)].digest
    assert figures(world)["measures"][0]["now"]["value"] == 6


def test_an_amended_entry_rewrites_its_week_and_the_baseline_it_is_part_of(world, phone):
    first, second = on(2, 6), [on(day, 3) for day in (9, 10, 11, 12)]
    phone.push(first, on(3), on(4), on(5), *second)
    refresh()
    before = summaries(world)

    phone.push(second[0] | {"revision": 2, "data": {"intensity": 9}})
    assert refresh(LATER) == 1

    after = summaries(world)
    # Nothing of the first week changes but its baseline, which the second week's days are part of.
    assert figures(world)["measures"][0]["baseline"]["value"] == (6 + 5 + 5 + 5 + 9 + 3 + 3 + 3) / 8
    week = WEEK + timedelta(weeks=1)
    assert (after[week].revision, after[week].id) == (2, before[week].id)
    assert figures(world, week)["measures"][0]["now"]["value"] == (9 + 3 + 3 + 3) / 4


def test_an_entry_that_is_moved_to_another_week_leaves_the_one_and_enters_the_other(world, phone):
    moved = on(2, 6)
    phone.push(moved, on(3), on(9))
    refresh()

    phone.push(moved | {"revision": 2, "recorded_at": "2026-03-10T12:00:00+01:00"})
    refresh(LATER)

    assert figures(world)["logged"]["entries"] == {"pain": 1}
    assert figures(world)["logged"]["days_missed"][0] == "2026-03-04"
    assert figures(world, WEEK + timedelta(weeks=1))["logged"]["entries"] == {"pain": 2}


def test_a_patient_whose_entries_are_all_removed_has_no_summary_any_more(world, phone):
    entry = on(2)
    phone.push(entry)
    refresh()
    assert summaries(world)

    phone.push(removal(entry))

    assert refresh(LATER) == 1
    assert summaries(world) == {}
    assert refresh(LATER) == 0


def test_a_first_week_that_is_emptied_goes_and_the_others_stay(world, phone):
    entry = on(2)
    phone.push(entry, on(9))
    refresh()

    phone.push(removal(entry))
    refresh(LATER)

    assert sorted(summaries(world)) == [WEEK + timedelta(weeks=1), WEEK + timedelta(weeks=2)]


def test_nothing_new_costs_one_question_per_clinic_and_writes_nothing(
    world, phone, django_assert_max_num_queries
):
    phone.push(on(2))
    refresh()
    before = {week: row.built_at for week, row in summaries(world).items()}

    # The list of clinics; then for each of two: savepoint, context, the question, the context's end, savepoint.
    with django_assert_max_num_queries(11):
        assert actions.refresh_stale(at=LATER) == 0

    assert {week: row.built_at for week, row in summaries(world).items()} == before


def test_a_change_that_no_figure_shows_leaves_the_bytes_and_the_revision(world, phone):
    page = factories.record("journal", {"text": "one"})
    phone.push(page)
    refresh()
    before = summaries(world)

    phone.push(page | {"revision": 2, "data": {"text": "two"}})

    assert refresh(LATER) == 1
    after = summaries(world)
    assert {week: (row.revision, row.built_at) for week, row in after.items()} == {
        week: (row.revision, row.built_at) for week, row in before.items()
    }


def test_the_same_entries_sent_in_another_order_give_the_same_bytes(world, phone):
    entries = [on(day, day % 8) for day in range(2, 12)] + [factories.phq9([day % 4] * 9) for day in range(3)]
    phone.push(*entries)
    bea = Phone(world.bea.user)
    for entry in reversed(entries):
        bea.push(entry)

    refresh()

    with as_clinic(world.clinic.pk):
        digests = [
            [week.digest for week in reading.newest(who.pk, limit=1000)] for who in (world.ada, world.bea)
        ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 3


def test_a_day_that_has_turned_makes_the_running_week_stale(world, phone):
    phone.push(on(16))
    refresh()
    assert figures(world, date(2026, 3, 16))["week"]["through_on"] == "2026-03-18"

    assert refresh(NOW + timedelta(hours=1)) == 0
    assert refresh(NOW + timedelta(days=1)) == 1
    assert figures(world, date(2026, 3, 16))["week"]["through_on"] == "2026-03-19"


def test_a_new_version_of_the_rules_makes_every_summary_again(world, phone, monkeypatch):
    phone.push(on(2))
    refresh()

    monkeypatch.setattr(trends, "ALGORITHM", "progress/next")

    assert refresh(LATER) == 1
    assert {row.figures["algorithm"] for row in summaries(world).values()} == {"progress/next"}


@pytest.mark.parametrize(
    ("recorded_at", "time_zone", "week_start"),
    [
        # Half past midnight on the Monday after clocks went forward: still Sunday in UTC.
        ("2026-03-30T00:30:00+02:00", "Europe/Amsterdam", date(2026, 3, 30)),
        ("2026-03-29T23:59:59+02:00", "Europe/Amsterdam", date(2026, 3, 23)),
        # The hour that comes twice, on the Sunday when clocks go back, and midnight after it.
        ("2025-10-26T02:30:00+01:00", "Europe/Amsterdam", date(2025, 10, 20)),
        ("2025-10-27T00:00:00+01:00", "Europe/Amsterdam", date(2025, 10, 27)),
        # The same instant is Sunday evening for one patient and Monday for another.
        ("2026-03-08T20:00:00-04:00", "America/New_York", date(2026, 3, 2)),
        ("2026-03-09T09:00:00+09:00", "Asia/Tokyo", date(2026, 3, 9)),
    ],
)
def test_an_entry_belongs_to_the_week_of_the_patients_own_clock(
    world, phone, recorded_at, time_zone, week_start
):
    phone.push(factories.pain(5, recorded_at=recorded_at, time_zone=time_zone))
    refresh(datetime(2026, 4, 30, tzinfo=UTC))

    with as_clinic(world.clinic.pk):
        assert reading.weeks(world.ada.pk)[-1] == week_start


def test_the_doses_of_a_taper_stand_in_the_summary_and_a_skipped_one_is_none(world, phone):
    def use(day: int, **data) -> dict[str, Any]:
        return factories.record(
            "medication_use", {"medication": "oxycodone"} | data, recorded_at=f"2026-03-{day:02d}T09:00:00Z"
        )

    taken = {"outcome": "taken", "dose_value": 10.0, "dose_unit": "mg"}
    phone.push(use(2, **taken), use(2, **taken), use(3, **taken), use(5, outcome="skipped"))
    refresh()

    (row,) = figures(world)["medication"]
    assert (row["taken"], row["skipped"], row["days_known"]) == (3, 1, 3)
    assert row["daily_mg"] == {"first": 20.0, "last": 0.0, "mean": 10.0}


def test_one_patient_whose_figures_cannot_be_made_keeps_nobody_else_from_theirs(world, phone):
    phone.push(on(2))
    Phone(world.bea.user).push(on(2))
    with as_clinic(world.clinic.pk):
        removed = Observation.objects.filter(patient=world.bea)
        factories.rename_measure(removed, "of-an-instrument-that-was-removed")

    assert refresh() == 1

    assert summaries(world)
    with as_clinic(world.clinic.pk):
        assert not SummaryPart.objects.filter(patient=world.bea).exists()


def test_summaries_that_cannot_be_made_are_tried_again_after_a_while_and_then_after_longer(world, phone):
    phone.push(on(2))
    with as_clinic(world.clinic.pk):
        factories.rename_measure(Observation.objects.all(), "of-an-instrument-that-was-removed")

    def state() -> tuple[int, datetime | None]:
        with as_clinic(world.clinic.pk):
            return SummaryState.objects.values_list("failures", "next_try_at").get(patient=world.ada)

    minute = timedelta(minutes=1)
    assert refresh() == 0
    assert state() == (1, NOW + minute)
    refresh(NOW + minute / 2)
    assert state() == (1, NOW + minute)
    refresh(NOW + minute)
    assert state() == (2, NOW + 3 * minute)

    with as_clinic(world.clinic.pk):
        factories.rename_measure(Observation.objects.all(), "pain.intensity")
    assert refresh(NOW + 3 * minute) == 1
    assert state() == (0, None)


def filled(live, patients: int) -> list[Patient]:
    """Patients with four weeks of entries each, committed."""
    world = live.world
    with transaction.atomic():
        everybody = [factories.patient(world.clinic, f"p{n}", world.team) for n in range(patients)]
    for who in everybody:
        with transaction.atomic():
            Phone(who.user).push(*[on(day, day % 9) for day in range(1, 29)])
    return everybody


def test_two_workers_at_once_make_each_summary_once(live):
    patients = filled(live, 6)
    at = datetime(2026, 3, 29, 12, tzinfo=UTC)

    counts = run_concurrently(*[lambda: actions.refresh_stale(at=at)] * 2)
    # Whoever gave way to the other comes again at the next tick.
    actions.refresh_stale(at=at)

    assert all(isinstance(count, int) for count in counts), counts
    with as_clinic(live.world.clinic.pk):
        weeks = list(SummaryPart.objects.filter(is_due=True).values_list("patient_id", "week_start"))
        assert len(weeks) == len(set(weeks)) == len(patients) * 5
        assert len(set(SummaryPart.objects.filter(is_due=True).values_list("week_start", "digest"))) == 5
        assert SummaryState.objects.count() == len(patients)


def test_a_worker_does_not_wait_for_a_phone_that_is_sending(live):
    ada = filled(live, 1)[0]
    clinic = live.world.clinic.pk

    with as_clinic(clinic):
        ChangeCounter.objects.select_for_update().get(patient=ada)
        (busy,) = run_concurrently(lambda: actions.refresh(clinic_id=clinic, patient_id=ada.pk, at=NOW))
    (free,) = run_concurrently(lambda: actions.refresh(clinic_id=clinic, patient_id=ada.pk, at=NOW))

    assert (busy, free) == (False, True)


def test_a_phone_that_sends_while_numbers_are_read_waits_for_no_worker(live, monkeypatch):
    """Its entry is in the next summary, and the one that was being made is dropped."""
    ada = filled(live, 1)[0]
    clinic, load = live.world.clinic.pk, actions.load
    answers: list[Any] = []

    def load_while_a_phone_sends(patient: Patient) -> Any:
        numbers = load(patient)
        answers.extend(run_concurrently(lambda: Phone(ada.user).push(on(2, 9))))
        return numbers

    with monkeypatch.context() as patched:
        patched.setattr(actions, "load", load_while_a_phone_sends)
        made = actions.refresh(clinic_id=clinic, patient_id=ada.pk, at=NOW)

    assert [answer.json()["results"][0]["status"] for answer in answers] == ["stored"]
    assert made is False
    assert actions.refresh(clinic_id=clinic, patient_id=ada.pk, at=NOW) is True


def test_there_is_nothing_to_refresh_for_an_unknown_patient(world):
    assert actions.refresh(clinic_id=world.clinic.pk, patient_id=uuid.uuid4(), at=NOW) is False
    assert connection.in_atomic_block
