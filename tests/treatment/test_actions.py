"""Treatment sessions in the database: two at once, corrections, clocks, baselines, who may write."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests import factories
from tests.factories import MONDAY
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.audit.models import AuditEvent
from tracker.clinics.errors import NotFoundOrHidden
from tracker.lib import rls
from tracker.records import rebuild
from tracker.records.models import DosingPeriod, MeasureState
from tracker.treatment import actions, events, store
from tracker.treatment.models import SessionText, TreatmentSession
from tracker.treatment.products import Route
from tracker.treatment.session_state import State

TREAT = Action.RECORD_TREATMENT_SESSION


def sent(kind: str, at: Any = MONDAY, **fields: Any) -> events.Event:
    return events.parse({"id": str(uuid4()), "kind": kind, "at": at.isoformat(), **fields})


def planned(
    principal: Principal, patient: Any, *, starts_at: Any = MONDAY, at: Any = MONDAY, **fields: Any
) -> UUID:
    session_id = uuid4()
    body = {"starts_at": starts_at.isoformat(), "route": "im", **fields}
    plan = sent("plan", at, **body)
    assert isinstance(plan, events.PlanEvent)
    actions.plan_session(
        principal=principal, patient=patient, session_id=session_id, plan=plan, sent_at=at, at=at
    )
    return session_id


def add(
    principal: Principal,
    patient: Any,
    session_id: UUID,
    *rest: events.Event,
    at: Any = MONDAY,
    sent_at: Any = None,
) -> list[str]:
    """What became of each event."""
    _, _, outcomes = actions.add_events(
        principal=principal, session_id=session_id, patient=patient, sent=rest, sent_at=sent_at or at, at=at
    )
    return [
        each.refusal.code if each.refusal else "replayed" if each.was_known else "stored" for each in outcomes
    ]


def chart(principal: Principal, world: Any) -> Any:
    return open_chart(
        principal, world.ada.pk, purpose="test", at=MONDAY, action=TREAT, categories={Category.TREATMENT}
    )


def test_two_members_of_staff_who_write_at_once_lose_nothing(world):
    first, second = sent("vitals", systolic=120, diastolic=80), sent("sedation", moaas=5)
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))
        assert add(ben, world.ada, session, first) == ["stored"]
    with as_user(world.dan if hasattr(world, "dan") else world.ben) as other:
        assert add(other, world.ada, session, second) == ["stored"]
        assert add(other, world.ada, session, first, second) == ["replayed", "replayed"]
        row = TreatmentSession.objects.get(pk=session)
        kinds = [entry.event.kind for entry in store.entries(row)]

    assert kinds == ["plan", "vitals", "sedation"]
    assert row.revision == 3


def test_event_id_that_was_used_for_something_else_is_refused(world):
    first = sent("sedation", moaas=5)
    other = events.parse(events.to_wire(first) | {"at": MONDAY.isoformat(), "id": str(first.id), "moaas": 3})
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))

        assert add(ben, world.ada, session, first, other) == ["stored", "id_reused"]


def test_refused_event_hinders_no_other(world):
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))

        assert add(
            ben, world.ada, session, sent("dose", amount=1.0, unit="device"), sent("dose", amount=40.0, unit="mg"),
            sent("complete"),
        ) == ["unit_not_for_route", "stored", "discharge_not_ready"]  # fmt: skip


def test_second_closing_is_refused_and_the_first_stays(world):
    closing = {"discharge": "against_advice", "text": "Wanted to go home."}
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))

        done = add(
            ben, world.ada, session, sent("dose", amount=40.0, unit="mg"), sent("complete", **closing),
            sent("complete", **closing),
        )  # fmt: skip

    assert done == ["stored", "stored", "session_already_closed"]


def test_second_session_of_a_patient_at_the_same_time_is_refused(world):
    with as_user(world.ben) as ben:
        ada = chart(ben, world)
        planned(ben, ada)
        with pytest.raises(actions.RefusedEvent) as refused:
            planned(ben, ada, starts_at=MONDAY + timedelta(minutes=119))
        planned(ben, ada, starts_at=MONDAY + timedelta(minutes=120))

    assert refused.value.refusal[:2] == ("session_overlaps", "starts_at")


def test_second_session_does_not_begin_while_one_is_running(world):
    with as_user(world.ben) as ben:
        ada = chart(ben, world)
        first, second = planned(ben, ada), planned(ben, ada, starts_at=MONDAY + timedelta(days=1))
        add(ben, ada, first, sent("start"))

        assert add(ben, ada, second, sent("check_in")) == ["session_in_progress"]


def test_clock_of_a_tablet_that_is_behind_does_not_shorten_the_observation(world):
    """Its ten o'clock is our eleven."""
    tablet = timedelta(hours=-1)
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))
        add(
            ben, world.ada, session, sent("dose", MONDAY + tablet, amount=40.0, unit="mg"),
            sent_at=MONDAY + tablet,
        )  # fmt: skip

        assert TreatmentSession.objects.get(pk=session).first_dosed_at == MONDAY


def test_event_dated_ahead_happened_when_we_heard_of_it(world):
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))
        add(ben, world.ada, session, sent("dose", MONDAY + timedelta(hours=3), amount=40.0, unit="mg"))

        assert TreatmentSession.objects.get(pk=session).first_dosed_at == MONDAY


def test_notes_and_reasons_are_encrypted(world):
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))
        note = sent("note", text="She was afraid of the needle.")
        add(ben, world.ada, session, note)

        row = SessionText.objects.get(event_id=note.id)
        assert b"afraid" not in bytes(row.ciphertext)
        assert store.texts(TreatmentSession.objects.get(pk=session)) == {
            note.id: "She was afraid of the needle."
        }


def test_stranger_reaches_no_session(world):
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))

    with as_user(world.cleo) as cleo:
        assert not TreatmentSession.objects.exists()
        with pytest.raises(NotFoundOrHidden):
            add(cleo, world.ada, session, sent("start"))


def test_patient_enters_a_session_at_home_and_no_other(world):
    with as_user(world.ben) as ben:
        ada = chart(ben, world)
        here, home = (
            planned(ben, ada),
            planned(ben, ada, starts_at=MONDAY + timedelta(days=1), route="troche", setting="home"),
        )
    with as_user(world.ada) as own:
        dose = {"amount": 200.0, "unit": "mg"}
        assert add(own, world.ada, here, sent("dose", **dose)) == ["session_staff_only"]
        assert add(
            own, world.ada, home, sent("checklist", item="sitter_present", is_met=True), sent("dose", **dose),
            sent("vitals", systolic=120, diastolic=80), sent("staff", staff_member=str(world.ben.pk)),
        ) == ["stored", "stored", "stored", "session_staff_only"]  # fmt: skip


def test_baselines_follow_the_first_dose_and_go_back_when_it_never_was(world):
    phone = Phone(world.ada.user)
    diary = [
        factories.pain(7 if day < 20 else 3, recorded_at=(MONDAY - timedelta(days=30 - day)).isoformat())
        for day in range(30)
    ]
    phone.push(*diary)

    def baseline() -> tuple[float | None, str]:
        with as_clinic(world.clinic.pk):
            row = MeasureState.objects.get(patient=world.ada, measure="pain.intensity")
            return row.baseline, row.baseline_basis

    assert baseline() == (7, "FIRST_DAYS")
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world), starts_at=MONDAY - timedelta(days=4))
        dose = sent("dose", MONDAY - timedelta(days=4), amount=40.0, unit="mg")
        add(ben, world.ada, session, dose)
    before = baseline()
    with as_user(world.ben) as ben:
        # It was given a week later than was written down: the days before it are others.
        moved = sent("dose", MONDAY, amount=40.0, unit="mg", replaces=str(dose.id))
        assert add(ben, world.ada, session, moved) == ["stored"]
    amended = baseline()
    assert not rebuild.check().differences
    with as_user(world.ben) as ben:
        assert add(ben, world.ada, session, sent("cancel", cause="entered_in_error")) == ["stored"]

    assert before[1] == amended[1] == "BEFORE_TREATMENT"
    assert before[0] != amended[0]
    assert baseline() == (7, "FIRST_DAYS")
    with as_clinic(world.clinic.pk):
        assert not DosingPeriod.objects.exists()
        assert TreatmentSession.objects.get(pk=session).state == State.CANCELLED
    assert not rebuild.check().differences


def test_session_leaves_audit_events_without_what_was_written(world):
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))
        add(ben, world.ada, session, sent("note", text="She was afraid."), sent("start"))

    with rls.context(clinic=str(world.clinic.pk), scope="clinic"):
        rows = AuditEvent.objects.filter(subject=f"treatment-session/{session}").order_by("pk")
        assert [(row.action, row.detail) for row in rows] == [
            ("session.plan", {}),
            ("session.record", {"kinds": ["note", "start"]}),
        ]


def test_correction_that_would_end_a_session_before_it_began_is_refused_and_nothing_is_lost(world):
    closing = {"discharge": "not_monitored", "text": "Recorded afterwards."}
    first = sent("dose", MONDAY - timedelta(hours=1), amount=40.0, unit="mg")
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))
        add(ben, world.ada, session, first, sent("complete", MONDAY - timedelta(minutes=30), **closing))

        moved = sent("dose", MONDAY, amount=40.0, unit="mg", replaces=str(first.id))
        assert add(ben, world.ada, session, moved) == ["ends_before_start"]
        assert TreatmentSession.objects.get(pk=session).total_mg == 40


def test_doses_that_can_only_be_slips_have_no_total(world):
    doses = [sent("dose", amount=5000.0, unit="mg") for _ in range(21)]
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world))

        assert set(add(ben, world.ada, session, *doses)) == {"stored"}
        assert TreatmentSession.objects.get(pk=session).total_mg is None


def test_patient_takes_back_what_they_have_entered_and_nothing_of_staff(world):
    of_staff, own = sent("vitals", systolic=120, diastolic=80), sent("vitals", systolic=130, diastolic=85)
    with as_user(world.ben) as ben:
        home = planned(ben, chart(ben, world), route="troche", setting="home")
        add(ben, world.ada, home, of_staff)
    with as_user(world.ada) as ada:
        assert add(
            ada, world.ada, home, own, sent("retract", target=str(of_staff.id), text="No."),
            sent("vitals", systolic=110, diastolic=70, replaces=str(of_staff.id)),
            sent("retract", target=str(own.id), text="Another cuff."),
        ) == ["stored", "session_staff_only", "session_staff_only", "stored"]  # fmt: skip


def test_session_that_was_missed_does_not_take_the_time_of_another_one(world):
    with as_user(world.ben) as ben:
        ada = chart(ben, world)
        first = planned(ben, ada)
        add(ben, ada, first, sent("miss"))
        second = planned(ben, ada)

        assert add(ben, ada, first, sent("check_in")) == ["session_overlaps"]
        assert add(ben, ada, second, sent("dose", amount=40.0, unit="mg")) == ["stored"]


def test_session_that_is_full_can_be_closed_and_a_dose_given_is_taken(world, monkeypatch):
    monkeypatch.setattr(actions, "MAX_EVENTS_OF_SESSION", 3)
    monkeypatch.setattr(actions, "MAX_EVENTS_BY_PATIENT", 2)
    with as_user(world.ben) as ben:
        home = planned(ben, chart(ben, world), route="troche", setting="home")
    with as_user(world.ada) as ada:
        full = [sent("sedation", moaas=5), sent("vitals", spo2=97), sent("vitals", spo2=96)]
        assert add(ada, world.ada, home, full[1], full[2]) == ["stored", "session_full"]
    with as_user(world.ben) as ben:
        assert add(
            ben, world.ada, home, full[0], sent("sedation", moaas=4), sent("dose", amount=100.0, unit="mg"),
            sent("complete"),
        ) == ["stored", "session_full", "stored", "stored"]  # fmt: skip


def test_past_session_that_was_cancelled_as_an_error_can_be_recorded_rightly(world):
    with as_user(world.ben) as ben:
        ada = chart(ben, world)
        wrong = actions.record_past_session(
            principal=ben, patient=ada, starts_at=MONDAY - timedelta(days=1), route=Route.IM, dose_mg=Decimal(400),
            at=MONDAY,
        )  # fmt: skip
        add(ben, ada, wrong.pk, sent("cancel", cause="entered_in_error"))
        right = actions.record_past_session(
            principal=ben, patient=ada, starts_at=MONDAY - timedelta(days=1), route=Route.IM, dose_mg=Decimal(40),
            at=MONDAY,
        )  # fmt: skip

    assert right.pk != wrong.pk
    assert right.total_mg == 40
