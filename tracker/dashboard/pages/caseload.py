"""
The caseload: every patient of the principal's teams, those who need a clinician first.

Three queries, whatever the number of patients: patients (with their last entry and next check-in), what is
kept ready of their measures, and the open alerts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Func, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Concat, Greatest

from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.clinics.models import Patient
from tracker.dashboard import formatting, triage
from tracker.dashboard.pages import alerts as alerts_page
from tracker.dashboard.triage import MeasureReading
from tracker.lib import days
from tracker.records import measures
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.models import MeasureState
from tracker.records.patient_record import ClockSkew
from tracker.reminders.models import CheckIn

ORDERS = {"need": "Who needs me first", "name": "Name", "last": "Last entry", "next": "Next check-in"}
_FAMILIES = ("pain", "mood")
# What may hold entries of the patient's own.
_ENTRIES = frozenset({Category.PAIN, Category.MOOD, Category.MEDICATION})
_FIRST = {"pain": "daily.pain_avg", "mood": "phq-9"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure of one patient in the table. ``then`` is set where the value is too old to stand for now."""

    label: str
    baseline: str
    now: str
    basis: str
    then: str
    arrow: str
    change: str
    word: str


@dataclass(frozen=True, slots=True)
class Row:
    """One patient in the table."""

    id: UUID
    name: str
    team: str
    reasons: Sequence[tuple[str, str]]
    pain: Reading | None
    mood: Reading | None
    last_on: date | None
    last: str
    last_ago: str
    next_at: datetime | None
    next: str
    next_zone: str
    rank: tuple[float, ...]
    shares_pain: bool = True
    shares_mood: bool = True


@dataclass(frozen=True, slots=True)
class CaseloadPage:
    """All that the caseload shows."""

    alerts: alerts_page.AlertBox
    rows: Sequence[Row]
    order: str
    orders: Sequence[tuple[str, str]]
    several_teams: bool
    in_need: int


def caseload(principal: Principal, order: str, at: datetime, alerts_number: int = 1) -> CaseloadPage:
    """
    Build the caseload in ``order``, one of ``ORDERS``; anything else is by need.

    ``alerts_number`` is the page of its open alerts.
    """
    order = order if order in ORDERS else "need"
    alerts = alerts_page.alert_box(principal, at, number=alerts_number)
    raised: dict[UUID, list[tuple[str, bool]]] = {}
    for patient_id, level, is_historical in alerts.levels:
        raised.setdefault(patient_id, []).append((level, is_historical))
    held = _held()
    rows = [
        _row(patient, held.get(patient["id"], {}), raised.get(patient["id"], ()), principal, at)
        for patient in _patients(principal, at)
    ]
    return CaseloadPage(
        alerts=alerts,
        rows=sorted(rows, key=lambda row: _key(row, order)),
        order=order,
        orders=list(ORDERS.items()),
        several_teams=len({row.team for row in rows}) > 1,
        in_need=sum(bool(row.reasons) for row in rows),
    )


def _patients(principal: Principal, at: datetime) -> QuerySet[Patient, Any]:
    """
    The principal's patients in care, each with the day of the last entry and the next check-in.

    The last entry is the one of the greatest instant. What a phone's clock dated ahead of its receipt is none: it would
    hide silence.
    """
    newest = [_newest(kind) for kind in KINDS.values() if kind.is_entry]
    upcoming = CheckIn.objects.upcoming(at).filter(patient=OuterRef("pk")).order_by("starts_at")
    return (
        Patient.objects.filter(pk__in=principal.caseload, discharged_on=None)
        .annotate(
            team=F("care_team__name"),
            last=Greatest(*newest),
            next_at=Subquery(upcoming.values("starts_at")[:1]),
            next_zone=Subquery(upcoming.values("time_zone")[:1]),
        )
        .values("id", "name", "time_zone", "enrolled_on", "team", "last", "next_at", "next_zone")
    )


def _newest(kind: Kind) -> Subquery:
    """The newest entry of a kind as ``instant day``: texts in the order of the instants."""

    def believable(patient: OuterRef) -> QuerySet[Any]:
        rows = kind.rows(patient, as_patient=False)
        return rows.filter(removed_at=None).exclude(clock_skew=ClockSkew.AHEAD)

    # By the index of days: the greatest instant lies on the last local days, however somebody travels.
    last_day = believable(OuterRef(OuterRef("pk"))).order_by("-local_date").values("local_date")[:1]
    of_last_days = believable(OuterRef("pk")).filter(local_date__gte=Subquery(last_day) - timedelta(days=3))
    instant = Func(
        F("recorded_at"), Value("YYYYMMDDHH24MISSUS"), function="to_char", output_field=TextField()
    )
    stamp = Concat(instant, Value(" "), Cast("local_date", TextField()), output_field=TextField())
    return Subquery(of_last_days.order_by("-recorded_at").annotate(stamp=stamp).values("stamp")[:1])


def _held() -> dict[UUID, dict[str, list[MeasureReading]]]:
    """What is kept ready: patient to family to measures. Row security narrows it to theirs."""
    wanted = {m.code: m for m in measures.all().values() if m.family in _FAMILIES}
    found: dict[UUID, dict[str, list[MeasureReading]]] = {}
    rows: QuerySet[Any, Any] = MeasureState.objects.filter(measure__in=wanted).values_list(
        "patient_id", "measure", "baseline", "baseline_to", "last", "last_on", "week_mean", "week_n",
        "week_by_caregiver",
    )  # fmt: skip
    for patient_id, code, *numbers in rows:
        measure = wanted[code]
        held = MeasureReading(measure, *numbers)
        found.setdefault(patient_id, {}).setdefault(measure.family, []).append(held)
    return found


def _row(
    patient: dict[str, Any],
    families: dict[str, list[MeasureReading]],
    alerts: Sequence[tuple[str, bool]],
    principal: Principal,
    at: datetime,
) -> Row:
    today = days.local_day(at, patient["time_zone"])
    pain = triage.representative(families.get("pain", ()), today, _FIRST["pain"])
    mood = triage.representative(families.get("mood", ()), today, _FIRST["mood"])
    last_on = date.fromisoformat(patient["last"].split()[1]) if patient["last"] else None
    seen = principal.visible_categories(patient["id"])
    standing = triage.TriageState(
        alerts=alerts,
        worse=[*_worse("pain", pain, today), *_worse("mood", mood, today)],
        # Of somebody who shares none of their entries, silence says nothing.
        silent_days=(today - (last_on or patient["enrolled_on"])).days if seen & _ENTRIES else 0,
        has_entries=last_on is not None,
    )
    return Row(
        id=patient["id"],
        name=patient["name"],
        team=patient["team"],
        reasons=standing.reasons(),
        pain=_reading(pain, today),
        mood=_reading(mood, today),
        last_on=last_on,
        last=formatting.day(last_on) if last_on else "",
        last_ago=formatting.days_ago((today - last_on).days) if last_on else "none yet",
        next_at=patient["next_at"],
        next=formatting.soon(days.local(patient["next_at"], patient["next_zone"]))
        if patient["next_at"]
        else "",
        next_zone=patient["next_zone"] if patient["next_zone"] != principal.time_zone else "",
        rank=standing.rank(),
        # The daily log, which is of mood and daily life, tells of pain too.
        shares_pain=bool(seen & {Category.PAIN, Category.MOOD}),
        shares_mood=Category.MOOD in seen,
    )


def _worse(name: str, held: MeasureReading | None, today: date) -> list[tuple[str, float]]:
    """The family's name and how much worse it is, if it is."""
    change = triage.change(held, today) if held else None
    return (
        [(name, triage.relative_change(held, change))] if held and change and change.word == "worse" else []
    )


def _reading(held: MeasureReading | None, today: date) -> Reading | None:
    if held is None:
        return None
    change = triage.change(held, today)
    return Reading(
        label=held.measure.label,
        baseline=formatting.number(held.baseline) if held.baseline is not None else "",
        now=formatting.number(held.now),
        basis=formatting.short_day(held.last_on)
        if held.measure.is_questionnaire
        else formatting.count(held.n, "day")
        + (f", {held.by_caregiver} by a caregiver" if held.by_caregiver else ""),
        then="" if held.is_current(today) else formatting.days_ago((today - held.last_on).days),
        arrow=change.arrow if change else "",
        change=formatting.signed(change.absolute) if change else "",
        word=change.word if change else "",
    )


def _key(row: Row, order: str) -> tuple[Any, ...]:
    by_name = (row.name.casefold(), row.id)
    if order == "last":
        return (row.last_on or date.min, *by_name)
    if order == "next":
        return (row.next_at is None, row.next_at.timestamp() if row.next_at else 0, *by_name)
    return by_name if order == "name" else (*row.rank, *by_name)
