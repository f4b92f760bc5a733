"""Decisions on a batch, from values alone: no database, no clock."""

import uuid
from datetime import date
from typing import Any

import pytest

from tests import factories
from tracker.records.plans import Versions
from tracker.sync import decisions, parsing
from tracker.sync.decisions import Decision, PlanEdit, SentRecord
from tracker.sync.merge import CurrentVersion, Status

KEY = b"k" * 32
PLAN = {"practice": "stretching", "minutes": 10, "per_week": 3}


def sent(item: dict[str, Any], place: int = 0) -> SentRecord:
    (one,) = decisions.sent_records([parsing.parse(item)], first=100 + place, key=KEY)
    return one


def held(revision: int, kind: str = "pain", **more: Any) -> CurrentVersion:
    return CurrentVersion(kind, revision, b"ours", {}, **more)


def decide(item: dict[str, Any], current: CurrentVersion | None = None, **more: Any) -> Decision:
    return decisions.decide(sent(item), current, **{"edit": None, "has_space": True, "key": KEY} | more)


REMOVED = {name: value for name, value in factories.pain().items() if name != "data"} | {"removed": True}


@pytest.mark.parametrize(
    ("item", "current", "has_space", "decided"),
    [
        (factories.pain(), None, True, ("stored", "")),
        (factories.pain(), None, False, ("rejected", "storage_full")),
        (REMOVED, None, True, ("rejected", "not_found")),
        (REMOVED | {"revision": 2}, held(1), False, ("stored", "")),
        (factories.pain(revision=2), None, True, ("retry", "missing_base_revision")),
        (factories.pain(revision=2), held(1), True, ("stored", "")),
        (factories.pain(revision=2), held(2), True, ("conflict", "newer_version_held")),
        (factories.pain(revision=2), held(1, "daily"), True, ("rejected", "kind_mismatch")),
        (factories.phq9([9] + [0] * 8), None, True, ("rejected", "not_offered")),
        (factories.phq9([9] + [0] * 7 + [1]), None, True, ("stored", "")),
    ],
)
def test_a_decision_says_what_the_phone_is_told_and_what_is_stored(item, current, has_space, decided):
    decision = decide(item, current, has_space=has_space)

    assert (decision.result.status, decision.result.code) == decided
    assert (decision.store is not None) == (decision.result.status == Status.STORED)
    is_rejected = decision.result.status == Status.REJECTED
    assert decision.result.revision == (None if is_rejected else item["revision"])
    has_day = decision.result.status == Status.STORED and not item.get("removed")
    assert decision.result.local_date == (date(2026, 3, 2) if has_day else None)


def test_a_decision_on_an_unknown_instrument_names_its_place():
    item = factories.phq9()
    item["data"]["instrument"] = "phq-10"

    result = decide(item).result

    assert (result.code, result.pointer) == ("unknown_instrument", "/data/instrument")


def test_a_decision_on_an_unknown_version_stores_the_answers_without_a_score():
    item = factories.phq9()
    item["data"]["version"] = "2050"

    decision = decide(item)

    assert decision.store is not None
    assert (decision.store.result, decision.store.status) == (None, "unscored")
    assert decision.result.scoring == {"scores": [], "no_score": "unknown_version"}


def test_a_stored_decision_carries_the_change_number_the_score_and_whether_it_amends():
    decision = decide(factories.phq9([1] * 9, revision=2), held(1, "response", is_finished=True))

    assert decision.store is not None
    assert decision.store.result is not None
    assert (decision.store.sequence, decision.store.result.scores[0].value) == (100, 9)
    assert (decision.store.replaces, decision.store.amends) == (True, True)


def test_the_decision_on_a_stale_edit_of_a_plan_is_a_merge_with_what_it_overwrote():
    item = factories.record("plan", PLAN | {"minutes": 45}, revision=2)
    edit = PlanEdit(was_merged=False, versions=Versions(PLAN, PLAN | {"minutes": 20, "per_week": 5}))

    decision = decide(item, held(2, "plan"), edit=edit)

    assert (decision.result.status, decision.result.code, decision.result.revision) == ("stored", "merged", 3)
    assert decision.store is not None
    assert decision.merged is not None
    data: Any = decision.store.record.data
    assert data.model_dump(exclude_none=True) == PLAN | {
        "minutes": 45, "per_week": 5, "paused": False,
    }  # fmt: skip
    assert (decision.merged.revision, decision.merged.overwritten) == (3, {"minutes": 20})


def test_the_decision_on_an_edit_that_was_merged_before_is_a_replay():
    item = factories.record("plan", PLAN, revision=2)

    decision = decide(item, held(5, "plan"), edit=PlanEdit(was_merged=True, versions=None))

    assert (decision.result.status, decision.result.code, decision.result.revision) == (
        "replayed", "merged", 5,
    )  # fmt: skip
    assert (decision.store, decision.merged) == (None, None)


def test_an_account_over_its_storage_limit_merges_nothing():
    item = factories.record("plan", PLAN | {"minutes": 45}, revision=2)
    edit = PlanEdit(was_merged=False, versions=Versions(PLAN, PLAN))

    decision = decide(item, held(2, "plan"), edit=edit, has_space=False)

    assert (decision.result.code, decision.store, decision.merged) == ("storage_full", None, None)


def test_rounds_hold_each_id_once_and_lower_revisions_first():
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    items = [
        factories.pain(id=record_id, revision=revision)
        for record_id, revision in ((one, 3), (other, 1), (one, 1), (one, 2))
    ]
    records = decisions.sent_records([parsing.parse(item) for item in items], first=7, key=KEY)

    found = [[(str(r.record.id), r.record.revision) for r in one] for one in decisions.rounds(records)]

    assert found == [[(other, 1), (one, 1)], [(one, 2)], [(one, 3)]]


def test_what_is_held_after_a_round_is_what_its_decisions_stored():
    stored, refused = decide(factories.pain()), decide(factories.pain(revision=2))

    current = decisions.after({}, [stored, refused])

    assert [(str(record_id), version.revision) for record_id, version in current.items()] == [
        (stored.result.id, 1)
    ]
