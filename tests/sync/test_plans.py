"""A plan is merged field by field: two devices that edit different fields both keep their edit."""

import pytest

from tests import factories
from tests.phone import Phone
from tracker.sync import merge

PLAN = {"practice": "breathing_exercise", "per_week": 3, "minutes": 10, "remind_at": "08:00", "paused": False}


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def held(phone, record):
    return phone.get(f"records/{record['id']}").json()


def edit(record, revision, **changes):
    return record | {"revision": revision, "data": PLAN | changes}


@pytest.fixture
def plan(phone):
    record = factories.record("plan", PLAN)
    phone.push(record)
    return record


def test_two_devices_that_edit_different_fields_both_keep_their_edit(phone, plan):
    phone.push(edit(plan, 2, minutes=20))
    second = phone.push(edit(plan, 2, per_week=7)).json()["results"][0]

    assert (second["status"], second["code"], second["revision"]) == ("stored", "merged", 3)
    assert second["server"]["data"] == PLAN | {"minutes": 20, "per_week": 7} == held(phone, plan)["data"]


def test_of_two_edits_of_one_field_the_later_arrival_wins_and_the_other_is_kept_to_see(phone, plan):
    phone.push(edit(plan, 2, minutes=20))
    phone.push(edit(plan, 2, minutes=45, paused=True))

    versions = phone.get(f"records/{plan['id']}/history").json()["versions"]
    assert [version["data"]["minutes"] for version in versions] == [45, 20, 10]
    assert [version.get("overwritten") for version in versions] == [{"minutes": 20}, None, None]


def test_a_merged_edit_that_arrives_again_undoes_nothing(phone, plan):
    stale = edit(plan, 2, per_week=7)
    phone.push(edit(plan, 2, minutes=20))
    phone.push(stale)
    phone.push(edit(plan, 4, minutes=20, per_week=1))

    again = phone.push(stale).json()["results"][0]

    assert (again["status"], again["code"], again["revision"]) == ("replayed", "merged", 4)
    assert held(phone, plan)["data"]["per_week"] == 1


def test_a_field_that_was_cleared_stays_cleared(phone, plan):
    phone.push(edit(plan, 2, minutes=20))
    without = {name: value for name, value in PLAN.items() if name != "remind_at"}
    phone.push(plan | {"revision": 2, "data": without})

    assert held(phone, plan)["data"] == without | {"minutes": 20}


def test_an_edit_of_a_tombstone_is_a_conflict(phone, plan):
    removal = {name: value for name, value in plan.items() if name != "data"} | {
        "revision": 2,
        "removed": True,
    }
    phone.push(removal)
    late = phone.push(edit(plan, 2, minutes=20)).json()["results"][0]

    assert (late["status"], late["server"]["removed"]) == ("conflict", True)


def test_a_tombstone_of_a_plan_that_was_edited_is_a_conflict(phone, plan):
    phone.push(edit(plan, 2, minutes=20))
    removal = {name: value for name, value in plan.items() if name != "data"} | {
        "revision": 2,
        "removed": True,
    }

    assert phone.push(removal).json()["results"][0]["status"] == "conflict"
    assert held(phone, plan)["data"]["minutes"] == 20


def test_two_creations_of_one_id_are_a_conflict(phone, plan):
    other = phone.push(plan | {"data": PLAN | {"minutes": 99}}).json()["results"][0]

    assert (other["status"], other["server"]["data"]) == ("conflict", PLAN)


def test_several_stale_edits_in_one_batch_are_merged_one_after_the_other(phone, plan):
    phone.push(edit(plan, 2, minutes=20))
    results = phone.push(edit(plan, 2, per_week=7), edit(plan, 2, paused=True)).json()["results"]

    assert [(result["status"], result["code"]) for result in results] == [("stored", "merged")] * 2
    assert held(phone, plan)["data"] == PLAN | {"minutes": 20, "per_week": 7, "paused": True}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged", "overwritten"),
    [
        ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}, {}),
        ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}, {}),
        ({"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}, {"a": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}, {}),
        ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}, {}),
        ({"a": 1}, {}, {"a": 1}, {}, {}),
        ({"a": 1}, {"a": 1}, {}, {}, {}),
        ({"a": 1}, {"a": 2}, {}, {}, {"a": 2}),
        ({}, {"a": 2}, {"b": 3}, {"a": 2, "b": 3}, {}),
    ],
)  # fmt: skip
def test_a_merge_of_plan_edits_takes_each_changed_field_and_returns_what_it_overwrites(
    base, ours, theirs, merged, overwritten
):
    assert merge.merge_fields(base, ours, theirs) == (merged, overwritten)


def test_a_new_time_of_day_in_a_plan_survives_an_edit_of_another_field(phone, plan):
    phone.push(edit(plan, 2, remind_at="09:30"))
    second = phone.push(edit(plan, 2, minutes=20)).json()["results"][0]

    assert (second["status"], second["code"]) == ("stored", "merged")
    assert held(phone, plan)["data"] == PLAN | {"remind_at": "09:30", "minutes": 20}
