"""The real diary: every row of the published file becomes records, unchanged, at the time it was lived."""

import csv
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tracker.demo import diary
from tracker.instruments import catalogue, scoring
from tracker.lib import days
from tracker.records.kinds import RECORD

AMSTERDAM = "Europe/Amsterdam"
MOMENT = ("mood_", "pat_", "se_", "soc_", "phy_", "act_", "event_")
# Columns that are no answer: numbering, times, the dose, and the two questions that become medication use.
APART = {
    "", "date", "phase", "concentrat", "dayno", "beepno", "beeptime", "resptime_s", "resptime_e",
    "resp_abort", "evn_med", "mor_med", "dep",
}  # fmt: skip

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with (diary.DATA / "esm_one_person_239_days.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return diary.records(*diary.load())


def on(row: Row) -> date:
    return datetime.strptime(row["date"], "%d/%m/%y").date()


def local(record: dict[str, Any]) -> datetime:
    return days.local(datetime.fromisoformat(record["recorded_at"]), record["time_zone"])


def forms(records: list[dict[str, Any]], instrument: str) -> list[dict[str, Any]]:
    return [record for record in records if record["data"].get("instrument") == instrument]


def given(row: Row, *starts: str) -> dict[str, float]:
    """The answers in a row, as the file has them."""
    return {
        name: float(value)
        for name, value in row.items()
        if name.startswith(starts) and name not in APART and value not in {"", "NA"}
    }


def test_there_are_two_thousand_and_fifty_eight_records_and_the_same_ones_twice(records):
    assert diary.records(*diary.load()) == records
    assert len(records) == len({record["id"] for record in records}) == 2058
    assert Counter(record["data"].get("instrument", record["kind"]) for record in records) == {
        "esm-moment": 1476, "medication_use": 217, "esm-evening": 194, "esm-morning": 143, "scl-90-r-esm": 28,
    }  # fmt: skip


def test_every_column_of_the_file_is_an_answer_or_has_its_own_place(rows):
    answers = (*MOMENT, "mor_", "evn_", "SCL.90.R.")

    assert [name for name in rows[0] if not name.startswith(answers) and name not in APART] == []


def test_every_moment_is_one_response_with_the_files_own_numbers(rows, records):
    held = {(local(record).date(), local(record).time()): record for record in forms(records, "esm-moment")}

    assert len(rows) == len(held) == 1476
    for row in rows:
        began = datetime.strptime(row["resptime_s"], "%H:%M:%S").time()
        assert held[on(row), began]["data"]["answers"] == given(row, *MOMENT)


@pytest.mark.parametrize(
    ("instrument", "start", "column"),
    [("esm-morning", "mor_", "resptime_s"), ("esm-evening", "evn_", "resptime_e")],
)
def test_what_a_day_was_asked_once_stands_in_its_own_form_unchanged(rows, records, instrument, start, column):
    held = {local(record).date(): record for record in forms(records, instrument)}

    told = {on(row) for row in rows if given(row, start)}
    assert set(held) == told
    for row in rows:
        said = given(row, start)
        assert said == {} or held[on(row)]["data"]["answers"] == said
    times = {(on(row), row[column]) for row in rows}
    assert all((day, f"{local(record):%H:%M:%S}") in times for day, record in held.items())


def test_the_weekly_numbers_and_their_stated_mean_are_the_files_own(rows, records):
    held = {local(record).date(): record["data"] for record in forms(records, "scl-90-r-esm")}

    assert set(held) == {on(row) for row in rows if given(row, "SCL.90.R.")}
    for row in rows:
        said = {name.replace("SCL.90.R.", "scl"): value for name, value in given(row, "SCL.90.R.").items()}
        if said:
            assert held[on(row)]["answers"] == said
            assert held[on(row)]["reported_total"] == float(row["dep"])


def test_medication_is_what_the_evening_said_or_else_the_next_morning(rows, records):
    by_day: dict[date, list[Row]] = {}
    for row in rows:
        by_day.setdefault(on(row), []).append(row)
    wanted: dict[date, tuple[str, float | None]] = {}
    for day, moments in by_day.items():
        said = {row["evn_med"] for row in moments} - {"NA"}
        said = said or {row["mor_med"] for row in by_day.get(day + timedelta(days=1), ())} - {"NA"}
        if said:
            (answer,) = said
            (dose,) = {float(row["concentrat"]) for row in moments}
            wanted[day] = ("taken", dose) if answer == "1" else ("skipped", None)

    held = {
        local(record).date(): (record["data"]["outcome"], record["data"].get("dose_value"))
        for record in records
        if record["kind"] == "medication_use"
    }

    assert held == wanted


def test_the_taper_begins_at_150_and_ends_at_0_and_never_rises(records):
    doses = [
        record["data"]["dose_value"]
        for record in records
        if record["kind"] == "medication_use" and record["data"]["outcome"] == "taken"
    ]

    assert (doses[0], doses[-1]) == (150, 0)
    assert doses == sorted(doses, reverse=True)


@pytest.mark.parametrize(
    ("day", "offset_h", "first"),
    [
        ("27/10/12", 2, "07:58:21"),
        ("28/10/12", 1, "08:20:47"),
        ("30/03/13", 1, "09:59:13"),
        ("31/03/13", 2, "11:57:12"),
    ],
)
def test_local_times_are_right_on_both_sides_of_both_clock_changes(records, day, offset_h, first):
    lived = datetime.strptime(day, "%d/%m/%y").date()
    moments = [record for record in forms(records, "esm-moment") if local(record).date() == lived]

    assert moments
    assert {local(record).utcoffset() for record in moments} == {timedelta(hours=offset_h)}
    assert f"{local(moments[0]):%H:%M:%S}" == first
    assert {record["time_zone"] for record in records} == {AMSTERDAM}


def test_records_stand_in_the_order_in_which_they_were_lived(records):
    instants = [datetime.fromisoformat(record["recorded_at"]) for record in records]

    assert instants == sorted(instants)


def test_every_record_has_a_shape_that_the_server_takes_and_every_form_scores(records):
    for record in records:
        taken = RECORD.validate_python(record)
        if taken.kind == "response":
            assert taken.data
            form = catalogue.get(taken.data.instrument, taken.data.version)
            result = scoring.score(form, taken.data.answers, taken.data.reported_total)
            assert (result.errors, result.flags) == ((), ())
