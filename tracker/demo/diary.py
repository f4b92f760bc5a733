"""
The real diary: rows of the published file to records as a phone sends them. Pure.

Ids are made from the row, so reading the file again gives the same records.
"""

import csv
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from tracker.lib import days

DATA = Path(__file__).parent / "data"
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://doi.org/10.5334/jopd.29")
DEVICE = uuid.uuid5(SPACE, "device")

Row = Mapping[str, str]


def load() -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Return the rows of the file and the mapping of its columns."""
    with (DATA / "esm_one_person_239_days.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, yaml.safe_load((DATA / "diary.yaml").read_text())


def records(rows: Iterable[Row], mapping: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all records of the diary, in the order in which they were lived."""
    found: list[dict[str, Any]] = []
    by_day = [(on, list(moments)) for on, moments in groupby(rows, _day)]
    for place, (on, moments) in enumerate(by_day):
        found += [_moment(row, mapping) for row in moments]
        found += _of_day(moments, mapping)
        following = by_day[place + 1] if place + 1 < len(by_day) else None
        found += _medication(on, moments, following, mapping)
    return sorted(found, key=lambda record: (datetime.fromisoformat(record["recorded_at"]), record["id"]))


def _day(row: Row) -> date:
    return datetime.strptime(row["date"], "%d/%m/%y").date()


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _given(text: str) -> bool:
    return text not in {"", "NA"}


def _instant(row: Row, column: str, time_zone: str) -> str:
    text = row[column] if _given(row[column]) else row["beeptime"]
    return days.local(days.instant(_day(row), time.fromisoformat(text), time_zone), time_zone).isoformat()


def _record(kind: str, name: str, at: str, time_zone: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": str(uuid.uuid5(SPACE, name)),
        "revision": 1,
        "recorded_at": at,
        "time_zone": time_zone,
        "data": data,
    }


def _response(
    part: Mapping[str, Any], name: str, at: str, time_zone: str, answers: dict[str, Any]
) -> dict[str, Any]:
    data = {
        "instrument": part["instrument"],
        "version": part["version"],
        "answers": answers,
        "status": "complete",
    }
    return _record("response", name, at, time_zone, data)


def _answers(row: Row, part: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of one part; columns that were not asked at that moment are left out."""
    if "columns" in part:
        named = part["columns"]
    else:
        without = part.get("without", ())
        starts = tuple(part["prefixes"])
        named = {name: name for name in row if name.startswith(starts) and name not in without}
    return {item: _number(row[column]) for column, item in named.items() if _given(row[column])}


def _moment(row: Row, mapping: Mapping[str, Any]) -> dict[str, Any]:
    time_zone, part = mapping["time_zone"], mapping["moment"]
    name = f"moment/{row['date']}/{row['beepno']}"
    return _response(part, name, _instant(row, "resptime_s", time_zone), time_zone, _answers(row, part))


def _of_day(moments: list[Row], mapping: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The day's own forms: morning, evening, weekly. A form of which nothing was asked gives no record."""
    time_zone = mapping["time_zone"]
    for name in ("morning", "evening", "weekly"):
        part = mapping[name]
        row, column = (
            (moments[0], "resptime_s") if part["at"] == "first moment" else (moments[-1], "resptime_e")
        )
        answers = _answers(row, part)
        if answers:
            record = _response(
                part, f"{name}/{row['date']}", _instant(row, column, time_zone), time_zone, answers
            )
            if "reported_total" in part and _given(row[part["reported_total"]]):
                record["data"]["reported_total"] = float(row[part["reported_total"]])
            yield record


def _medication(
    on: date, moments: list[Row], following: tuple[date, list[Row]] | None, mapping: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    part, time_zone, last = mapping["medication"], mapping["time_zone"], moments[-1]
    said = last[part["today"]]
    if not _given(said) and following and following[0] == on + timedelta(days=1):
        said = following[1][0][part["yesterday"]]
    if not _given(said):
        return
    data: dict[str, Any] = {
        "medication": part["medication"],
        "outcome": "taken" if said == "1" else "skipped",
    }
    if said != "1" and float(last[part["dose_mg"]]) == 0:
        # Nothing was prescribed any more: not taking it was the plan.
        data["reason"] = "advised"
    if said == "1":
        data |= {"dose_value": float(last[part["dose_mg"]]), "dose_unit": "mg"}
    yield _record(
        "medication_use",
        f"medication/{last['date']}",
        _instant(last, "resptime_e", time_zone),
        time_zone,
        data,
    )
