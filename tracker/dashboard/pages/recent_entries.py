"""What was recorded last, and every treatment session: one query over all tables of entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import JSONObject

from tracker.dashboard import formatting
from tracker.dashboard.chart_model import Mark
from tracker.instruments import catalogue, measures
from tracker.lib import days
from tracker.records.models import (
    DailyLog,
    JournalEntry,
    MedicationUse,
    PainEntry,
    PracticeEntry,
    Response,
    Score,
    SideEffects,
    SleepEntry,
    TreatmentSession,
    Vitals,
)
from tracker.records.models.body import VITALS
from tracker.records.models.diary import DAILY_ITEMS, Outcome, Reason, Share
from tracker.records.models.responses import Status
from tracker.records.models.treatment import Route
from tracker.records.value_sets import said

RECENT = 10
# Of regions and side effects this many are named.
MOST_NAMED = 4
_SEVERITY = {1: "mild", 2: "moderate", 3: "severe"}
# An entry that reached us this much later than it was made says so.
LATE = timedelta(hours=24)
_STATUS = {
    Status.DRAFT: "being filled in",
    Status.INCOMPLETE: "incomplete",
    Status.COMPLETE: "complete",
    Status.AMENDED: "complete, amended",
}
_PAIN = ("intensity", "worst", "least", "interference", "regions")
_PRACTICE = ("practice", "minutes", "helpful")
_COLUMNS = ("kind", "at", "time_zone", "local_date", "received", "what")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of recent entries."""

    kind: str
    what: str
    when: str
    at: datetime
    late: str


@dataclass(frozen=True, slots=True)
class RecentEntries:
    """The newest entries, and all treatment sessions."""

    entries: Sequence[Entry]
    marks: Sequence[Mark]
    last_on: date | None


def recent_entries(patient_id: UUID, today: date) -> RecentEntries:
    """
    Return what happened to the patient: recent entries newest first, sessions oldest first.

    What a phone with a wrong clock dates later than tomorrow is left out, and so is a journal that is not shared.
    """
    latest = today + timedelta(days=1)
    branches = [
        _recent(PainEntry, "Pain", patient_id, _PAIN, latest),
        _recent(DailyLog, "Daily log", patient_id, DAILY_ITEMS, latest),
        _recent(
            MedicationUse,
            "Medication",
            patient_id,
            ("medication", "outcome", "dose_value", "dose_unit", "reason"),
            latest,
        ),
        _recent(JournalEntry, "Journal", patient_id, ("mood",), latest),
        _recent(PracticeEntry, "Practice", patient_id, _PRACTICE, latest),
        _recent(SleepEntry, "Sleep", patient_id, ("hours", "quality", "awakenings"), latest),
        _recent(SideEffects, "Side effects", patient_id, ("items",), latest),
        _recent(Vitals, "Vitals", patient_id, VITALS, latest),
        _responses(patient_id, latest),
        _sessions(patient_id),
    ]
    rows = list(branches[0].union(*branches[1:], all=True))
    entries = sorted(
        (row for row in rows if row["kind"] != "session"), key=lambda row: row["at"], reverse=True
    )
    marks = sorted((row for row in rows if row["kind"] == "session"), key=lambda row: row["at"])
    return RecentEntries(
        [_entry(row) for row in entries[:RECENT]],
        [Mark(row["local_date"], session_label(row["what"])) for row in marks],
        max((row["local_date"] for row in entries), default=None),
    )


def _recent(
    model: Any, kind: str, patient_id: UUID, fields: Sequence[str], latest: date, **more: Any
) -> QuerySet[Any, dict[str, Any]]:
    shown = {"share": Share.ENTRY} if model is JournalEntry else {}
    held: QuerySet[Any] = (
        model.objects.filter(patient=patient_id, removed_at=None, local_date__lte=latest, **shown)
        .order_by("-local_date", "-recorded_at")
        .annotate(
            kind=Value(kind, CharField()),
            at=F("recorded_at"),
            received=F("received_at"),
            what=JSONObject(**{field: field for field in fields}, **more),
        )
    )
    return held.values(*_COLUMNS)[:RECENT]


def _responses(patient_id: UUID, latest: date) -> QuerySet[Any, dict[str, Any]]:
    """Responses with the total that was computed for the revision that stands."""
    total = Score.objects.filter(
        patient=patient_id,
        response_id=OuterRef("id"),
        revision=OuterRef("revision"),
        measure=OuterRef("instrument"),
    ).order_by("-made_at")
    return _recent(
        Response,
        "Questionnaire",
        patient_id,
        ("instrument", "status"),
        latest,
        total=Subquery(total.values("value")[:1]),
        band=Subquery(total.values("band")[:1]),
    )


def _sessions(patient_id: UUID) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = (
        TreatmentSession.objects.filter(patient=patient_id)
        .order_by()
        .annotate(
            kind=Value("session", CharField()),
            at=F("starts_at"),
            received=F("starts_at"),
            what=JSONObject(route="route", dose_mg="dose_mg"),
        )
        .values(*_COLUMNS)
    )
    return rows


def session_label(what: Mapping[str, Any]) -> str:
    """Return ``IV infusion, 35 mg``."""
    return f"{Route(what['route']).label}, {formatting.number(float(what['dose_mg']))} mg"


def _entry(row: Mapping[str, Any]) -> Entry:
    late = row["received"] - row["at"]
    return Entry(
        kind=row["kind"],
        what=_LINES[row["kind"]](row["what"]),
        when=formatting.moment(days.local(row["at"], row["time_zone"])),
        at=row["at"],
        late=f"arrived {formatting.age(late)} later" if late >= LATE else "",
    )


def _pain(what: Mapping[str, Any]) -> str:
    more = [f"{name} {what[name]}" for name in ("worst", "least", "interference") if what[name] is not None]
    where = [_sided(region) for region in sorted(what["regions"] or ())]
    return ", ".join([f"{what['intensity']} of 10", *more, *_shortened(where)])


def _sided(region: str) -> str:
    """Return ``left knee``: the patient's own side, as the clinician would say it."""
    code, _, side = region.partition(".")
    return said(code) if side == "mid" else f"{side} {said(code)}"


def _shortened(names: Sequence[str]) -> list[str]:
    """Return the first of many names, and how many more there are."""
    return (
        [*names[:MOST_NAMED], f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else [*names]
    )


def _practice(what: Mapping[str, Any]) -> str:
    minutes = [] if what["minutes"] is None else [f"{what['minutes']} min"]
    helpful = [] if what["helpful"] is None else [f"helpful {what['helpful']} of 10"]
    return ", ".join([said(what["practice"]), *minutes, *helpful])


def _sleep(what: Mapping[str, Any]) -> str:
    told = [] if what["hours"] is None else [f"{formatting.number(float(what['hours']))} h"]
    told += [] if what["quality"] is None else [f"quality {what['quality']} of 10"]
    told += [] if what["awakenings"] is None else [f"awakenings {what['awakenings']}"]
    return ", ".join(told) or "times only"


def _effects(what: Mapping[str, Any]) -> str:
    there = sorted((-severity, effect) for effect, severity in what["items"].items() if severity)
    return (
        ", ".join(_shortened([f"{said(effect)} ({_SEVERITY[-grade]})" for grade, effect in there])) or "none"
    )


def _vitals(what: Mapping[str, Any]) -> str:
    told = [] if what["systolic"] is None else [f"{what['systolic']}/{what['diastolic']} mmHg"]
    for name in VITALS[2:]:
        if what[name] is not None:
            measure = measures.get(f"vitals.{name}")
            told.append(f"{measure.label.lower()} {formatting.number(float(what[name]), 2)} {measure.unit}")
    return ", ".join(told)


def _daily(what: Mapping[str, Any]) -> str:
    numbers = [
        f"{measures.get(f'daily.{name}').label.lower()} {formatting.number(float(what[name]))}"
        for name in DAILY_ITEMS
        if name != "self_harm_thoughts" and what[name] is not None
    ]
    if what["self_harm_thoughts"]:
        numbers.insert(0, "thoughts of self-harm: yes")
    return ", ".join(numbers)


def _medication(what: Mapping[str, Any]) -> str:
    name = what["medication"].replace("-", " ")
    dose = ""
    if what["dose_value"] is not None:
        dose = f" {formatting.number(float(what['dose_value']), 3)} {what['dose_unit']}"
    reason = f" ({Reason(what['reason']).label})" if what["reason"] else ""
    return f"{name}{dose}, {Outcome(what['outcome']).label}{reason}"


def _journal(what: Mapping[str, Any]) -> str:
    text = "entry, shared with the care team"
    return text if what["mood"] is None else f"{text}; mood {what['mood']} of 10"


def _response(what: Mapping[str, Any]) -> str:
    name = _label(what["instrument"])
    if what["total"] is None:
        return f"{name}, {_STATUS[what['status']]}"
    band = f" ({what['band']})" if what["band"] else ""
    return f"{name}: {formatting.number(what['total'])}{band}"


def _label(instrument: str) -> str:
    try:
        return catalogue.latest(instrument).title["en"]
    except LookupError:
        return instrument.upper()


_LINES = {
    "Pain": _pain,
    "Daily log": _daily,
    "Medication": _medication,
    "Journal": _journal,
    "Questionnaire": _response,
    "Practice": _practice,
    "Sleep": _sleep,
    "Side effects": _effects,
    "Vitals": _vitals,
}
