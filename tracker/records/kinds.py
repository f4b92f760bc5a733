"""The one list of kinds: wire name to model, and how a record's data goes to its row and back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracker.records import categories
from tracker.records.models import (
    DailyLog,
    JournalEntry,
    MedicationUse,
    PainEntry,
    PatientRecord,
    Plan,
    PracticeEntry,
    Response,
    SideEffects,
    SleepEntry,
    Vitals,
)
from tracker.records.models.body import VITALS
from tracker.records.models.diary import DAILY_ITEMS, SLEEP_ITEMS


@dataclass(frozen=True)
class Kind:
    """
    A kind of record: its wire name, its table, its data's columns.

    Most are facts: what was written without knowing of ours is a conflict. One that ``merges`` is a wish in the
    making, and two edits of different fields both stand.
    """

    name: str
    model: type[PatientRecord]
    columns: tuple[str, ...]
    to_row: Callable[[Any], tuple[Any, ...]]
    to_data: Callable[[Any], dict[str, Any]]
    merges: bool = False

    @property
    def table(self) -> str:
        return self.model._meta.db_table


def _plain(*names: str) -> tuple[Callable[[Any], tuple[Any, ...]], Callable[[Any], dict[str, Any]]]:
    def to_row(data: Any) -> tuple[Any, ...]:
        return tuple(getattr(data, name) for name in names)

    def to_data(row: Any) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(row, name)) is not None}

    return to_row, to_data


def _upper(value: str | None) -> str | None:
    return value.upper() if value else None


def _lower(value: str | None) -> str | None:
    return value.lower() if value else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _present(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)


def _loaded(value: Any) -> Any:
    """A JSON column as read from the database, or as it was about to be written."""
    return json.loads(value) if isinstance(value, str) else value


def _pain_row(data: Any) -> tuple[Any, ...]:
    regions = None if data.regions is None else {each.sided: each.intensity for each in data.regions}
    qualities = None if data.qualities is None else sorted(data.qualities)
    return (
        data.intensity, data.worst, data.least, data.interference,
        _json(regions), _json(qualities), data.trigger, data.relief,
    )  # fmt: skip


def _pain_data(row: PainEntry) -> dict[str, Any]:
    regions = _loaded(row.regions)
    if regions is not None:
        regions = [_region(sided, intensity) for sided, intensity in sorted(regions.items())]
    data = {name: getattr(row, name) for name in _PAIN}
    return _present(data | {"regions": regions, "qualities": _loaded(row.qualities)})


def _region(sided: str, intensity: int | None) -> dict[str, Any]:
    code, _, side = sided.partition(".")
    return _present({"code": code, "side": side, "intensity": intensity})


def _sleep_data(row: SleepEntry) -> dict[str, Any]:
    data = {name: getattr(row, name) for name in SLEEP_ITEMS}
    return _present(data | {"hours": _number(row.hours)})


def _vitals_data(row: Vitals) -> dict[str, Any]:
    data = {name: getattr(row, name) for name in (*VITALS, "self_measured")}
    exact = {"temperature_c": _number(row.temperature_c), "weight_kg": _number(row.weight_kg)}
    return _present(data | exact)


def _effects_row(data: Any) -> tuple[Any, ...]:
    return _json(data.items), _json(data.duration_minutes)


def _effects_data(row: SideEffects) -> dict[str, Any]:
    return _present({"items": _loaded(row.items), "duration_minutes": _loaded(row.duration_minutes)})


def _plan_data(row: Plan) -> dict[str, Any]:
    remind_at = None if row.remind_at is None else row.remind_at.strftime("%H:%M")
    data = {name: getattr(row, name) for name in _PLAN}
    return _present(data | {"remind_at": remind_at})


def _daily_data(row: DailyLog) -> dict[str, Any]:
    data = {name: getattr(row, name) for name in DAILY_ITEMS}
    return _present(data | {"sleep_hours": _number(row.sleep_hours)})


# A client's word for the status of a response never decides it: the answers do (``actions``). An amended
# form is a complete one with a higher revision.
WITHHELD = "(text)"


def _coded(given: Any) -> Any:
    """An answer as it is kept. No item takes words: that some were sent is kept, so that it never counts."""
    return WITHHELD if isinstance(given, str) else given


def _response_row(data: Any) -> tuple[Any, ...]:
    answers = json.dumps({item: _coded(given) for item, given in data.answers.items()}, sort_keys=True)
    return (
        data.instrument, data.version, data.status.upper(), answers,
        data.started_at, data.finished_at, data.reported_total, categories.of_instrument(data.instrument),
    )  # fmt: skip


def _response_data(row: Response) -> dict[str, Any]:
    return _present(
        {
            "instrument": row.instrument,
            "version": row.version,
            "answers": _loaded(row.answers),
            "status": row.status.lower(),
            "started_at": row.started_at,
            "finished_at": row.finished_at,
            "reported_total": row.reported_total,
        }
    )


def _medication_row(data: Any) -> tuple[Any, ...]:
    return data.medication, data.outcome.upper(), data.dose_value, data.dose_unit, _upper(data.reason)


def _medication_data(row: MedicationUse) -> dict[str, Any]:
    return _present(
        {
            "medication": row.medication,
            "outcome": row.outcome.lower(),
            "dose_value": _number(row.dose_value),
            "dose_unit": row.dose_unit,
            "reason": _lower(row.reason),
        }
    )


def _journal_data(row: JournalEntry) -> dict[str, Any]:
    return _present({"mood": row.mood, "share": row.share.lower()})


_PAIN = ("intensity", "worst", "least", "interference", "trigger", "relief")
_PAIN_COLUMNS = (
    "intensity", "worst", "least", "interference", "regions", "qualities", "trigger", "relief",
)  # fmt: skip
_PRACTICE = ("practice", "minutes", "helpful")
_PLAN = ("practice", "per_week", "minutes", "remind_at", "paused")
_RESPONSE = (
    "instrument", "version", "status", "answers", "started_at", "finished_at", "reported_total", "category",
)  # fmt: skip

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("pain", PainEntry, _PAIN_COLUMNS, _pain_row, _pain_data),
        Kind("daily", DailyLog, DAILY_ITEMS, _plain(*DAILY_ITEMS)[0], _daily_data),
        Kind("response", Response, _RESPONSE, _response_row, _response_data),
        Kind(
            "medication_use",
            MedicationUse,
            ("medication", "outcome", "dose_value", "dose_unit", "reason"),
            _medication_row,
            _medication_data,
        ),
        Kind(
            "journal",
            JournalEntry,
            ("mood", "share"),
            lambda data: (data.mood, data.share.upper()),
            _journal_data,
        ),
        Kind("practice", PracticeEntry, _PRACTICE, *_plain(*_PRACTICE)),
        Kind("sleep", SleepEntry, SLEEP_ITEMS, _plain(*SLEEP_ITEMS)[0], _sleep_data),
        Kind("side_effects", SideEffects, ("items", "duration_minutes"), _effects_row, _effects_data),
        Kind("vitals", Vitals, (*VITALS, "self_measured"), _plain(*VITALS, "self_measured")[0], _vitals_data),
        Kind("plan", Plan, _PLAN, _plain(*_PLAN)[0], _plan_data, merges=True),
    )
}
