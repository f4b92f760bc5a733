"""Capacity guard: answers given too soon after a dose are kept, scored, scanned and marked, and count in no number."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests import factories
from tests.factories import MONDAY
from tests.instruments.filled import all_at
from tests.phone import Phone
from tests.rls_context import as_clinic, as_user
from tests.treatment.test_actions import add, chart, planned, sent
from tracker.alerts.models import Alert
from tracker.instruments import catalogue
from tracker.progress import actions as progress
from tracker.records import capacity_guard, rebuild
from tracker.records.capacity_guard import Span
from tracker.records.kinds.questionnaire import Response
from tracker.records.models import FormerVersion, MeasureState, Observation

HOUR = timedelta(hours=1)
# The limit of a clinic that has set none.
END = MONDAY + 4 * HOUR
A_WEEK_BEFORE = MONDAY - timedelta(days=7)
ENTERED = MONDAY + timedelta(days=7)


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def phq9(item: int, at: datetime, **more: Any) -> dict[str, Any]:
    return factories.phq9([item] * 8 + [0], recorded_at=at.isoformat(), **more)


def give_dose(world: factories.World, at: datetime = MONDAY) -> tuple[UUID, UUID]:
    """Ben enters a session afterwards, a week later; the ids of the session and of its dose."""
    with as_user(world.ben) as ben:
        session = planned(ben, chart(ben, world), starts_at=at)
        dose = sent("dose", at, amount=40.0, unit="mg")
        closed = sent("complete", at + 5 * HOUR, discharge="not_monitored", text="Entered afterwards.")
        assert add(ben, world.ada, session, dose, closed, at=ENTERED) == ["stored"] * 2
    return session, dose.id


def correct(world: factories.World, session: UUID, *rest: Any) -> None:
    with as_user(world.ben) as ben:
        assert add(ben, world.ada, session, *rest, at=ENTERED) == ["stored"] * len(rest)


def observations(phone: Phone, measure: str = "phq-9") -> list[tuple[float, bool, bool]]:
    rows = phone.get(f"observations?measure={measure}").json()["observations"]
    return [(row["value"], row["capacity_guard"], row["counted"]) for row in rows]


def current(phone: Phone, measure: str = "phq-9") -> Any:
    return phone.get(f"observations?measure={measure}").json()["current"]


def pulled(phone: Phone, cursor: str = "") -> tuple[dict[str, Any], str]:
    """The records since a cursor, by id, and the next cursor."""
    page = phone.get(f"sync/pull?cursor={cursor}" if cursor else "sync/pull").json()
    return {record["id"]: record for record in page["records"]}, page["cursor"]


@pytest.mark.parametrize(
    ("at", "is_marked"),
    [
        (MONDAY - timedelta(seconds=1), False),
        (MONDAY, True),
        (MONDAY + HOUR, True),
        (END - timedelta(seconds=1), True),
        (END, False),
    ],
)
@pytest.mark.parametrize("is_dose_first", [True, False])
def test_answers_from_the_dose_until_capacity_is_back_are_marked_whichever_came_first(
    world, phone, at, is_marked, is_dose_first
):
    form = phq9(2, at)
    steps: list[Callable[[], object]] = [lambda: give_dose(world), lambda: phone.push(form)]
    for step in steps if is_dose_first else reversed(steps):
        step()

    assert observations(phone) == [(16, is_marked, not is_marked)]
    assert pulled(phone)[0][form["id"]].get("capacity_guard", False) is is_marked
    assert (current(phone) is None) is is_marked
    assert not rebuild.check().differences


def test_the_push_says_of_answers_within_the_guard_that_they_do_not_count_and_says_so_again(world, phone):
    give_dose(world)
    inside, outside = phq9(1, MONDAY + HOUR), phq9(1, END)
    key = uuid4().hex
    first = phone.push(inside, outside, key=key).json()["results"]
    same_key = phone.push(inside, outside, key=key).json()["results"]
    replayed = phone.push(inside, outside).json()["results"]

    for results in (first, same_key, replayed):
        assert [result.get("capacity_guard") for result in results] == [True, None]
        assert results[0]["scoring"]["scores"][0]["value"] == 8
    assert [result["status"] for result in replayed] == ["replayed"] * 2


def test_a_positive_answer_within_the_guard_alerts_as_any_other(world, phone):
    give_dose(world)

    answer = phone.push(factories.phq9([0] * 8 + [2], recorded_at=(MONDAY + HOUR).isoformat())).json()

    assert answer["alerted"]
    assert answer["results"][0]["capacity_guard"]
    with as_clinic(world.clinic.pk):
        assert Alert.objects.count() == 1


def test_a_dose_entered_later_leaves_the_alert_of_the_answers_open(world, phone):
    phone.push(factories.phq9([0] * 8 + [2], recorded_at=(MONDAY + HOUR).isoformat()))
    give_dose(world)

    with as_clinic(world.clinic.pk):
        assert Alert.objects.get().acknowledged_at is None


def test_answers_within_the_guard_are_in_no_baseline_last_value_day_or_summary(world, phone):
    phone.push(phq9(1, A_WEEK_BEFORE), phq9(2, MONDAY - HOUR), phq9(3, MONDAY + HOUR))
    assert current(phone)["last"] == 24
    give_dose(world)

    told = current(phone)
    assert (told["baseline"], told["last"], told["week_mean"], told["week_n"]) == (16, 16, 16, 1)
    days = phone.get("observations/daily?measure=phq-9&from=2026-03-02&to=2026-03-02").json()["days"]
    assert [(day["n"], day["last"]) for day in days] == [(1, 16)]
    progress.refresh(clinic_id=world.clinic.pk, patient_id=world.ada.pk, at=MONDAY + timedelta(days=8))
    summary = phone.get("summaries?week=2026-03-02").json()["summaries"][0]["figures"]
    (measure,) = [row for row in summary["measures"] if row["measure"] == "phq-9"]
    assert (measure["now"]["value"], measure["baseline"]["value"]) == (16, 16)


def test_a_dose_of_another_session_is_no_baseline_of_answers_given_within_an_earlier_guard(world, phone):
    """The mark is of every session, not of the first one alone."""
    give_dose(world, A_WEEK_BEFORE)
    give_dose(world)
    phone.push(phq9(1, A_WEEK_BEFORE + HOUR), phq9(2, MONDAY + HOUR), phq9(3, MONDAY - HOUR))

    assert sorted(observations(phone)) == [(8, True, False), (16, True, False), (24, False, True)]
    assert current(phone)["last"] == 24


def test_the_mark_follows_the_dose_and_phones_pull_the_record_again_without_a_new_version(world, phone):
    form = phq9(2, MONDAY + HOUR)
    phone.push(form)
    marks, cursor = [], pulled(phone)[1]
    session, dose = give_dose(world)
    moved = sent("dose", MONDAY + 2 * HOUR, amount=40.0, unit="mg", replaces=str(dose))
    back = sent("dose", MONDAY, amount=40.0, unit="mg", replaces=str(moved.id))
    for step in (
        lambda: None,
        lambda: correct(world, session, moved),
        lambda: correct(world, session, back),
        lambda: correct(world, session, sent("cancel", cause="entered_in_error")),
    ):
        step()
        records, cursor = pulled(phone, cursor)
        marks.append((records[form["id"]].get("capacity_guard"), records[form["id"]]["revision"]))
        assert not rebuild.check().differences

    assert marks == [(True, 1), (None, 1), (True, 1), (None, 1)]
    assert observations(phone) == [(16, False, True)]
    assert current(phone)["last"] == 16
    with as_clinic(world.clinic.pk):
        assert not FormerVersion.objects.exists()


def test_a_dose_without_answers_in_its_guard_changes_no_record(world, phone):
    phone.push(phq9(1, A_WEEK_BEFORE), factories.pain(6, recorded_at=(MONDAY + HOUR).isoformat()))
    cursor = pulled(phone)[1]
    give_dose(world)

    assert pulled(phone, cursor)[0] == {}


def test_answers_that_are_amended_to_another_hour_lose_or_get_the_mark(world, phone):
    give_dose(world)
    form = phq9(2, MONDAY + HOUR)
    phone.push(form)
    later = form | {"revision": 2, "recorded_at": END.isoformat(), "amendment_reason": "typo"}
    assert "capacity_guard" not in phone.push(later).json()["results"][0]

    versions = phone.get(f"records/{form['id']}/history").json()["versions"]
    assert [version.get("capacity_guard") for version in versions] == [None, True]
    assert observations(phone) == [(16, False, True)]
    assert not rebuild.check().differences


def test_removed_answers_have_no_mark_and_a_dose_leaves_them_alone(world, phone):
    form = phq9(2, MONDAY + HOUR)
    phone.push(form)
    phone.push({n: v for n, v in form.items() if n != "data"} | {"revision": 2, "removed": True})
    cursor = pulled(phone)[1]
    give_dose(world)

    assert pulled(phone, cursor)[0] == {}
    assert not rebuild.check().differences


def test_an_imported_history_within_the_guard_is_marked_too(world, phone):
    give_dose(world)
    form = phq9(2, MONDAY + HOUR, origin="imported")

    assert phone.push(form).json()["results"][0]["capacity_guard"]
    assert observations(phone) == [(16, True, False)]


def test_a_diary_within_the_guard_counts(world, phone):
    give_dose(world)
    at = (MONDAY + HOUR).isoformat()
    diary = factories.record("daily", {"mood": 5}, recorded_at=at)
    effects = factories.record("side_effects", {"items": {"nausea": 1}}, recorded_at=at)
    check_form = catalogue.latest("session-dissociation-5")
    check = {
        "instrument": check_form.code,
        "version": check_form.version,
        "status": "complete",
        "answers": all_at(check_form, 1),
    }
    results = phone.push(diary, effects, factories.record("response", check, recorded_at=at)).json()[
        "results"
    ]

    assert [result["status"] for result in results] == ["stored"] * 3
    assert not any("capacity_guard" in result for result in results)
    assert observations(phone, "daily.mood") == [(5, False, True)]


@pytest.mark.parametrize(
    ("instrument", "has_to_wait"),
    [
        ("phq-9", True),
        ("gad-7", True),
        ("peg", True),
        ("pain-nrs", True),
        ("c-ssrs-screener", True),
        ("daily-log", False),
        ("esm-moment", False),
        ("side-effects", False),
        ("body-map", False),
        # They ask how the session itself is borne.
        ("session-dissociation-5", False),
        ("cadss", False),
        ("cadss-6", False),
    ],
)
def test_validated_questionnaires_wait_and_those_of_the_session_do_not(instrument, has_to_wait):
    assert capacity_guard.waits(instrument, catalogue.latest(instrument).version) is has_to_wait
    assert capacity_guard.waits(instrument, "of a version that is not known") is has_to_wait


def test_a_questionnaire_that_the_catalogue_has_no_more_has_to_wait():
    assert capacity_guard.waits("gone", "1")
    assert not capacity_guard.holds("gone", "1", END, [Span(MONDAY, END)])


def test_answers_to_an_unknown_version_are_marked_and_kept(world, phone):
    give_dose(world)
    form = phq9(1, MONDAY + HOUR)
    form["data"] |= {"version": "2099"}

    assert phone.push(form).json()["results"][0]["capacity_guard"]
    assert not rebuild.check().differences


@pytest.mark.parametrize("turn", range(3))
def test_the_marks_are_those_of_the_doses_that_stand_in_whatever_order_all_came(world, phone, turn):
    """Answers and doses come in any order, doses are moved and taken back: the end is the same as of a plain look."""
    dice = random.Random(factories.SEED + turn)
    # Doses are given in the first twelve hours of three days.
    hours = [24 * dice.randrange(3) + dice.randrange(16) for _ in range(18)]
    forms = [phq9(dice.randrange(4), MONDAY + hour * HOUR) for hour in hours]
    sessions: list[tuple[UUID, UUID, datetime]] = []

    def begin(day: int) -> None:
        at = MONDAY + timedelta(days=day, hours=dice.randrange(12))
        sessions.append((*give_dose(world, at), at))

    def move() -> None:
        if sessions:
            session, dose, at = sessions.pop(dice.randrange(len(sessions)))
            # Not to after the session was closed.
            at += HOUR * dice.randrange(-4, 2)
            moved = sent("dose", at, amount=30.0, unit="mg", replaces=str(dose))
            correct(world, session, moved)
            sessions.append((session, moved.id, at))

    def take_back() -> None:
        if len(sessions) > 1:
            session, *_ = sessions.pop(dice.randrange(len(sessions)))
            correct(world, session, sent("cancel", cause="entered_in_error"))

    steps: list[Callable[[], object]] = [lambda form=form: phone.push(form) for form in forms]  # type: ignore[misc]
    steps += [lambda: begin(0), lambda: begin(1), lambda: begin(2), move, move, move, take_back]
    dice.shuffle(steps)
    for step in steps:
        step()

    assert not rebuild.check().differences
    with as_clinic(world.clinic.pk):
        guards = [(at, at + 4 * HOUR) for _, _, at in sessions]
        held = {row.id: row.is_in_capacity_guard for row in Response.objects.all()}
        plain = {
            UUID(f["id"]): any(s <= datetime.fromisoformat(f["recorded_at"]) < e for s, e in guards)
            for f in forms
        }
        assert held == plain
        numbers = dict(
            Observation.objects.filter(measure="phq-9").values_list("source_id", "is_in_capacity_guard")
        )
        assert numbers == plain
        counting = max((f for f in forms if not plain[UUID(f["id"])]), key=lambda f: f["recorded_at"])
        assert MeasureState.objects.get(measure="phq-9").last_at == datetime.fromisoformat(
            counting["recorded_at"]
        )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Response.objects.update(is_in_capacity_guard=False),
        lambda: Observation.objects.filter(measure="phq-9").update(is_in_capacity_guard=False),
    ],
)
def test_rederiving_finds_and_repairs_a_mark_that_differs_from_the_doses(world, phone, spoil):
    give_dose(world)
    phone.push(phq9(2, MONDAY + HOUR))
    with as_clinic(world.clinic.pk):
        assert spoil()

    assert rebuild.check().differences
    rebuild.check(repair=True)

    assert not rebuild.check().differences
    assert observations(phone) == [(16, True, False)]
