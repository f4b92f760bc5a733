"""Simulated patients: the same every time, in shapes that the server takes, on the courses that they state."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest

from tests.servers import ROOT
from tracker.demo import simulate
from tracker.instruments import alert_rules, catalogue, scoring
from tracker.records.kinds import KINDS, RECORD
from tracker.treatment.products import Route

# Six months across the last Sunday of March, when clocks go forward.
ENROLLED = date(2026, 1, 5)
Week = list[dict[str, Any]]


@pytest.fixture(scope="module")
def everybody() -> dict[int, list[Week]]:
    return {who.number: list(simulate.weeks(who, ENROLLED)) for who in simulate.everybody()}


def of(everybody: dict[int, list[Week]], name: str) -> list[list[dict[str, Any]]]:
    """All records of each patient on a trajectory."""
    found = [
        [record for week in everybody[who.number] for record in week]
        for who in simulate.everybody()
        if who.trajectory.name == name
    ]
    assert len(found) == 4
    return found


def digest(weeks: list[Week]) -> str:
    return hashlib.sha256(json.dumps(weeks).encode()).hexdigest()


def test_the_same_patient_is_the_same_in_another_process(everybody):
    program = (
        "import hashlib, json, datetime; from tracker.demo import simulate\n"
        "for who in simulate.everybody()[5:12]:\n"
        "    weeks = list(simulate.weeks(who, datetime.date(2026, 1, 5)))\n"
        "    print(hashlib.sha256(json.dumps(weeks).encode()).hexdigest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.split() == [digest(everybody[n]) for n in range(5, 12)]


def test_there_are_forty_of_them_with_names_and_ids_of_their_own(everybody):
    people = simulate.everybody()
    ids = [record["id"] for weeks in everybody.values() for week in weeks for record in week]

    assert len(people) == len({who.email for who in people}) == 40
    assert len(ids) == len(set(ids)) > 15_000
    assert set(Counter(who.trajectory.name for who in people).values()) == {4}


def test_every_record_has_a_shape_that_the_server_takes_and_every_form_scores(everybody):
    for weeks in everybody.values():
        for record in (record for week in weeks for record in week):
            taken = RECORD.validate_python(record)
            if taken.kind == "response":
                assert taken.data
                form = catalogue.get(taken.data.instrument, taken.data.version)
                result = scoring.score(form, taken.data.answers, None)
                assert (result.status, result.errors) == ("complete", ())


def test_no_phone_sends_what_has_not_happened_yet(everybody):
    for who in simulate.everybody():
        for n, week in enumerate(everybody[who.number]):
            sent = simulate.sent_at(who, ENROLLED, n)
            instants = [datetime.fromisoformat(record["recorded_at"]) for record in week]
            assert all(sent - timedelta(days=7) < at <= sent for at in instants), who.trajectory.name


def test_only_the_item_9_patients_ever_answer_it(everybody):
    positive = {
        who.trajectory.name
        for who in simulate.everybody()
        for week in everybody[who.number]
        for record in week
        if record["data"].get("instrument") == "phq-9" and record["data"]["answers"][simulate.PHQ9[-1]]
    }

    assert positive == {"item 9"}
    for records in of(everybody, "item 9"):
        newest = [record for record in records if record["data"].get("instrument") == "phq-9"][-1]
        assert newest["data"]["answers"][simulate.PHQ9[-1]] == 2


def pain(records: list[dict[str, Any]], first: int, last: int) -> float:
    days = {str(ENROLLED + timedelta(days=n)) for n in range(first, last)}
    return fmean(
        record["data"]["pain_avg"]
        for record in records
        if record["kind"] == "daily" and record["recorded_at"][:10] in days
    )


# Before the first session, five to six weeks after it, and in the last month.
@pytest.mark.parametrize(
    ("name", "after", "in_the_end"),
    [
        ("quick responder", "better", "better"),
        ("remitter", "better", "better"),
        ("slow responder", "same", "better"),
        ("relapse", "better", "same"),
        ("no change", "same", "same"),
        ("worsening", "same", "worse"),
    ],
)
def test_patients_take_the_course_that_they_state(everybody, name, after, in_the_end):
    def course(first: int, last: int) -> str:
        change = fmean(pain(records, first, last) - pain(records, 0, 21) for records in of(everybody, name))
        return "better" if change < -1.7 else "worse" if change > 0.7 else "same"

    assert (course(35, 49), course(154, 182)) == (after, in_the_end)


def test_the_opioid_is_tapered_to_none_and_no_one_else_has_one(everybody):
    for records in of(everybody, "opioid taper"):
        doses = [
            record["data"].get("dose_value", 0)
            for record in records
            if record["data"].get("medication") == "oxycodone"
        ]
        assert (doses[0], doses[-1]) == (60, 0)
        assert doses == sorted(doses, reverse=True)
    assert not any(
        record["data"].get("medication") == "oxycodone"
        for who in simulate.everybody()
        if who.trajectory.name != "opioid taper"
        for week in everybody[who.number]
        for record in week
    )


def test_who_logs_little_logs_little(everybody):
    def logged(name: str) -> float:
        return fmean(sum(r["kind"] == "daily" for r in records) for records in of(everybody, name))

    assert logged("logs little") < 0.4 * logged("no change")


def test_only_who_travels_leaves_home(everybody):
    zones = {
        who.trajectory.name: {record["time_zone"] for week in everybody[who.number] for record in week}
        for who in simulate.everybody()
    }

    assert zones.pop("travels") == {"Europe/Amsterdam", "America/New_York", "Asia/Tokyo"}
    assert set.union(*zones.values()) == {"Europe/Amsterdam"}


def test_every_kind_of_record_is_logged_and_the_same_patient_gets_several_routes_and_doses(everybody):
    kinds = {record["kind"] for weeks in everybody.values() for week in weeks for record in week}
    sessions = {
        who.trajectory.name: {(session.route, session.dose_mg) for session in who.trajectory.sessions}
        for who in simulate.everybody()
    }

    assert kinds == KINDS.keys()
    assert sessions["quick responder"] == {
        ("IV_INFUSION", 35), ("IV_INFUSION", 40), ("NASAL_ESKETAMINE", 56), ("NASAL_ESKETAMINE", 84),
    }  # fmt: skip
    assert {route for each in sessions.values() for route, _ in each} <= set(Route)


def test_only_one_who_gets_worse_ever_logs_a_side_effect_that_needs_attention(everybody):
    checklist = catalogue.latest("side-effects")
    flagged = {
        (who.number, rule.id)
        for who in simulate.everybody()
        for week in everybody[who.number]
        for record in week
        if record["kind"] == "side_effects"
        for rule, _ in alert_rules.met(checklist, record["data"]["items"])
    }

    assert flagged == {
        (5, "side_effect_shortness_of_breath"),
        (5, "side_effect_urinary_urgency_or_pain"),
    }
