"""The one list of kinds: wire name to model, and how a record's data goes to its row and back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracker.records import categories
from tracker.records.models import DailyLog, JournalEntry, MedicationUse, PainEntry, Recorded, Response
from tracker.records.models.diary import DAILY_ITEMS


@dataclass(frozen=True)
class Kind:
    """A kind of record: its wire name, its table, its data's columns."""

    name: str
    model: type[Recorded]
    columns: tuple[str, ...]
    to_row: Callable[[Any], tuple[Any, ...]]
    to_data: Callable[[Any], dict[str, Any]]

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


def _daily_data(row: DailyLog) -> dict[str, Any]:
    data = {name: getattr(row, name) for name in DAILY_ITEMS}
    return _present(data | {"sleep_hours": _number(row.sleep_hours)})


# A client's word for the status of a response never decides it: the answers do (``actions``). An amended
# form is a complete one with a higher revision.
def _response_row(data: Any) -> tuple[Any, ...]:
    answers = json.dumps(data.answers, sort_keys=True)
    return (
        data.instrument, data.version, data.status.upper(), answers,
        data.started_at, data.finished_at, data.reported_total, categories.of_instrument(data.instrument),
    )  # fmt: skip


def _response_data(row: Response) -> dict[str, Any]:
    answers = json.loads(row.answers) if isinstance(row.answers, str) else row.answers
    return _present(
        {
            "instrument": row.instrument,
            "version": row.version,
            "answers": answers,
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


_PAIN = ("intensity", "worst", "least", "interference")
_RESPONSE = (
    "instrument", "version", "status", "answers", "started_at", "finished_at", "reported_total", "category",
)  # fmt: skip

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("pain", PainEntry, _PAIN, *_plain(*_PAIN)),
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
    )
}
