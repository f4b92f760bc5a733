"""One open alert per patient and rule: further answers join it, each with a row of its own."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests import factories
from tests.alerts.test_alerts import MINUTE, RAISED, acknowledge, escalate, raised, team
from tests.rls_context import as_clinic, as_user
from tracker.alerts import acknowledgement, actions
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message
from tracker.sync import ingest


def messages(world: factories.World) -> int:
    """How often the team was told: by every channel, both of them."""
    with as_clinic(world.clinic.pk):
        count, each = Message.objects.count(), len(team(world)) * len(TEXTS["alert"].channels)
    assert count % each == 0
    return count // each


def open_alerts(world: factories.World) -> list[tuple[uuid.UUID, int]]:
    with as_clinic(world.clinic.pk):
        return list(Alert.objects.open().order_by("raised_at", "id").values_list("pk", "answer_count"))


def test_further_answers_join_the_open_alert_and_keep_a_row_each(world):
    first = raised(world)
    for minute in range(1, 6):
        raised(world, at=RAISED + minute * MINUTE)

    assert open_alerts(world) == [(first.pk, 6)]
    assert messages(world) == 1
    with as_clinic(world.clinic.pk):
        assert Alert.objects.count() == 6
        joined = Alert.objects.filter(leader=first).order_by("place").values_list("place", flat=True)
        assert list(joined) == [2, 3, 4, 5, 6]
        leader = Alert.objects.get(pk=first.pk)
        assert (leader.raised_at, leader.newest_raised_at) == (RAISED, RAISED + 5 * MINUTE)


def test_another_version_of_an_answer_does_not_make_the_number_of_answers_grow(world):
    first = raised(world, value=1.0)
    raised(world, source_id=first.source_id, value=3.0, at=RAISED + MINUTE)
    assert open_alerts(world) == [(first.pk, 1)]

    other = uuid.uuid4()
    for value in (1.0, 2.0):
        raised(world, source_id=other, value=value, at=RAISED + value * MINUTE)
    assert open_alerts(world) == [(first.pk, 2)]


def test_an_answer_that_joins_is_told_anew_after_ten_minutes(world):
    raised(world)
    told = []
    for minute in (1, 9, 10, 11, 19, 20):
        raised(world, at=RAISED + minute * MINUTE)
        told.append(messages(world))

    assert told == [1, 1, 2, 2, 2, 3]


def test_an_answer_that_joins_is_told_anew_at_once_if_its_level_is_graver(world):
    alert = raised(world, level="HIGH")
    raised(world, at=RAISED + MINUTE, level="REVIEW")
    raised(world, at=RAISED + MINUTE, level="EMERGENCY")

    assert messages(world) == 2
    with as_clinic(world.clinic.pk):
        assert Alert.objects.get(pk=alert.pk).level == "EMERGENCY"


def test_answers_that_join_do_not_delay_the_escalation_of_an_alert(world):
    raised(world)
    for minute in range(1, 15):
        raised(world, at=RAISED + minute * MINUTE)

    assert [escalate(minute) for minute in (14, 15, 16, 30)] == [0, 1, 0, 1]


def test_an_amendment_that_gets_worse_does_not_delay_the_escalation_of_an_alert(world):
    source = uuid.uuid4()
    for minute in range(14):
        raised(world, source_id=source, value=minute, at=RAISED + minute * MINUTE)

    assert [escalate(minute) for minute in (14, 15)] == [0, 1]
    assert [count for _, count in open_alerts(world)] == [1]


def test_an_answer_after_the_acknowledgement_opens_an_alert_of_its_own(world):
    first = raised(world)
    acknowledge(world.ben, first.pk)
    second = raised(world, at=RAISED + 2 * MINUTE)

    assert open_alerts(world) == [(second.pk, 1)]
    assert messages(world) == 2


def test_an_acknowledged_answer_that_gets_worse_joins_the_alert_that_is_open_now(world):
    source = uuid.uuid4()
    first = raised(world, source_id=source, value=1)
    acknowledge(world.ben, first.pk)
    second = raised(world, at=RAISED + 2 * MINUTE)
    raised(world, source_id=source, value=3, at=RAISED + 3 * MINUTE)

    assert open_alerts(world) == [(second.pk, 2)]


def test_acknowledging_covers_the_answers_that_were_shown_and_no_others(world):
    alert = raised(world)
    for minute in range(1, 6):
        raised(world, at=RAISED + minute * MINUTE)

    with as_user(world.ben, RAISED + 6 * MINUTE) as principal:
        later = acknowledgement.acknowledge(
            alert_id=alert.pk, principal=principal, at=RAISED + 6 * MINUTE, answers=4
        )

    assert later is not None
    assert open_alerts(world) == [(later.pk, 2)]
    assert messages(world) == 2
    with as_clinic(world.clinic.pk):
        covered = Alert.objects.filter(acknowledged_by=world.ben.user)
        assert (covered.count(), Alert.objects.count()) == (4, 6)
    acknowledge(world.dan, later.pk, RAISED + 7 * MINUTE)
    assert open_alerts(world) == []
    with as_clinic(world.clinic.pk):
        assert not Alert.objects.filter(acknowledged_at=None).exists()


@pytest.mark.parametrize("changed", ["the first answer", "one that joined", "one acknowledged before"])
def test_a_further_version_of_an_answer_refuses_the_acknowledgement_of_what_was_shown(world, changed):
    answers = [uuid.uuid4(), uuid.uuid4()]
    for answer in answers:
        raised(world, source_id=answer, value=1.0, version="a")
    seen = leader_of(world)
    if changed == "one acknowledged before":
        acknowledge(world.dan, seen.pk)
    raised(
        world, source_id=answers[changed == "one that joined"], value=3.0, version="b", at=RAISED + 2 * MINUTE
    )

    with (
        as_user(world.ben, RAISED + 3 * MINUTE) as principal,
        pytest.raises(acknowledgement.AnswerChangedError),
    ):
        acknowledgement.acknowledge(
            alert_id=seen.pk, principal=principal, at=RAISED + 3 * MINUTE,
            answers=seen.answer_count, base_version=seen.version,
        )  # fmt: skip

    assert leader_of(world).pk == seen.pk
    raised(world, source_id=answers[0], value=1.0, version="a", at=RAISED + 4 * MINUTE)
    now = leader_of(world)
    with as_user(world.ben, RAISED + 5 * MINUTE) as principal:
        acknowledgement.acknowledge(
            alert_id=now.pk, principal=principal, at=RAISED + 5 * MINUTE,
            answers=now.answer_count, base_version=now.version,
        )  # fmt: skip
    assert open_alerts(world) == []


def test_an_alert_that_cannot_be_stored_takes_no_more_rows_than_its_bound(world, monkeypatch):
    """However many refused answers come, the table holds so many; the newest one and the count stay true."""
    monkeypatch.setattr(actions, "MOST_UNSTORED", 5)
    sources = [uuid.uuid4() for _ in range(20)]
    for source in sources:
        raised(world, source_id=source, stored=False)

    assert [count for _, count in open_alerts(world)] == [20]
    with as_clinic(world.clinic.pk):
        held = list(Alert.objects.order_by("place").values_list("source_id", flat=True))
    assert held == [*sources[:4], sources[-1]]


LONG_AGO = RAISED - timedelta(days=20)


def leader_of(world: factories.World) -> Alert:
    with as_clinic(world.clinic.pk):
        return Alert.objects.open().get()


def test_a_current_answer_that_joins_a_historical_alert_makes_it_current_and_is_told_at_once(world):
    raised(world, answered_at=LONG_AGO)
    raised(world, at=RAISED + MINUTE)

    leader = leader_of(world)
    assert messages(world) == 2
    assert not leader.is_historical
    assert (leader.newest_answered_at, leader.newest_raised_at) == (RAISED + MINUTE, RAISED + MINUTE)


def test_a_historical_answer_that_joins_a_current_alert_does_not_stand_for_it(world):
    raised(world)
    raised(world, at=RAISED + MINUTE, answered_at=LONG_AGO)

    leader = leader_of(world)
    assert (leader.is_historical, leader.answer_count, messages(world)) == (False, 2, 1)
    assert (leader.newest_answered_at, leader.newest_raised_at) == (RAISED, RAISED)


def test_a_historical_answer_that_joins_a_historical_alert_is_its_newest(world):
    raised(world, answered_at=LONG_AGO)
    raised(world, at=RAISED + MINUTE, answered_at=LONG_AGO + MINUTE)

    leader = leader_of(world)
    assert (leader.is_historical, messages(world)) == (True, 1)
    assert (leader.newest_answered_at, leader.newest_raised_at) == (LONG_AGO + MINUTE, RAISED + MINUTE)


def test_a_current_version_of_a_historical_answer_makes_its_alert_current_and_is_told_at_once(world):
    source = uuid.uuid4()
    raised(world, source_id=source, answered_at=LONG_AGO)
    raised(world, source_id=source, at=RAISED + MINUTE, version="2")

    leader = leader_of(world)
    assert (leader.is_historical, leader.answer_count, messages(world)) == (False, 1, 2)


@pytest.mark.parametrize("is_late", [True, False])
def test_what_is_left_after_an_acknowledgement_is_historical_if_all_its_answers_are(world, is_late):
    """The newest answer that was current may be among those that were acknowledged."""
    alert = raised(world)
    raised(world, at=RAISED + MINUTE, answered_at=LONG_AGO)
    if not is_late:
        raised(world, at=RAISED + 2 * MINUTE)
        raised(world, at=RAISED + 3 * MINUTE, answered_at=LONG_AGO)

    with as_user(world.ben, RAISED + 6 * MINUTE) as principal:
        acknowledgement.acknowledge(alert_id=alert.pk, principal=principal, at=RAISED + 6 * MINUTE, answers=1)

    left = leader_of(world)
    assert left.is_historical is is_late
    assert left.newest_answered_at == (LONG_AGO if is_late else RAISED + 2 * MINUTE)


def test_an_answer_that_is_raised_again_escalates_from_its_new_receipt(world):
    source = uuid.uuid4()
    first = raised(world, source_id=source)
    assert escalate(30) == 1
    acknowledge(world.ben, first.pk, RAISED + 31 * MINUTE)
    second = raised(world, at=RAISED + 90 * MINUTE)
    raised(world, source_id=source, at=RAISED + 91 * MINUTE, version="2")
    with as_user(world.ben, RAISED + 92 * MINUTE) as principal:
        acknowledgement.acknowledge(
            alert_id=second.pk, principal=principal, at=RAISED + 92 * MINUTE, answers=1
        )

    assert [escalate(minute) for minute in (91 + 14, 91 + 15, 91 + 30)] == [0, 1, 1]


def test_the_database_refuses_a_second_open_alert_of_a_patient_and_rule(world):
    first = raised(world)
    with as_clinic(world.clinic.pk):
        twin = Alert.objects.get(pk=first.pk)
        twin.pk, twin.source_id = uuid.uuid4(), uuid.uuid4()
        with pytest.raises(IntegrityError, match="alert_one_open_per_patient_and_rule"), transaction.atomic():
            twin.save(force_insert=True)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"place": 0}, "alert_counts_from_one"),
        ({"answer_count": 0}, "alert_counts_from_one"),
        ({"leader_id": "self", "place": 2}, "alert_that_joined_has_another_leader"),
        ({"leader_id": "other", "place": 1}, "alert_that_joined_has_another_leader"),
        ({"leader_id": "nobody", "place": 2}, "alert_leader_is_of_the_same_patient"),
        ({"leader_id": "bea", "place": 2}, "alert_leader_is_of_the_same_patient"),
    ],
)
def test_the_database_refuses_an_alert_with_a_wrong_leader_or_place(world, change, name):
    alert, other = raised(world), raised(world, rule="daily_self_harm_thoughts")
    with as_clinic(world.clinic.pk):
        source = uuid.uuid4()
        finding = Finding("phq9_item9", "URGENT", "response", source, RAISED, RAISED.date())
        actions.assess(clinic_id=world.clinic.pk, patient_id=world.bea.pk, findings=[finding], at=RAISED)
        leaders = {
            "self": alert.pk,
            "other": other.pk,
            "nobody": uuid.uuid4(),
            "bea": Alert.objects.get(source_id=source).pk,
        }
        change = {key: leaders.get(value, value) for key, value in change.items()}
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Alert.objects.filter(pk=alert.pk).update(**change)


def of_long_ago(number: int, values: list[int | None] | None = None) -> dict[str, Any]:
    """A PHQ-9 with a positive item 9, answered weeks before it is sent."""
    answered_at = LONG_AGO - number * timedelta(days=7)
    return factories.phq9(values or [3] * 8 + [1], recorded_at=answered_at.isoformat())


def send(world: factories.World, *records: dict[str, Any], at: datetime = RAISED) -> None:
    with as_user(world.ada, at) as principal:
        ingest.apply_batch(principal=principal, sent=None, items=list(records), at=at)


def messages_by_rule(world: factories.World) -> Counter[str]:
    with as_clinic(world.clinic.pk):
        subjects = Message.objects.filter(words="alert").values_list("subject", flat=True)
        return Counter(Alert.objects.get(pk=subject.partition("/")[2]).rule for subject in subjects)


def test_a_history_of_sixty_forms_in_one_batch_is_one_alert_per_rule_and_pages_as_often_as_one_form(world):
    """Sixty forms, both with item 9 and with a total of 20 or more, and steps for twelve hours."""
    send(world, *[of_long_ago(number) for number in range(60)])
    at_once = messages_by_rule(world)
    steps = sum(escalate(minutes) for minutes in range(15, 12 * 60 + 1, 15))

    with as_clinic(world.clinic.pk):
        alerts = Alert.objects.open().order_by("rule").values_list("rule", "answer_count", "is_historical")
        assert list(alerts) == [("phq9_item9", 60, True), ("phq9_severe", 60, True)]
        assert Alert.objects.count() == 120
    assert set(at_once.values()) == {len(team(world)) * len(TEXTS["alert"].channels)}
    assert steps == 2 * (2 + 12)


def test_a_current_answer_in_a_batch_of_history_heads_the_alert_and_is_told_as_one_of_now(world):
    send(world, *[of_long_ago(number) for number in range(5)], factories.phq9([0] * 8 + [1]))

    with as_clinic(world.clinic.pk):
        leader = Alert.objects.open().get(rule="phq9_item9")
    assert (leader.is_historical, leader.answer_count) == (False, 6)
    assert leader.newest_answered_at == factories.MONDAY


def test_a_current_answer_that_joins_a_historical_alert_begins_its_escalation_anew(world):
    """The alert of long ago has had three steps, and its next one is due in an hour: those of now are not."""
    raised(world, answered_at=LONG_AGO)
    assert [escalate(minute) for minute in (15, 30, 60)] == [1, 1, 1]
    raised(world, at=RAISED + 61 * MINUTE)

    assert [escalate(minute) for minute in (61 + 14, 61 + 15, 61 + 30, 61 + 60)] == [0, 1, 1, 1]


def test_a_historical_answer_that_joins_delays_and_restarts_no_escalation(world):
    raised(world)
    assert escalate(15) == 1
    raised(world, at=RAISED + 16 * MINUTE, answered_at=LONG_AGO)

    assert [escalate(minute) for minute in (29, 30)] == [0, 1]
