"""What was recorded last, and every treatment session: one query over all tables of entries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db.models import CharField, F, QuerySet, SmallIntegerField, Value
from django.db.models.functions import JSONObject

from tracker.access import caregivers
from tracker.clinics.models import Patient
from tracker.dashboard import formatting
from tracker.dashboard.chart_model import Mark
from tracker.lib import days
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import RECENT_COLUMNS
from tracker.records.patient_record import ClockSkew, ZoneCheck
from tracker.records.reading_source import Origin, SourceWho
from tracker.treatment.models import TreatmentSession
from tracker.treatment.products import route_label

RECENT = 10
# An entry that reached us this much later than it was made says so.
LATE = timedelta(hours=24)
_SESSION = "session"
_CLOCK_FLAGS = {ClockSkew.AHEAD.value: "phone's clock ahead: in no number"}
_ORIGIN_FLAGS = {Origin.IMPORTED.value: "imported"}
_ZONE_FLAGS = {
    ZoneCheck.OFFSET_DIFFERS.value: "phone's clock differs from its time zone",
    ZoneCheck.UNKNOWN_ZONE.value: "time zone not known",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of recent entries."""

    kind: str
    what: str
    when: str
    at: datetime
    late: str
    flag: str


@dataclass(frozen=True, slots=True)
class RecentEntries:
    """The newest entries, and all treatment sessions."""

    entries: Sequence[Entry]
    marks: Sequence[Mark]
    last_on: date | None


def recent_entries(patient_id: UUID, today: date) -> RecentEntries:
    """
    Return what happened to the patient: recent entries newest first, sessions oldest first.

    What a phone with a wrong clock dates later than tomorrow is left out, and so is a journal that is not shared. What
    it dates ahead of its receipt stands where it arrived, and says so.
    """
    latest = today + timedelta(days=1)
    entries = [kind.recent(patient_id, latest, RECENT) for kind in KINDS.values() if kind.is_entry]
    rows = list(_sessions(patient_id).union(*entries, all=True))
    newest = sorted((row for row in rows if row["kind"] != _SESSION), key=_believable_at, reverse=True)
    names = _caregivers(patient_id, newest[:RECENT])
    sessions = sorted((row for row in rows if row["kind"] == _SESSION), key=lambda row: row["at"])
    return RecentEntries(
        [_entry(row, names) for row in newest[:RECENT]],
        [Mark(row["local_date"], session_label(row["what"])) for row in sessions],
        next((row["local_date"] for row in newest if row["clock_skew"] != ClockSkew.AHEAD), None),
    )


def _believable_at(row: Mapping[str, Any]) -> datetime:
    """The instant of an entry; of one from a clock that is ahead, that of its receipt."""
    at: datetime = row["received"] if row["clock_skew"] == ClockSkew.AHEAD else row["at"]
    return at


def _sessions(patient_id: UUID) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = (
        TreatmentSession.objects.dosed()
        .filter(patient=patient_id)
        .order_by()
        .annotate(
            kind=Value(_SESSION, CharField()),
            at=F("first_dosed_at"),
            received=F("first_dosed_at"),
            utc_offset_minutes=Value(None, SmallIntegerField()),
            zone_check=Value(ZoneCheck.CONSISTENT, CharField()),
            clock_skew=Value(ClockSkew.NONE, CharField()),
            origin=Value(Origin.ENTERED, CharField()),
            source_who=Value(None, CharField()),
            author_id=F("planned_by"),
            what=JSONObject(route="route", dose_mg="total_mg"),
        )
        .values(*RECENT_COLUMNS)
    )
    return rows


def session_label(what: Mapping[str, Any]) -> str:
    """Return ``IV infusion, 35 mg``."""
    dose = what["dose_mg"]
    return f"{route_label(what['route'])}, " + (
        "dose in mg not known" if dose is None else f"{formatting.number(float(dose))} mg"
    )


def _caregivers(patient_id: UUID, rows: Sequence[Mapping[str, Any]]) -> dict[UUID, str]:
    """The names of the caregivers who wrote some of the rows. Nobody is asked about where none did."""
    written = {row["author_id"] for row in rows if row["source_who"] == SourceWho.CAREGIVER}
    if not written:
        return {}
    clinic_id = Patient.objects.values_list("clinic_id", flat=True).get(pk=patient_id)
    return caregivers.names(clinic_id, patient_id, written)


def _who(row: Mapping[str, Any], names: Mapping[UUID, str]) -> str:
    if row["source_who"] != SourceWho.CAREGIVER:
        return ""
    name = names.get(row["author_id"])
    return f"written by {name}, caregiver" if name else "said by a caregiver"


def _entry(row: Mapping[str, Any], names: Mapping[UUID, str]) -> Entry:
    kind, late = KINDS[row["kind"]], row["received"] - row["at"]
    return Entry(
        kind=kind.label,
        what=kind.line(SimpleNamespace(**row["what"])),
        when=formatting.moment(days.as_lived(row["at"], row["time_zone"], row["utc_offset_minutes"])),
        at=row["at"],
        late=f"arrived {formatting.age(late)} later" if late >= LATE else "",
        flag=", ".join(
            filter(
                None,
                (
                    _who(row, names),
                    _ORIGIN_FLAGS.get(row["origin"]),
                    _CLOCK_FLAGS.get(row["clock_skew"]),
                    _ZONE_FLAGS.get(row["zone_check"]),
                ),
            )
        ),
    )
