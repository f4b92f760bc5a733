"""Check-ins: planned once, reminded of once, taken back with their reminder, and nobody else's."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from tests import factories
from tests.concurrency import run_concurrently
from tests.rls_context import as_clinic, as_user
from tracker.access.chart import open_chart
from tracker.audit.models import AuditEvent
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, StaffMember
from tracker.lib import days, rls
from tracker.outbox import actions as outbox
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message
from tracker.records import actions as records
from tracker.reminders import actions, timing
from tracker.reminders.models import CheckIn

PLANNED = factories.MONDAY
STARTS = PLANNED + timedelta(days=5, hours=4)
DUE = timing.day_before(STARTS, factories.ZONE)


def plan(who: StaffMember, patient: Patient, starts_at: datetime = STARTS, minutes: int = 20) -> CheckIn:
    with as_user(who, PLANNED) as principal:
        chart = open_chart(principal, patient.pk, purpose="test", at=PLANNED)
        return actions.plan_check_in(
            principal=principal, patient=chart, starts_at=starts_at, minutes=minutes, at=PLANNED
        )


def cancel(who: StaffMember, check_in_id: uuid.UUID, at: datetime = PLANNED) -> None:
    with as_user(who, at) as principal:
        actions.cancel_check_in(principal=principal, check_in_id=check_in_id, at=at)


def plan_due(at: datetime) -> int:
    return actions.plan_reminders(at=at)


def messages(world: factories.World, words: str = "check-in") -> list[Message]:
    with as_clinic(world.clinic.pk):
        return list(Message.objects.filter(words=words))


def move(world: factories.World, time_zone: str) -> None:
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(time_zone=time_zone)


def set_dosing(world: factories.World, dosed_at: datetime | None, hours: float = 4) -> None:
    """The doses of Ada's one session, as they stand: None if there are none any more."""
    dosing = None
    if dosed_at is not None:
        ends_at = dosed_at + timedelta(hours=hours)
        dosing = records.Dosing(dosed_at, days.local_day(dosed_at, factories.ZONE), ends_at)
    with transaction.atomic(), rls.as_patient(world.clinic.pk, world.ada.pk):
        records.set_dosing(
            clinic_id=world.clinic.pk, patient_id=world.ada.pk, session_id=uuid.UUID(int=13), dosing=dosing
        )


def test_planning_tells_the_patient_and_leaves_a_trace(world):
    check_in = plan(world.ben, world.ada)

    told = messages(world, "check-in-planned")
    assert {(row.recipient_id, row.channel) for row in told} == {
        (world.ada.user_id, channel) for channel in TEXTS["check-in"].channels
    }
    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="check_in.plan")
    assert (event.actor, event.subject) == (f"user/{world.ben.user_id}", str(check_in))
    assert (check_in.time_zone, check_in.staff_member_id) == (factories.ZONE, world.ben.pk)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1), timedelta(days=1)])
def test_a_check_in_in_the_past_is_refused(world, late):
    with pytest.raises(actions.InThePastError):
        plan(world.ben, world.ada, PLANNED - late)


def test_two_at_one_time_are_refused_and_the_first_stands(world):
    first = plan(world.ben, world.ada)

    # The first lasts from 0 to 20.
    for after, minutes in ((0, 40), (-10, 11), (19, 5), (-60, 240)):
        with pytest.raises(actions.AlreadyPlannedError):
            plan(world.dan, world.ada, STARTS + timedelta(minutes=after), minutes)

    with as_clinic(world.clinic.pk):
        assert [row.pk for row in CheckIn.objects.all()] == [first.pk]
    assert len(messages(world, "check-in-planned")) == len(TEXTS["check-in"].channels)


def test_a_clinician_plans_no_two_check_ins_that_overlap_with_different_patients(world):
    plan(world.ben, world.ada, minutes=60)
    kim = factories.patient(world.clinic, "kim", world.team)

    with pytest.raises(actions.ClinicianBusyError):
        plan(world.ben, kim, STARTS + timedelta(minutes=30), 30)

    plan(world.dan, kim, STARTS + timedelta(minutes=30), 30)


def test_a_check_in_may_begin_when_another_ends_and_in_the_place_of_a_cancelled_one(world):
    cancel(world.ben, plan(world.ben, world.ada).pk)
    plan(world.ben, world.ada)

    plan(world.ben, world.ada, STARTS + timedelta(minutes=20))
    plan(world.ben, world.ada, STARTS - timedelta(minutes=30), 30)


@pytest.mark.parametrize("minutes", [4, 241])
def test_an_impossible_length_is_not_called_a_second_check_in(world, minutes):
    with pytest.raises(IntegrityError, match="check_in_5_to_240_minutes"):
        plan(world.ben, world.ada, minutes=minutes)


def test_a_patient_of_another_team_cannot_be_planned_with(world):
    with pytest.raises(NotFoundOrHidden):
        plan(world.cleo, world.ada)


def test_a_stranger_cannot_cancel_and_cannot_tell_it_from_nothing(world):
    check_in = plan(world.ben, world.ada)

    for stranger in (world.cleo, world.eve, world.finn):
        for wanted in (check_in.pk, uuid.uuid4()):
            with pytest.raises(NotFoundOrHidden):
                cancel(stranger, wanted)

    with as_clinic(world.clinic.pk):
        assert CheckIn.objects.get().cancelled_at is None


def test_a_reminder_is_planned_when_it_falls_due_and_never_twice(world):
    plan(world.ben, world.ada)

    assert plan_due(DUE - timedelta(seconds=1)) == 0
    assert plan_due(DUE) == len(TEXTS["check-in"].channels)
    # A second run of beat, a restart, and every minute until the check-in.
    assert [plan_due(DUE + timedelta(minutes=n)) for n in (0, 0, 1, 60, 119, 600)] == [0] * 6
    assert {(row.recipient_id, row.due_at) for row in messages(world)} == {(world.ada.user_id, DUE)}


def test_a_planner_that_was_away_for_two_hours_drops_what_it_missed(world):
    plan(world.ben, world.ada)

    assert plan_due(DUE + timedelta(hours=2)) == 0
    assert messages(world) == []


@pytest.mark.parametrize(
    ("after", "sent"), [(timedelta(hours=2) - timing.LATEST / 120, 2), (timedelta(hours=2), 0)]
)
def test_a_reminder_that_could_not_leave_in_time_is_dropped_and_stays_on_record(world, after, sent):
    plan(world.ben, world.ada)
    plan_due(DUE)

    outbox.deliver_due(at=DUE + after)

    rows = messages(world)
    assert len(rows) == len(TEXTS["check-in"].channels)
    assert len([row for row in rows if row.sent_at]) == sent


def test_a_planner_that_was_away_for_less_still_reminds(world):
    plan(world.ben, world.ada)

    assert plan_due(DUE + timedelta(hours=2) - timedelta(seconds=1)) == len(TEXTS["check-in"].channels)


def test_moving_to_another_zone_sends_no_second_reminder(world):
    plan(world.ben, world.ada)
    plan_due(DUE)

    for time_zone in ("America/New_York", "Asia/Tokyo"):
        move(world, time_zone)
        for hours in range(-30, 30):
            assert plan_due(DUE + timedelta(hours=hours)) == 0

    assert len(messages(world)) == len(TEXTS["check-in"].channels)


def test_someone_who_has_moved_is_reminded_by_the_clock_of_where_they_live_now(world):
    plan(world.ben, world.ada)
    move(world, "America/New_York")

    # 14:00 in Amsterdam is 08:00 in New York, the first minute that is not at night.
    due = timing.day_before(STARTS, "America/New_York")
    assert plan_due(due - timedelta(seconds=1)) == 0
    assert plan_due(due) == len(TEXTS["check-in"].channels)


def test_a_check_in_planned_too_late_has_no_reminder(world):
    plan(world.ben, world.ada, PLANNED + timedelta(hours=5))

    assert [plan_due(PLANNED + timedelta(minutes=30 * n)) for n in range(11)] == [0] * 11


def test_a_cancelled_check_in_takes_its_unsent_reminder_back_and_says_so(world):
    check_in = plan(world.ben, world.ada)
    plan_due(DUE)

    cancel(world.dan, check_in.pk, DUE)

    assert all(row.withdrawn_at for row in messages(world))
    assert all(row.withdrawn_at for row in messages(world, "check-in-planned"))
    told = messages(world, "check-in-cancelled")
    assert len(told) == len(TEXTS["check-in"].channels)
    assert not any(row.withdrawn_at for row in told)


def test_a_cancelled_check_in_is_not_reminded_of(world):
    check_in = plan(world.ben, world.ada)
    cancel(world.ben, check_in.pk)

    assert plan_due(DUE) == 0


def test_cancelling_twice_tells_once(world):
    check_in = plan(world.ben, world.ada)
    cancel(world.ben, check_in.pk)
    cancel(world.dan, check_in.pk, PLANNED + timedelta(hours=1))

    assert len(messages(world, "check-in-cancelled")) == len(TEXTS["check-in"].channels)
    with as_clinic(world.clinic.pk):
        assert CheckIn.objects.get().cancelled_at == PLANNED
        assert AuditEvent.objects.filter(action="check_in.cancel").count() == 1


def test_a_reminder_that_was_sent_is_not_unsaid(world):
    check_in = plan(world.ben, world.ada)
    plan_due(DUE)
    with as_clinic(world.clinic.pk):
        Message.objects.filter(words="check-in").update(sent_at=DUE)

    cancel(world.ben, check_in.pk, DUE)

    assert not any(row.withdrawn_at for row in messages(world))


def committed_plan(world: factories.World) -> CheckIn:
    with transaction.atomic():
        return plan(world.ben, world.ada)


def test_two_plan_runs_at_once_plan_one_reminder(live):
    committed_plan(live.world)

    counts = run_concurrently(*[lambda: actions.plan_reminders(at=DUE)] * 4)

    assert sorted(str(count) for count in counts) == ["0", "0", "0", str(len(TEXTS["check-in"].channels))]
    with transaction.atomic():
        assert len(messages(live.world)) == len(TEXTS["check-in"].channels)


def test_two_clinicians_at_once_plan_one_check_in(live):
    def of(who: StaffMember):
        def act() -> CheckIn:
            with transaction.atomic():
                return plan(who, live.world.ada)

        return act

    made = run_concurrently(of(live.world.ben), of(live.world.dan))

    assert sorted(type(each).__name__ for each in made) == ["AlreadyPlannedError", "CheckIn"]


def test_a_check_in_that_is_being_cancelled_is_not_reminded_of(live):
    check_in = committed_plan(live.world)

    with transaction.atomic():
        cancel(live.world.ben, check_in.pk, DUE)
        # The cancelling is not committed yet: the planner neither waits for it nor overtakes it.
        assert run_concurrently(lambda: actions.plan_reminders(at=DUE)) == [0]
    assert actions.plan_reminders(at=DUE) == 0

    with transaction.atomic():
        assert messages(live.world) == []


def planned_by_older_rules(world: factories.World, by: timedelta) -> CheckIn:
    """A check-in whose instant was ``by`` later by the rules of the year in which it was planned."""
    check_in = plan(world.ben, world.ada)
    with as_clinic(world.clinic.pk):
        CheckIn.objects.filter(pk=check_in.pk).update(starts_at=STARTS + by, zone_rules="2020a")
    return check_in


@pytest.mark.parametrize("by", [timedelta(hours=1), -timedelta(minutes=30), timedelta(0)])
def test_a_check_in_stays_at_its_hour_when_the_rules_of_its_zone_change(world, by):
    check_in = planned_by_older_rules(world, by)

    plan_due(PLANNED)

    with as_clinic(world.clinic.pk):
        check_in.refresh_from_db()
        moves = AuditEvent.objects.filter(action="check_in.apply_zone_rules").count()
    local = days.local(check_in.starts_at, check_in.time_zone)
    assert (check_in.starts_at, check_in.zone_rules) == (STARTS, days.RULES)
    assert (local.date(), local.time()) == (check_in.local_date, check_in.local_time)
    assert moves == (1 if by else 0)


def test_the_reminder_follows_a_check_in_whose_zone_has_new_rules(world):
    planned_by_older_rules(world, timedelta(hours=1))

    assert plan_due(DUE - timedelta(minutes=1)) == 0
    assert plan_due(DUE) > 0
    assert plan_due(DUE + timedelta(hours=1)) == 0


def test_a_server_with_older_rules_does_not_move_a_check_in_back(world):
    check_in = planned_by_older_rules(world, timedelta(hours=1))
    with as_clinic(world.clinic.pk):
        CheckIn.objects.filter(pk=check_in.pk).update(zone_rules="2999a")

    plan_due(PLANNED)

    with as_clinic(world.clinic.pk):
        check_in.refresh_from_db()
    assert (check_in.starts_at, check_in.zone_rules) == (STARTS + timedelta(hours=1), "2999a")


def test_a_check_in_of_the_hour_that_comes_twice_stays_at_the_one_that_was_meant(world):
    second = datetime.fromisoformat("2026-10-25T02:30:00+01:00")
    check_in = plan(world.ben, world.ada, second)
    with as_clinic(world.clinic.pk):
        CheckIn.objects.filter(pk=check_in.pk).update(zone_rules="2020a")

    plan_due(PLANNED)

    with as_clinic(world.clinic.pk):
        check_in.refresh_from_db()
    assert (check_in.starts_at, check_in.zone_rules) == (second, days.RULES)


@pytest.mark.parametrize("by", [timedelta(minutes=30), -timedelta(minutes=30)])
def test_check_ins_in_a_row_without_a_gap_move_together_when_the_rules_of_their_zone_change(world, by):
    row = [plan(world.ben, world.ada, STARTS + n * timedelta(minutes=30), 30) for n in range(4)]
    with as_clinic(world.clinic.pk):
        for check_in in sorted(row, key=lambda each: each.starts_at, reverse=by > timedelta(0)):
            CheckIn.objects.filter(pk=check_in.pk).update(
                starts_at=check_in.starts_at + by, zone_rules="2020a"
            )

    plan_due(PLANNED)

    with as_clinic(world.clinic.pk):
        moved = list(CheckIn.objects.order_by("starts_at").values_list("starts_at", "zone_rules"))
    assert moved == [(STARTS + n * timedelta(minutes=30), days.RULES) for n in range(4)]


def test_a_check_in_does_not_move_onto_another_one(world):
    check_in = planned_by_older_rules(world, timedelta(hours=1))
    plan(world.ben, world.ada, STARTS)

    plan_due(PLANNED)

    with as_clinic(world.clinic.pk):
        check_in.refresh_from_db()
    assert (check_in.starts_at, check_in.zone_rules) == (STARTS + timedelta(hours=1), "2020a")


def test_a_reminder_within_a_capacity_guard_goes_out_at_its_end_and_once(world):
    plan(world.ben, world.ada)
    hour = timedelta(hours=1)
    set_dosing(world, DUE - hour)

    assert [plan_due(DUE + n * hour) for n in (0, 1, 2)] == [0, 0, 0]
    sent = plan_due(DUE + 3 * hour)
    assert sent == len(TEXTS["check-in"].channels)
    assert {row.due_at for row in messages(world)} == {DUE + 3 * hour}
    assert plan_due(DUE + 3 * hour + timedelta(minutes=1)) == 0


def test_a_reminder_that_waits_for_the_end_of_a_guard_waits_for_that_of_a_second_dose_too(world):
    plan(world.ben, world.ada)
    hour = timedelta(hours=1)
    set_dosing(world, DUE - hour)
    assert plan_due(DUE) == 0
    set_dosing(world, DUE - hour, hours=6)

    assert plan_due(DUE + 3 * hour) == 0
    assert plan_due(DUE + 5 * hour) == len(TEXTS["check-in"].channels)


def test_a_reminder_that_waits_is_not_missed_when_the_dose_is_taken_back_meanwhile(world):
    plan(world.ben, world.ada)
    hour = timedelta(hours=1)
    set_dosing(world, DUE - hour, hours=7)
    assert plan_due(DUE) == 0
    set_dosing(world, None)

    # By now the hour that it was due at is more than two hours ago.
    assert plan_due(DUE + 3 * hour) == 0
    assert plan_due(DUE + 6 * hour) == len(TEXTS["check-in"].channels)


def test_a_reminder_stays_where_a_guard_ends_no_sooner_than_the_check_in_begins(world):
    plan(world.ben, world.ada)
    set_dosing(world, DUE - timedelta(hours=1), hours=25)

    assert plan_due(DUE) == len(TEXTS["check-in"].channels)


def test_a_guard_of_another_patient_moves_no_reminder(world):
    plan(world.cleo, world.bea)
    set_dosing(world, DUE - timedelta(hours=1))

    assert plan_due(DUE) > 0
