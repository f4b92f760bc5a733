"""Alerts: asked again until somebody answers, taken by one, and always somebody's."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, transaction

from tests import factories
from tests.concurrency import run_concurrently, run_during
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic, as_user
from tracker.accounts.models import User
from tracker.alerts import acknowledgement, actions
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert
from tracker.audit.models import AuditEvent
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, StaffMember, TeamMembership
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message
from tracker.records.kinds.pain import PainEntry
from tracker.records.kinds.questionnaire import Response
from tracker.sync import ingest, safety

RAISED = factories.MONDAY
MINUTE = timedelta(minutes=1)


def raised(world: factories.World, *, at: datetime = RAISED, **more: Any) -> Alert:
    """An alert about Ada's answer, with its messages, as ingest writes it."""
    given: dict[str, Any] = {
        "rule": "phq9_item9",
        "level": "URGENT",
        "source_kind": "response",
        "source_id": uuid.uuid4(),
        "answered_at": at,
        "answered_on": at.date(),
    }
    finding = Finding(**given | more)
    with as_clinic(world.clinic.pk):
        assert actions.assess(clinic_id=world.clinic.pk, patient_id=world.ada.pk, findings=[finding], at=at)
        return Alert.objects.get(source_id=finding.source_id)


def escalate(minutes: float) -> int:
    return actions.escalate_overdue(at=RAISED + timedelta(minutes=minutes))


def acknowledge(who: StaffMember, alert_id: uuid.UUID, at: datetime = RAISED + MINUTE) -> None:
    with as_user(who, at) as principal:
        acknowledgement.acknowledge(alert_id=alert_id, principal=principal, at=at)


def told(world: factories.World, alert: Alert, step: int) -> set[uuid.UUID]:
    """Who was told at a step, by every channel."""
    with as_clinic(world.clinic.pk):
        rows = Message.objects.filter(key__startswith=f"alert/{alert.pk}/1/{step}/", urgent=True)
        by_channel = [
            set(rows.filter(channel=channel).values_list("recipient_id", flat=True))
            for channel in TEXTS["alert"].channels
        ]
    assert all(people == by_channel[0] for people in by_channel)
    return by_channel[0]


def team(world: factories.World) -> set[uuid.UUID]:
    return {world.ben.user_id, world.dan.user_id}


def everybody(world: factories.World) -> set[uuid.UUID]:
    """All clinical staff of the clinic: the administrator and the other clinic are told nothing."""
    return team(world) | {world.cleo.user_id}


def test_an_alert_escalates_at_each_due_time_and_not_between(world):
    alert = raised(world)
    steps = []
    for minute in range(0, 200, 5):
        steps += [minute] * escalate(minute)

    assert steps == [15, 30, 60, 120, 180]
    assert [told(world, alert, step) for step in range(7)] == [
        team(world), team(world), team(world), everybody(world), everybody(world), everybody(world), set(),
    ]  # fmt: skip


def test_an_alert_escalates_at_its_minute_and_not_before(world):
    raised(world)

    assert escalate(15 - 1e-6) == 0
    assert escalate(15) == 1
    assert escalate(15) == 0
    assert escalate(30 - 1e-6) == 0


def test_an_alert_escalates_once_after_a_standstill_and_not_for_each_missed_step(world):
    alert = raised(world)

    assert (escalate(125), escalate(125)) == (1, 0)
    assert told(world, alert, 4) == everybody(world)
    assert [told(world, alert, step) for step in (1, 2, 3)] == [set()] * 3
    assert (escalate(179), escalate(180)) == (0, 1)


def test_an_acknowledged_alert_escalates_no_more(world):
    alert = raised(world)
    escalate(15)
    acknowledge(world.ben, alert.pk, RAISED + 20 * MINUTE)

    assert [escalate(minute) for minute in (30, 60, 600, 60_000)] == [0] * 4
    assert told(world, alert, 2) == set()


def test_an_alert_escalates_by_its_receipt_and_not_by_the_phones_clock(world):
    old = raised(world, answered_at=RAISED - timedelta(days=9000))
    future = raised(world, rule="daily_self_harm_thoughts", answered_at=RAISED + timedelta(days=9000))

    assert (old.is_historical, future.is_historical) == (True, False)
    assert escalate(15) == 2


def test_each_alert_escalates_by_itself(world):
    raised(world)
    raised(world, rule="daily_self_harm_thoughts", at=RAISED + 10 * MINUTE)

    assert [escalate(minute) for minute in (15, 24, 25, 30, 40)] == [1, 0, 1, 1, 1]


def test_the_same_finding_again_raises_no_alert_and_enqueues_no_message(world):
    source = uuid.uuid4()
    first = raised(world, source_id=source)
    again = raised(world, source_id=source, at=RAISED + timedelta(hours=1))

    assert again.pk == first.pk
    with as_clinic(world.clinic.pk):
        assert Message.objects.count() == len(team(world)) * len(TEXTS["alert"].channels)


def test_two_alert_rules_met_by_one_answer_raise_two_alerts(world):
    source = uuid.uuid4()
    with as_clinic(world.clinic.pk):
        findings = [
            Finding(rule, "URGENT", "response", source, RAISED, RAISED.date())
            for rule in ("cssrs_high", "cssrs_low")
        ]
        actions.assess(clinic_id=world.clinic.pk, patient_id=world.ada.pk, findings=findings, at=RAISED)
        assert Alert.objects.count() == 2


def test_no_finding_raises_no_alert(world):
    with as_clinic(world.clinic.pk):
        assert not actions.assess(clinic_id=world.clinic.pk, patient_id=world.ada.pk, findings=[], at=RAISED)
        assert not Alert.objects.exists()


def leave_team(world: factories.World, *people: StaffMember, at: datetime = RAISED) -> None:
    with as_clinic(world.clinic.pk):
        TeamMembership.objects.filter(staff_member__in=people).update(ends_at=at)


def test_an_alert_of_an_empty_team_is_enqueued_for_the_whole_clinic_at_once(world):
    leave_team(world, world.ben, world.dan)

    assert told(world, raised(world), 0) == everybody(world)


def test_a_team_whose_people_have_left_the_clinic_counts_as_empty(world):
    User.objects.filter(pk__in=team(world)).update(is_active=False)

    assert told(world, raised(world), 0) == {world.cleo.user_id}


def test_an_alert_escalates_to_nobody_who_has_left_the_team(world):
    alert = raised(world)
    leave_team(world, world.ben, at=RAISED + 10 * MINUTE)
    escalate(15)

    assert told(world, alert, 1) == {world.dan.user_id}


def test_who_joins_later_is_not_on_duty_yet(world):
    with as_clinic(world.clinic.pk):
        TeamMembership.objects.create(
            clinic_id=world.clinic.pk, team=world.team, staff_member=world.cleo,
            starts_at=RAISED + timedelta(microseconds=1),
        )  # fmt: skip
    assert told(world, raised(world), 0) == team(world)


def test_acknowledging_an_alert_names_the_person_and_records_an_audit_event(world):
    alert = raised(world)
    acknowledge(world.ben, alert.pk)

    with as_clinic(world.clinic.pk):
        alert.refresh_from_db()
        event = AuditEvent.objects.get(action="alert.acknowledge")
    assert (alert.acknowledged_by_id, alert.acknowledged_at) == (world.ben.user_id, RAISED + MINUTE)
    assert (event.actor, event.subject, event.patient) == (
        f"user/{world.ben.user_id}", str(alert), world.ada.pk,
    )  # fmt: skip


def test_the_second_clinician_to_acknowledge_learns_who_was_first_and_when(world):
    alert = raised(world)
    acknowledge(world.ben, alert.pk)

    with pytest.raises(acknowledgement.AlreadyAcknowledgedError) as caught:
        acknowledge(world.dan, alert.pk, RAISED + 2 * MINUTE)

    assert (caught.value.by_name, caught.value.at) == (world.ben.name, RAISED + MINUTE)
    with as_clinic(world.clinic.pk):
        alert.refresh_from_db()
        assert AuditEvent.objects.filter(action="alert.acknowledge").count() == 1
    assert alert.acknowledged_by_id == world.ben.user_id


def test_an_alert_of_another_team_cannot_be_acknowledged_and_looks_missing(world):
    alert = raised(world)

    for stranger in (world.cleo, world.eve, world.finn):
        for wanted in (alert.pk, uuid.uuid4()):
            with pytest.raises(NotFoundOrHidden):
                acknowledge(stranger, wanted)

    with as_clinic(world.clinic.pk):
        assert Alert.objects.open().count() == 1


def test_a_former_member_of_the_team_cannot_acknowledge_its_alerts(world):
    alert = raised(world)
    leave_team(world, world.ben)

    with pytest.raises(NotFoundOrHidden):
        acknowledge(world.ben, alert.pk)


def test_amending_or_removing_the_answer_closes_no_alert(world):
    phone, answer = Phone(world.ada.user), factories.phq9([0] * 8 + [2])
    phone.push(answer)
    milder = factories.phq9([0] * 9)["data"]
    phone.push(answer | {"revision": 2, "data": milder})
    phone.push({k: v for k, v in answer.items() if k != "data"} | {"revision": 3, "removed": True})

    with as_clinic(world.clinic.pk):
        assert Alert.objects.open().count() == 1


def test_an_answer_that_becomes_positive_when_amended_raises_an_alert(world):
    phone, answer = Phone(world.ada.user), factories.phq9([0] * 9)
    phone.push(answer)
    phone.push(answer | {"revision": 2, "data": factories.phq9([0] * 8 + [1])["data"]})

    with as_clinic(world.clinic.pk):
        assert Alert.objects.open().count() == 1


def test_an_answer_whose_alert_cannot_be_written_is_not_acknowledged(live):
    with transaction.atomic():
        phone = Phone(live.world.ada.user)
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        owner.execute("ALTER TABLE alerts_alert ADD CONSTRAINT none_today CHECK (level <> 'URGENT')")

    answer = phone.push(factories.phq9([0] * 8 + [1]), factories.pain(3))

    assert answer.status_code >= 500
    with as_clinic(live.world.clinic.pk):
        assert not Response.objects.exists()
        assert not PainEntry.objects.exists()


def test_of_two_who_acknowledge_at_once_one_wins_and_the_other_learns_the_name(live):
    world = live.world
    for _ in range(5):
        with transaction.atomic():
            alert = raised(world)

        def take(who: StaffMember, alert_id: uuid.UUID = alert.pk):
            def act() -> str:
                with transaction.atomic():
                    acknowledge(who, alert_id)
                return who.name

            return act

        outcomes = run_concurrently(take(world.ben), take(world.dan))

        (winner,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
        (loser,) = [outcome for outcome in outcomes if not isinstance(outcome, str)]
        assert isinstance(loser, acknowledgement.AlreadyAcknowledgedError)
        assert loser.by_name == winner


def test_escalation_waits_for_an_acknowledgement_in_progress_and_then_does_not_escalate(live):
    world = live.world
    with transaction.atomic():
        alert = raised(world)

    with transaction.atomic():
        acknowledge(world.ben, alert.pk)
        (taken,) = run_concurrently(lambda: actions.escalate_overdue(at=RAISED + 15 * MINUTE))

    assert taken == 0
    assert actions.escalate_overdue(at=RAISED + 15 * MINUTE) == 0


def test_many_workers_escalate_each_step_once(live):
    with transaction.atomic():
        alert = raised(live.world)

    taken = run_concurrently(*[lambda: actions.escalate_overdue(at=RAISED + 60 * MINUTE)] * 6)

    assert sorted(str(count) for count in taken) == ["0"] * 5 + ["1"]
    with transaction.atomic():
        assert told(live.world, alert, 3) == everybody(live.world)


def test_an_acknowledgement_is_kept_when_the_answer_is_sent_again_at_the_same_moment(live):
    world, phone = live.world, Phone(live.world.ada.user)
    answer = factories.phq9([1] * 8 + [2])
    phone.push(answer)
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()

    pushed = run_during(lambda: acknowledge(world.ben, alert.pk), lambda: phone.push(answer))

    assert pushed.json()["results"][0]["status"] == "replayed", pushed.content
    with as_clinic(world.clinic.pk):
        assert Alert.objects.get().acknowledged_by == world.ben.user


def test_two_who_acknowledge_the_last_two_alerts_at_once_close_them_to_the_team(live):
    world = live.world
    with transaction.atomic():
        first, second = raised(world), raised(world, rule="daily_self_harm_thoughts")
    actions.escalate_overdue(at=RAISED + 120 * MINUTE)

    outcome = run_during(lambda: acknowledge(world.ben, first.pk), lambda: acknowledge(world.dan, second.pk))

    assert outcome is None
    with as_clinic(world.clinic.pk):
        assert Patient.objects.get(pk=world.ada.pk).alert_opened_to_clinic_at is None


def test_a_refused_body_that_is_sent_twice_at_once_raises_one_alert(live):
    world = live.world
    answer = factories.phq9([1] * 8 + [2])

    def refuse() -> bool:
        with transaction.atomic():
            principal = act_as(world.ada)
            findings = tuple(safety.scan_deep(answer, RAISED, safety.Deadline()))
            return ingest.raise_alerts_for_refused(principal=principal, findings=findings, at=RAISED)

    assert [run_during(refuse, refuse)] == [True]
    with as_clinic(world.clinic.pk):
        assert Alert.objects.count() == 1


def test_row_level_security_hides_an_alert_from_other_teams(world):
    raised(world)
    act_as(world.cleo, RAISED)

    assert not Alert.objects.exists()
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        Alert.objects.create(
            clinic_id=world.clinic.pk, patient=world.ada, rule="x", level="URGENT", source_kind="x",
            source_id=uuid.uuid4(), answered_at=RAISED, raised_at=RAISED,
        )  # fmt: skip
