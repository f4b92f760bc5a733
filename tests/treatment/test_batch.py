"""From the shell: lines of sessions in, lines of what follows from them out (``manage.py session_check``)."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.sync.test_docs import agrees
from tests.treatment.sessions import calm, dose, event, minute, plan, pressure
from tracker.treatment import events

PAGE = Path(__file__).resolve().parents[2] / "docs" / "treatment.md"


def instant(number: float) -> str:
    return minute(number).isoformat().replace("+00:00", "Z")


def line(*rest: events.Event, route: str = "nasal_esketamine", **fields: Any) -> dict[str, Any]:
    """A session as a line of the shell has it."""
    sent = [events.to_wire(each) for each in (plan(route), *rest)]
    as_sent = json.loads(json.dumps(sent, default=lambda value: str(value).replace(" ", "T")))
    return {"events": as_sent} | fields


def check(tmp_path: Path, *lines: object) -> list[dict[str, Any]]:
    path = tmp_path / "sessions.jsonl"
    path.write_bytes(
        b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    )
    out = io.StringIO()
    call_command("session_check", str(path), stdout=out)
    return [json.loads(each) for each in out.getvalue().splitlines()]


def test_one_hour_fifty_of_two_hours_is_too_early_to_leave_and_two_hours_are_enough(tmp_path):
    session = (pressure(-10), dose(0, 2.0, "device"), pressure(40))

    early, later = check(
        tmp_path,
        line(*session, *calm(110), at=instant(110)),
        line(*session, *calm(110), *calm(120), at=instant(120)),
    )

    assert early["discharge"] == {
        "is_ready": False, "missing": ["too_early"], "earliest_at": "2026-03-02T12:00:00+00:00",
    }  # fmt: skip
    assert later["discharge"] == {
        "is_ready": True, "missing": [], "earliest_at": "2026-03-02T12:00:00+00:00",
    }  # fmt: skip
    assert (later["total_mg"], later["state"], later["rejected"]) == (56.0, "running", [])


def test_what_is_due_and_what_is_missing_is_told_of_the_moment_that_is_asked_about(tmp_path):
    session = (pressure(-10), dose(0, 2.0, "device"))

    (asked,) = check(tmp_path, line(*session, at=instant(48)))
    (last,) = check(tmp_path, line(*session, pressure(41)))

    assert [(each["point"], each["minutes"], each["status"]) for each in asked["due"]] == [
        ("before_dose", None, "done"), ("after_dose", 40, "overdue"), ("after_dose", 90, "planned"),
        ("before_discharge", None, "planned"),
    ]  # fmt: skip
    assert "pressure_missing" in asked["discharge"]["missing"]
    assert "pressure_at_40" in asked["monitoring_form"]["missing"]
    # Without a moment that of the last event.
    assert (last["at"], last["due"][1]["status"]) == ("2026-03-02T10:41:00+00:00", "done")


def test_mg_per_kg_come_from_the_weight_and_an_old_weight_is_flagged(tmp_path):
    weight = event("weight", -20, weight_kg=80.0, measured_on="2026-01-30")

    (answer,) = check(tmp_path, line(weight, pressure(-10), dose(0, 0.5, "mg_per_kg"), route="im"))

    assert (answer["total_mg"], answer["mg_per_kg"], answer["weight_kg"]) == (40.0, 0.5, 80.0)
    assert [flag["code"] for flag in answer["flags"]] == ["weight_outdated"]


def test_cumulative_dose_adds_up_the_sessions_of_one_patient_by_product_and_route(tmp_path):
    answers = check(
        tmp_path,
        line(dose(0, 50.0), route="im", patient="ada"),
        line(dose(0, 2.0, "device"), patient="ada"),
        line(dose(0, 60.0), route="im", patient="someone else"),
        line(dose(0, 25.0), route="im", patient="ada"),
        line(dose(0, 0.5, "mg_per_kg"), route="im", patient="ada"),
        line(dose(0, 70.0), event("cancel", 5, cause="entered_in_error"), route="im", patient="ada"),
    )

    def of(product: str, route: str, mg: float, sessions: int, *, incomplete: bool = False) -> dict[str, Any]:
        return {"product": product, "route": route, "mg": mg, "sessions": sessions, "incomplete": incomplete}

    sprays = of("esketamine", "nasal_esketamine", 56.0, 1)
    assert [answer["cumulative"] for answer in answers] == [
        [of("ketamine", "im", 50.0, 1)],
        [sprays, of("ketamine", "im", 50.0, 1)],
        [of("ketamine", "im", 60.0, 1)],
        [sprays, of("ketamine", "im", 75.0, 2)],
        # Without a weight its mg are not known: the sum is a lower bound.
        [sprays, of("ketamine", "im", 75.0, 3, incomplete=True)],
        [sprays, of("ketamine", "im", 75.0, 3, incomplete=True)],
    ]


def test_limits_of_a_line_are_those_of_the_clinic_within_their_bounds(tmp_path):
    session = (pressure(-10, 150, 80),)

    usual, wider, beyond, unknown, text = check(
        tmp_path,
        line(*session),
        line(*session, limits={"pre_dose_systolic": 150}),
        line(*session, limits={"pre_dose_systolic": 161}),
        line(*session, limits={"pre_dose": 150}),
        line(*session, limits={"pre_dose_systolic": "150"}),
    )

    assert (usual["pressure_before_dose"], wider["pressure_before_dose"]) == ("recheck_due", "within_limits")
    assert beyond == {"line": 3, "error": "pre_dose_systolic is not from 110 to 160"}
    assert unknown["error"].startswith("limits are among pre_dose_systolic, ")
    assert text == {"line": 5, "error": "a limit is a whole number"}


def test_an_event_that_cannot_be_taken_is_named_and_the_others_count(tmp_path):
    lines = line(pressure(-10), dose(0, 40.0), event("complete", 30), route="im")
    lines["events"][2] |= {"unit": "spray", "mg_per_spray": 10.0}
    lines["events"].append(
        {"kind": "weight", "id": lines["events"][0]["id"], "at": instant(31), "weight_kg": 700}
    )

    (answer,) = check(tmp_path, lines)

    rejected = {
        each["event"]: [(error["pointer"], error["code"]) for error in each["errors"]]
        for each in answer["rejected"]
    }
    assert rejected[2] == [("/unit", "unit_not_for_route")]
    assert rejected[3] == [("/kind", "session_without_dose")]
    assert ("/weight_kg", "out_of_range") in rejected[4]
    assert ("/measured_on", "missing_field") in rejected[4]
    assert (answer["state"], answer["pressure_before_dose"]) == ("planned", "within_limits")


def test_of_a_session_at_home_what_only_staff_enter_is_rejected_from_the_patient(tmp_path):
    sedation = event("sedation", 5, moaas=5)
    home = line(dose(0, 100.0), sedation, route="troche", by="patient")
    home["events"][0]["setting"] = "home"

    (answer,) = check(tmp_path, home)

    assert [(each["event"], each["errors"][0]["code"]) for each in answer["rejected"]] == [
        (2, "session_staff_only")
    ]
    assert answer["close_due_at"] == "2026-03-02T14:00:00+00:00"
    assert [flag["code"] for flag in answer["flags"]] == ["dose_without_pressure", "sitter_missing"]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b"nonsense", "not JSON"),
        (b"\xff", "UTF-8"),
        (b'{"events": [1e400]}', "not finite"),
        (b"[]", "an object with a list of events"),
        ({"events": []}, "an object with a list of events"),
        ({"events": ["plan"]}, "the first event is the plan"),
        (line(at=instant(0)) | {"at": "2026-03-02T10:00:00"}, "at is no instant"),
        (line(until=instant(0)), "a line has events, at, limits, patient, by"),
        (line(by="a nurse"), "by is staff or patient"),
        (line(patient=7), "patient is a text"),
    ],
)
def test_a_bad_line_says_why_with_its_number_and_stops_no_other(tmp_path, bad, error):
    first, wrong, last = check(tmp_path, line(dose(0, 2.0, "device")), bad, line(dose(0, 3.0, "device")))

    assert wrong.keys() == {"line", "error"}
    assert (wrong["line"], error in wrong["error"]) == (2, True), wrong
    # What could not be read is in no sum.
    assert (first["cumulative"][0]["mg"], last["cumulative"][0]["mg"]) == (56.0, 140.0)


def test_an_empty_line_is_passed_over_and_numbers_count_it(tmp_path):
    assert [answer.get("line") for answer in check(tmp_path, b"", line(), b"   ", b"nonsense")] == [None, 4]


def test_sessions_come_from_standard_input_and_a_file_that_is_not_there_is_one_sentence(
    tmp_path, monkeypatch
):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(line()).encode())))

    call_command("session_check", "-", stdout=out)

    assert json.loads(out.getvalue())["state"] == "planned"
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("session_check", str(tmp_path / "none.jsonl"))


def test_the_example_of_the_documentation_is_answered_as_the_page_tells(tmp_path):
    blocks = dict(re.findall(r"```json (line|answer)\n(.*?)```", PAGE.read_text(), re.DOTALL))

    (answer,) = check(tmp_path, json.loads(blocks["line"]))

    assert agrees(json.loads(blocks["answer"]), answer), json.dumps(answer, indent=1)
