"""What was recorded last, and every treatment session: one query over six tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import JSONObject

from tracker.dashboard import words
from tracker.dashboard.panels import Mark
from tracker.instruments import catalogue, measures
from tracker.lib import days
from tracker.records.models import (
    DailyLog,
    JournalEntry,
    MedicationUse,
    PainEntry,
    Response,
    Score,
    TreatmentSession,
)
from tracker.records.models.diary import DAILY_ITEMS, Outcome, Reason, Share
from tracker.records.models.responses import Status
from tracker.records.models.treatment import Route

RECENT = 10
# An entry that reached us this much later than it was made says so.
LATE = timedelta(hours=24)
_STATUS = {Status.DRAFT: "being filled in", Status.INCOMPLETE: "incomplete", Status.COMPLETE: "complete"}
_COLUMNS = ("kind", "at", "zone", "local_on", "received", "what")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of recent entries."""

    kind: str
    what: str
    when: str
    at: datetime
    late: str


@dataclass(frozen=True, slots=True)
class Happenings:
    """The newest entries, and all treatment sessions."""

    entries: Sequence[Entry]
    marks: Sequence[Mark]
    last_on: date | None


def happenings(patient_id: UUID, today: date) -> Happenings:
    """
    Return what happened to the patient: recent entries newest first, sessions oldest first.

    What a phone with a wrong clock dates later than tomorrow is left out, and so is a journal that is not shared.
    """
    latest = today + timedelta(days=1)
    branches = [
        _recent(PainEntry, "Pain", patient_id, ("intensity", "worst", "least", "interference"), latest),
        _recent(DailyLog, "Daily log", patient_id, DAILY_ITEMS, latest),
        _recent(
            MedicationUse,
            "Medication",
            patient_id,
            ("medication", "outcome", "dose_value", "dose_unit", "reason"),
            latest,
        ),
        _recent(JournalEntry, "Journal", patient_id, ("mood",), latest),
        _responses(patient_id, latest),
        _sessions(patient_id),
    ]
    rows = list(branches[0].union(*branches[1:], all=True))
    entries = sorted(
        (row for row in rows if row["kind"] != "session"), key=lambda row: row["at"], reverse=True
    )
    marks = sorted((row for row in rows if row["kind"] == "session"), key=lambda row: row["at"])
    return Happenings(
        [_entry(row) for row in entries[:RECENT]],
        [Mark(row["local_on"], session_label(row["what"])) for row in marks],
        max((row["local_on"] for row in entries), default=None),
    )


def _recent(
    model: Any, kind: str, patient_id: UUID, fields: Sequence[str], latest: date, **more: Any
) -> QuerySet[Any, dict[str, Any]]:
    shown = {"share": Share.ENTRY} if model is JournalEntry else {}
    held: QuerySet[Any] = (
        model.objects.filter(patient=patient_id, removed_at=None, local_on__lte=latest, **shown)
        .order_by("-local_on", "-recorded_at")
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
    return f"{Route(what['route']).label}, {words.number(float(what['dose_mg']))} mg"


def _entry(row: Mapping[str, Any]) -> Entry:
    late = row["received"] - row["at"]
    return Entry(
        kind=row["kind"],
        what=_SAID[row["kind"]](row["what"]),
        when=words.moment(days.local(row["at"], row["zone"])),
        at=row["at"],
        late=f"arrived {words.age(late)} later" if late >= LATE else "",
    )


def _pain(what: Mapping[str, Any]) -> str:
    more = [f"{name} {what[name]}" for name in ("worst", "least", "interference") if what[name] is not None]
    return ", ".join([f"{what['intensity']} of 10", *more])


def _daily(what: Mapping[str, Any]) -> str:
    numbers = [
        f"{measures.get(f'daily.{name}').label.lower()} {words.number(float(what[name]))}"
        for name in DAILY_ITEMS
        if name != "safe_today" and what[name] is not None
    ]
    if what["safe_today"]:
        numbers.insert(0, "thoughts of self-harm: yes")
    return ", ".join(numbers)


def _medication(what: Mapping[str, Any]) -> str:
    name = what["medication"].replace("-", " ")
    dose = ""
    if what["dose_value"] is not None:
        dose = f" {words.number(float(what['dose_value']), 3)} {what['dose_unit']}"
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
    return f"{name}: {words.number(what['total'])}{band}"


def _label(instrument: str) -> str:
    try:
        return catalogue.latest(instrument).title["en"]
    except LookupError:
        return instrument.upper()


_SAID = {
    "Pain": _pain,
    "Daily log": _daily,
    "Medication": _medication,
    "Journal": _journal,
    "Questionnaire": _response,
}
