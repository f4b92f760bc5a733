"""The rows kept ready agree with a plain recomputation, and with the summaries, whatever happened in between."""

import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any

import pytest
from django.db import connection

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tracker.access.policy import Category
from tracker.clinics.models import Patient
from tracker.lib import days
from tracker.progress import actions, trends
from tracker.records import categories, daily_statistics, measure_state, measures
from tracker.records.models import MeasureState, Observation
from tracker.treatment import actions as treatment
from tracker.treatment.models import TreatmentSession
from tracker.treatment.products import Route

START = date(2026, 3, 9)
ZONES = ("Europe/Amsterdam", "America/New_York", "Asia/Tokyo")
SESSION_AT = datetime(2026, 3, 25, 10, tzinfo=days.zone("Europe/Amsterdam"))


class Diary:
    """A phone that writes, amends, moves and removes entries at random, across a clock change and three zones."""

    def __init__(self, world: factories.World, seed: int) -> None:
        self.phone, self.chance = Phone(world.ada.user), random.Random(seed)
        self.held: dict[str, dict[str, Any]] = {}

    def moment(self) -> dict[str, Any]:
        time_zone = self.chance.choice(ZONES)
        on = START + timedelta(days=self.chance.randrange(40))
        # Few times of day, so that several entries share an instant.
        at = days.instant(on, time(self.chance.choice([0, 2, 9, 9, 23]), 30), time_zone)
        return {"recorded_at": at.isoformat(), "time_zone": time_zone}

    def data(self, kind: str) -> dict[str, Any]:
        pick = self.chance.randrange
        if kind == "pain":
            return {"intensity": pick(11)} | ({"worst": pick(11)} if pick(2) else {})
        if kind == "daily":
            return {"mood": pick(11), "sleep_hours": pick(97) / 4}
        form: dict[str, Any] = factories.phq9([*(pick(4) for _ in range(8)), 0])["data"]
        return form

    def fresh(self) -> dict[str, Any]:
        kind = self.chance.choice(["pain", "pain", "daily", "response"])
        return factories.record(kind, self.data(kind), **self.moment())

    def amended(self, record: dict[str, Any]) -> dict[str, Any]:
        record = record | {"revision": record["revision"] + 1}
        if self.chance.random() < 0.4:
            return {name: value for name, value in record.items() if name != "data"} | {"removed": True}
        if self.chance.random() < 0.5:
            return record | self.moment()
        return record | {"data": self.data(record["kind"])}

    def write(self, n: int) -> None:
        batch = []
        for _ in range(n):
            living = [record for record in self.held.values() if not record.get("removed")]
            again = bool(living) and self.chance.random() < 0.45
            record = self.amended(self.chance.choice(living)) if again else self.fresh()
            self.held[record["id"]] = record
            batch.append(record)
        answer = self.phone.push(*batch).json()
        assert {row["status"] for row in answer["results"]} == {"stored"}


def day_means(rows: Sequence[Observation], first: date, last: date) -> list[float]:
    by_day: dict[date, list[float]] = defaultdict(list)
    for row in rows:
        if first <= row.local_date <= last:
            by_day[row.local_date].append(row.value)
    return [fmean(values) for values in by_day.values()]


def plain(rows: Sequence[Observation], form: bool, session: TreatmentSession | None) -> dict[str, Any]:
    """The current values of one measure as ``docs/summaries.md`` tells them, the slow way."""
    rows = sorted(rows, key=lambda row: (row.local_date, row.at, row.source_id))
    last = max(rows, key=lambda row: (row.at, row.source_id))
    week = day_means(rows, rows[-1].local_date - timedelta(days=6), rows[-1].local_date)
    if session:
        first, until = session.local_date - timedelta(days=14), session.local_date - timedelta(days=1)
    else:
        first, until = rows[0].local_date, rows[0].local_date + timedelta(days=13)
    baseline = day_means(rows, first, until)
    value = fmean(baseline) if baseline else None
    if form:
        before = [row for row in rows if session and first <= row.local_date <= session.local_date]
        forms = [
            row.value
            for row in before
            if session and session.first_dosed_at and row.at < session.first_dosed_at
        ]
        value = (forms[-1] if forms else None) if session else rows[0].value
    return {
        "last": last.value, "last_at": last.at, "last_on": last.local_date,
        "week_mean": pytest.approx(fmean(week)), "week_n": len(week),
        "baseline": None if value is None else pytest.approx(value),
        "baseline_basis": "BEFORE_TREATMENT" if session else "FIRST_DAYS",
    }  # fmt: skip


def too_soon(row: Observation, session: TreatmentSession | None) -> bool:
    """Whether a form was filled in within four hours after the dose: it is in no number."""
    dosed_at = session and session.first_dosed_at
    is_form = measures.get(row.measure).is_questionnaire
    return bool(dosed_at and is_form and dosed_at <= row.at < dosed_at + timedelta(hours=4))


def check(world: factories.World) -> None:
    with as_clinic(world.clinic.pk):
        session = TreatmentSession.objects.order_by("starts_at").first()
        seen: dict[str, list[Observation]] = defaultdict(list)
        for row in Observation.objects.filter(patient=world.ada):
            if not too_soon(row, session):
                seen[row.measure].append(row)
        held = {row.measure: row for row in MeasureState.objects.filter(patient=world.ada)}
        facts = actions.load(Patient.objects.get(pk=world.ada.pk))

    assert set(held) == set(seen)
    for name, rows in seen.items():
        wanted = plain(rows, measures.get(name).is_questionnaire, session)
        assert {key: getattr(held[name], key) for key in wanted} == wanted, name
    agree_with_summaries(held, facts)


def agree_with_summaries(held: dict[str, MeasureState], facts: dict[Category, trends.Facts]) -> None:
    far = days.week_start(START) + timedelta(weeks=52)
    told = {
        row["measure"]: row
        for each in facts.values()
        for row in trends.weekly_figures(each, far, far)["measures"]
    }
    assert set(told) == set(held)
    for name, row in told.items():
        baseline = row["baseline"] and row["baseline"]["value"]
        assert held[name].baseline == (None if baseline is None else pytest.approx(baseline)), name
        assert held[name].last == trends.newest(facts[categories.of_measure(name)].values[name]).last, name


@pytest.mark.parametrize("turn", range(4))
def test_current_values_are_those_of_a_plain_recomputation_after_any_history(world, turn):
    diary = Diary(world, factories.SEED + turn)
    for _ in range(4):
        diary.write(12)
        check(world)

    with as_user(world.ben) as ben:
        treatment.record_past_session(
            principal=ben,
            patient=world.ada,
            starts_at=SESSION_AT,
            route=Route.IM,
            dose_mg=Decimal(35),
            at=SESSION_AT,
        )
    for _ in range(3):
        check(world)
        diary.write(12)
    check(world)


def test_a_form_after_the_dosing_is_no_baseline_although_it_is_of_the_same_day(world):
    phone = Phone(world.ada.user)
    hour = timedelta(hours=1)
    forms = {SESSION_AT - hour: 2, SESSION_AT: 1, SESSION_AT + hour: 0}
    phone.push(*[factories.phq9([item] * 8 + [0], recorded_at=at.isoformat()) for at, item in forms.items()])

    with as_user(world.ben) as ben:
        treatment.record_past_session(
            principal=ben,
            patient=world.ada,
            starts_at=SESSION_AT,
            route=Route.IM,
            dose_mg=Decimal(35),
            at=SESSION_AT,
        )

    with as_clinic(world.clinic.pk):
        assert MeasureState.objects.get(measure="phq-9").baseline == 16
    check(world)


def test_of_two_forms_of_the_first_day_the_first_is_the_baseline(world):
    at = factories.MONDAY
    Phone(world.ada.user).push(
        factories.phq9([2] * 8 + [0], recorded_at=at.isoformat()),
        factories.phq9([1] * 8 + [0], recorded_at=(at + timedelta(hours=1)).isoformat()),
    )

    with as_clinic(world.clinic.pk):
        assert MeasureState.objects.get(measure="phq-9").baseline == 16
    check(world)


def test_a_late_entry_moves_the_baseline_and_leaves_the_last_value(world):
    phone = Phone(world.ada.user)
    phone.push(
        factories.pain(6), factories.pain(2, recorded_at=(factories.MONDAY + timedelta(days=20)).isoformat())
    )
    phone.push(factories.pain(9, recorded_at=(factories.MONDAY - timedelta(days=3)).isoformat()))

    with as_clinic(world.clinic.pk):
        row = MeasureState.objects.get(measure="pain.intensity")
    assert (row.baseline, row.baseline_n, row.last) == (7.5, 2, 2)


def test_a_measure_whose_only_entry_is_removed_has_no_current_value(world):
    phone, record = Phone(world.ada.user), factories.pain(6, id=str(uuid.uuid4()))
    phone.push(record)
    phone.push({name: v for name, v in record.items() if name != "data"} | {"revision": 2, "removed": True})

    with as_clinic(world.clinic.pk):
        assert not MeasureState.objects.exists()


PLANS = (
    "enable_seqscan",
    "enable_sort",
    "enable_hashagg",
    "enable_indexscan, enable_indexonlyscan, enable_bitmapscan",
)


def figures_by_plan(patient: Patient, measure: str, disabled: str) -> tuple[Any, ...]:
    """The stored state and the statistics of the days, with some ways of the planner closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(name, 'off', true) FROM unnest(%s::text[]) AS name", [disabled.split(", ")]
        )
        measure_state.refresh(patient.clinic_id, patient.pk, [measure], removed=False)
        cursor.execute(
            "SELECT set_config(name, 'on', true) FROM unnest(%s::text[]) AS name", [disabled.split(", ")]
        )
    state = MeasureState.objects.get(patient=patient, measure=measure)
    daily = daily_statistics.of_measure(patient, measure, START, START + timedelta(days=13))
    return state.baseline, state.week_mean, *(day["mean"] for day in daily)


def test_neither_plan_nor_order_of_rows_changes_a_bit_of_a_mean(world):
    chance, figures, measure = random.Random(7), set(), "vitals.temperature_c"
    Phone(world.ada.user).push(
        *(
            factories.record(
                "vitals",
                {"temperature_c": chance.randrange(361, 389) / 10},
                recorded_at=f"2026-03-{9 + day:02d}T{8 + n:02d}:00:00Z",
            )
            for day in range(14)
            for n in range(3)
        )
    )

    with as_clinic(world.clinic.pk):
        rows = list(Observation.objects.filter(measure=measure))
        for _ in range(4):
            chance.shuffle(rows)
            Observation.objects.filter(measure=measure).delete()
            Observation.objects.bulk_create(rows)
            figures |= {figures_by_plan(world.ada, measure, disabled) for disabled in PLANS}

    assert len(rows) == 42
    assert len(figures) == 1
