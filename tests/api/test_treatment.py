"""Treatment sessions over the API: staff plan and record, the patient reads, and records at home."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.policy import Category
from tracker.alerts import treatment_sessions
from tracker.alerts.models import Alert
from tracker.treatment import limits
from tracker.treatment.models import TreatmentSession


def now() -> datetime:
    return timezone.now()


def event(kind: str, at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "kind": kind, "at": (at or now()).isoformat(), **fields}


def plan(staff: Phone, world: Any, **fields: Any) -> str:
    """Plan a session with Ada; return its id."""
    body = {
        "id": str(uuid4()), "patient": str(world.ada.pk), "sent_at": now().isoformat(),
        "plan": event("plan", **{"route": "im", "starts_at": now().isoformat()} | fields),
    }  # fmt: skip
    answer = staff.post("sessions", body)
    assert answer.status_code == 201, answer.content
    assert answer["Location"].endswith(body["id"])
    assert staff.post("sessions", body).status_code == 200
    return str(body["id"])


def add(phone: Phone, session: str, *sent: dict[str, Any]) -> Any:
    return phone.post(f"sessions/{session}/events", {"sent_at": now().isoformat(), "events": list(sent)})


def statuses(answer: Any) -> list[str]:
    return [each.get("code") or each["status"] for each in answer.json()["results"]]


def test_staff_record_a_session_and_the_patient_reads_it(world):
    ben, ada = Phone(world.ben.user), Phone(world.ada.user)
    session = plan(ben, world)
    weight = event("weight", weight_kg=80.0, measured_on=now().date().isoformat())

    answer = add(
        ben, session, event("check_in"), weight, event("vitals", systolic=128, diastolic=80),
        event("dose", amount=0.5, unit="mg_per_kg"), event("note", text="Calm."),
    )  # fmt: skip

    assert statuses(answer) == ["stored"] * 5
    assert answer.json()["overview"]["total_mg"] == 40
    read = ada.get(f"sessions/{session}").json()
    assert read["session"]["total_mg"] == 40
    assert read["cumulative"] == [
        {"product": "ketamine", "route": "im", "mg": 40.0, "sessions": 1, "incomplete": False}
    ]
    assert [each["event"]["kind"] for each in read["events"]] == [
        "plan", "check_in", "weight", "vitals", "dose", "note",
    ]  # fmt: skip
    assert read["events"][-1]["event"]["text"] == "Calm."
    assert read["events"][-1]["recorded_by"] == world.ben.name
    assert [each["id"] for each in ada.get("sessions").json()["sessions"]] == [session]


def test_event_of_a_session_that_cannot_be_is_refused_by_its_field_and_the_others_are_stored(world):
    ben = Phone(world.ben.user)
    session = plan(ben, world)

    answer = add(
        ben, session, event("weight", weight_kg=700.0, measured_on="2026-03-01"),
        event("dose", amount=1, unit="device"),
        event("dose", amount=40, unit="mg"), event("complete"), "nonsense",  # type: ignore[arg-type]
    )  # fmt: skip

    results = answer.json()["results"]
    assert [(each["status"], each.get("code"), each.get("pointer")) for each in results] == [
        ("rejected", "out_of_range", "/weight_kg"),
        ("rejected", "unit_not_for_route", "/unit"),
        ("stored", None, None),
        ("rejected", "discharge_not_ready", "/discharge"),
        ("rejected", "wrong_type", ""),
    ]
    assert "too_early" in results[3]["missing"]


def test_second_session_at_the_same_time_is_refused_naming_the_field(world):
    ben = Phone(world.ben.user)
    plan(ben, world)

    answer = ben.post("sessions", {
        "id": str(uuid4()), "patient": str(world.ada.pk), "sent_at": now().isoformat(),
        "plan": event("plan", starts_at=now().isoformat(), route="im"),
    })  # fmt: skip

    assert answer.status_code == 400
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("/plan/starts_at", "session_overlaps")
    ]


def test_stranger_is_told_of_no_treatment_session(world):
    session = plan(Phone(world.ben.user), world)
    cleo = Phone(world.cleo.user)

    missing = cleo.get(f"sessions/{uuid4()}")
    for answer in (cleo.get(f"sessions/{session}"), add(cleo, session, event("start"))):
        assert answer.status_code == 404
        assert answer.json()["code"] == missing.json()["code"]
    assert cleo.get(f"sessions?patient={world.ada.pk}").status_code == 404


def test_patient_records_a_session_at_home_and_no_session_of_the_clinic(world):
    ben, ada = Phone(world.ben.user), Phone(world.ada.user)
    here = plan(ben, world)
    home = plan(ben, world, route="troche", setting="home", starts_at=(now() + timedelta(days=1)).isoformat())

    assert statuses(add(ada, here, event("dose", amount=40, unit="mg"))) == ["session_staff_only"]
    answer = add(
        ada, home, event("checklist", item="sitter_present", is_met=True), event("vitals", systolic=120, diastolic=80),
        event("dose", amount=200, unit="mg", hold_minutes=15, swallowed=False), event("complete"),
    )  # fmt: skip
    assert statuses(answer) == ["stored"] * 4
    assert answer.json()["session"]["state"] == "completed"


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ({"kind": "adverse_event", "effect": "chest_pain", "severity": 2}, "side_effect_chest_pain"),
        (
            {"kind": "adverse_event", "effect": "suicidal_thoughts", "severity": 1},
            "side_effect_suicidal_thoughts",
        ),
        ({"kind": "vitals", "systolic": 185, "diastolic": 100}, "session_vital_signs"),
        ({"kind": "vitals", "spo2": 88}, "session_vital_signs"),
    ],
)
def test_grave_event_of_a_session_at_home_alerts_and_brings_the_crisis_text(world, sent, rule):
    ada = Phone(world.ada.user)
    session = plan(Phone(world.ben.user), world, route="troche", setting="home")

    answer = add(ada, session, event(**sent)).json()

    assert answer["alerted"] is True
    assert answer["guidance"]["crisis_text"]
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get(patient=world.ada)
        assert alert.source_kind == "treatment_session"
        assert alert.rule == rule


def test_answer_about_self_harm_in_a_session_of_the_clinic_alerts_too(world):
    ben = Phone(world.ben.user)
    session = plan(ben, world)

    add(ben, session, event("adverse_event", effect="nausea", severity=3))
    add(ben, session, event("adverse_event", effect="suicidal_thoughts", severity=1))

    with as_clinic(world.clinic.pk):
        assert Alert.objects.filter(patient=world.ada).count() == 1


def test_session_at_home_that_nobody_closes_alerts_once_and_not_after_it_was_closed(world):
    ada = Phone(world.ada.user)
    session = plan(Phone(world.ben.user), world, route="troche", setting="home")
    add(ada, session, event("dose", amount=200, unit="mg"))
    late = now() + timedelta(hours=limits.DEFAULTS.close_hours, minutes=1)

    assert treatment_sessions.raise_unclosed(at=late - timedelta(minutes=2)) == 0
    for _ in range(2):
        assert treatment_sessions.raise_unclosed(at=late) == 1

    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get(patient=world.ada, rule="session_not_closed")
        assert alert.source_id == TreatmentSession.objects.get().pk
    add(ada, session, event("complete"))
    assert treatment_sessions.raise_unclosed(at=late) == 0


def test_clinician_sets_the_limits_of_the_clinic_within_their_bounds(world):
    ben = Phone(world.ben.user)
    held = ben.get("monitoring-limits").json()
    assert held["set_by"] is None

    wanted = held["limits"] | {"pre_dose_systolic": 150}
    assert ben.call("PUT", "monitoring-limits", {"limits": wanted}).status_code == 200
    beyond = ben.call("PUT", "monitoring-limits", {"limits": wanted | {"pre_dose_systolic": 190}})
    short = ben.call(
        "PUT", "monitoring-limits", {"limits": wanted, "observation_minutes": {"nasal_esketamine": 60}}
    )

    assert ben.get("monitoring-limits").json()["limits"]["pre_dose_systolic"] == 150
    assert ben.get("monitoring-limits").json()["set_by"] == world.ben.name
    assert beyond.json()["errors"][0]["pointer"] == "/limits/pre_dose_systolic"
    assert short.status_code == 400


def test_phone_pulls_sessions_in_the_order_of_their_changes_among_its_records(world):
    ben, ada = Phone(world.ben.user), Phone(world.ada.user)
    ada.push(factories.pain(3))
    first = plan(ben, world)
    ada.push(factories.pain(4))
    second = plan(ben, world, starts_at=(now() + timedelta(days=1)).isoformat())
    add(ben, first, event("check_in"))

    found, cursor, pages = [], "", 0
    while True:
        page = ada.get(f"sync/pull?limit=1{cursor}").json()
        found += [each["id"] for each in page["sessions"]]
        pages, cursor = pages + 1, f"&cursor={page['cursor']}"
        if not page["more"]:
            break

    assert found == [second, first]
    assert pages <= 4
    whole = ada.get("sync/pull").json()
    assert [(each["id"], each["state"]) for each in whole["sessions"]] == [
        (second, "planned"),
        (first, "checked_in"),
    ]
    assert len(whole["records"]) == 2
    assert ada.get(f"sync/pull?cursor={whole['cursor']}").json()["sessions"] == []


def test_session_that_is_not_shared_is_in_no_pull_of_the_team(world):
    ben = Phone(world.ben.user)
    plan(ben, world)
    assert ben.get(f"sync/pull?patient={world.ada.pk}").json()["sessions"]

    factories.share(world.ada, world.team, [Category.PAIN], now())

    page = ben.get(f"sync/pull?patient={world.ada.pk}").json()
    assert page["sessions"] == []


@pytest.mark.parametrize(
    "spoilt",
    [{"severity": "2"}, {"severity": 9}, {"effect": "Suicidal-Thoughts"}, {"at": "yesterday"}, {"more": 1}],
)
def test_answer_about_self_harm_alerts_although_its_event_is_refused(world, spoilt):
    ada = Phone(world.ada.user)
    session = plan(Phone(world.ben.user), world, route="troche", setting="home")

    answer = add(ada, session, event("adverse_event", effect="suicidal_thoughts", severity=2) | spoilt).json()

    assert answer["results"][0]["status"] == "rejected"
    assert answer["alerted"] is True
    assert answer["guidance"]["crisis_text"]


def test_answer_about_self_harm_alerts_although_the_whole_request_is_refused(world):
    ada = Phone(world.ada.user)
    session = plan(Phone(world.ben.user), world, route="troche", setting="home")
    sent = event("adverse_event", effect="suicidal_thoughts", severity=2)

    answer = ada.post(f"sessions/{session}/events", {"events": [sent]})

    assert answer.status_code == 400
    assert answer.json()["alerted"] is True


def test_no_effect_is_no_alert(world):
    ada = Phone(world.ada.user)
    session = plan(Phone(world.ben.user), world, route="troche", setting="home")

    answer = add(ada, session, event("adverse_event", effect="nausea", severity=9)).json()

    assert answer["alerted"] is False


def home_session(world: Any, *, days: int = 0) -> str:
    starts_at = (now() + timedelta(days=days)).isoformat()
    return plan(Phone(world.ben.user), world, route="troche", setting="home", starts_at=starts_at)


def acknowledge_all(world: Any) -> None:
    ben = Phone(world.ben.user)
    for alert in open_alerts(world):
        answer = ben.post(
            f"alerts/{alert.pk}/acknowledge?answers={alert.answer_count}&base_version={alert.version}", {}
        )
        assert answer.status_code == 200, answer.content


def open_alerts(world: Any) -> list[Alert]:
    with as_clinic(world.clinic.pk):
        return list(Alert.objects.open().filter(patient=world.ada))


SELF_HARM: dict[str, Any] = {"kind": "adverse_event", "effect": "suicidal_thoughts", "severity": 3}


@pytest.mark.parametrize("grave", [SELF_HARM, {"kind": "vitals", "spo2": 80}])
def test_grave_event_beside_the_replay_of_another_with_its_id_alerts(world, grave):
    ada = Phone(world.ada.user)
    session = home_session(world)
    note = event("note", text="Calm.")
    add(ada, session, note)

    answer = add(ada, session, note, event(**grave) | {"id": note["id"]})

    assert statuses(answer) == ["replayed", "id_reused"]
    assert answer.json()["alerted"] is True
    assert answer.json()["guidance"]["crisis_text"]
    assert [alert.answer_stored for alert in open_alerts(world)] == [False]


@pytest.mark.parametrize("spoilt", [{}, {"severity": "3"}])
def test_grave_event_under_the_id_of_one_in_an_earlier_session_alerts_after_acknowledgement(world, spoilt):
    ada = Phone(world.ada.user)
    first, second = home_session(world), home_session(world, days=1)
    sent = event(**SELF_HARM) | spoilt
    add(ada, first, sent)
    acknowledge_all(world)

    assert add(ada, second, sent).json()["alerted"] is True

    assert len(open_alerts(world)) == 1


def test_grave_event_with_other_content_under_its_id_alerts_after_acknowledgement(world):
    ada = Phone(world.ada.user)
    session = home_session(world)
    sent = event(**SELF_HARM)
    add(ada, session, sent)
    acknowledge_all(world)

    answer = add(ada, session, sent | {"severity": 2})

    assert statuses(answer) == ["id_reused"]
    assert answer.json()["alerted"] is True
    assert len(open_alerts(world)) == 1


def test_replay_of_a_grave_event_brings_the_crisis_text_and_raises_no_acknowledged_alert_again(world):
    ada = Phone(world.ada.user)
    session = home_session(world)
    sent = event(**SELF_HARM)
    add(ada, session, sent)
    acknowledge_all(world)

    answer = add(ada, session, sent, sent)

    assert statuses(answer) == ["replayed", "replayed"]
    assert answer.json()["guidance"]["crisis_text"]
    assert open_alerts(world) == []


@pytest.mark.parametrize("severity", [{}, {"severity": None}, {"severity": []}, {"grade": 3}])
@pytest.mark.parametrize("effect", ["suicidal_thoughts", "chest_pain"])
def test_grave_effect_without_a_severity_alerts_as_unreadable(world, effect, severity):
    ada = Phone(world.ada.user)
    session = home_session(world)

    answer = add(ada, session, event("adverse_event", effect=effect, **severity))

    assert answer.json()["results"][0]["status"] == "rejected"
    assert answer.json()["alerted"] is True
    assert [(alert.rule, alert.level) for alert in open_alerts(world)] == [
        ("unreadable_safety_answer", "URGENT")
    ]


def test_harmless_effect_without_a_severity_is_no_alert(world):
    answer = add(Phone(world.ada.user), home_session(world), event("adverse_event", effect="nausea"))

    assert answer.json()["alerted"] is False
