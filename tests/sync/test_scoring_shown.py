"""What the server made of a questionnaire response is told: its scores or why there are none, a total that differs."""

import uuid
from typing import Any

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.instruments.alert_rules import UNREADABLE
from tracker.records.kinds.questionnaire import Response
from tracker.sync.models import SyncBatch


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def phq9(values: Any = None, **data: Any) -> dict[str, Any]:
    record = factories.phq9(values)
    record["data"] |= data
    return record


def of_unknown_version(answers: dict[str, Any]) -> dict[str, Any]:
    return phq9(version="2050", answers=answers)


def pushed(phone: Phone, record: dict[str, Any]) -> dict[str, Any]:
    return dict(phone.push(record).json()["results"][0])


def rules(world: factories.World) -> list[str]:
    with as_clinic(world.clinic.pk):
        return list(Alert.objects.order_by("rule").values_list("rule", flat=True))


NINE = {
    "scores": [
        {"measure": "phq-9", "value": 9, "band": "mild", "algorithm_version": "1", "answered": 9, "items": 9,
         "prorated": False}
    ]
}  # fmt: skip


def test_the_score_stands_in_the_receipt_in_the_record_in_the_pull_and_in_the_history(phone):
    record = phq9([1] * 9)

    told = pushed(phone, record)

    (version,) = phone.get(f"records/{record['id']}/history").json()["versions"]
    (pulled,) = phone.get("sync/pull").json()["records"]
    one, (listed,) = phone.get(f"records/{record['id']}").json(), phone.get("records").json()["records"]
    assert [each["scoring"] for each in (told, version, pulled, one, listed)] == [NINE] * 5
    assert "scoring" not in one["data"]


def test_the_reply_to_a_single_record_shows_its_score(phone):
    assert phone.post("records", phq9([1] * 9)).json()["record"]["scoring"] == NINE


def test_each_version_in_the_history_has_the_score_of_its_own_answers(phone):
    record = phq9([1] * 9)
    pushed(phone, record)
    pushed(phone, phq9([2] * 8 + [0]) | {"id": record["id"], "revision": 2, "amendment_reason": "typo"})

    versions = phone.get(f"records/{record['id']}/history").json()["versions"]

    assert [version["scoring"]["scores"][0]["value"] for version in versions] == [16, 9]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (phq9([1] * 8 + [None]), "incomplete"),
        (phq9([9] + [0] * 7 + [1]), "incomplete"),
        (phq9([1] * 9, status="draft"), "draft"),
        (phq9([1] * 9, version="2050"), "unknown_version"),
    ],
)
def test_a_response_without_a_score_says_why(phone, record, why):
    told = pushed(phone, record)

    held = phone.get(f"records/{record['id']}").json()["scoring"]
    assert told["scoring"] == held == {"scores": [], "no_score": why}


def test_a_receipt_that_is_handed_out_again_and_a_replay_tell_the_score_and_no_receipt_keeps_it(world, phone):
    """The receipt is kept; what it tells of the answers' meaning is made again."""
    record = phq9([1] * 9)
    batch = phone.batch(record)

    first, again = (phone.post("sync/push", batch).json() for _ in range(2))
    replayed = pushed(phone, record)

    assert first == again
    assert (replayed["status"], replayed["scoring"], first["results"][0]["scoring"]) == (
        "replayed",
        NINE,
        NINE,
    )
    with as_clinic(world.clinic.pk):
        assert all("scoring" not in str(batch.results) for batch in SyncBatch.objects.all())


@pytest.mark.parametrize(
    ("values", "stated", "check"),
    [
        ([1] * 9, 9, "agrees"),
        ([1] * 9, 12, "differs"),
        ([1] * 8 + [None], 8, "not_recomputable"),
        ([1] * 9, None, None),
    ],
)
def test_a_stated_total_is_compared_with_ours_and_the_patient_is_told(phone, values, stated, check):
    record = phq9(values, **({} if stated is None else {"reported_total": stated}))

    told = pushed(phone, record)["scoring"]

    held = phone.get(f"records/{record['id']}").json()
    assert told.get("reported_total") == held["scoring"].get("reported_total") == check
    assert held["data"].get("reported_total") == stated


def test_answers_to_an_unknown_version_are_kept_as_they_came_and_alert(world, phone):
    """They were refused and stayed on the phone: nobody could read them."""
    record = phq9([1, 1, 1, 1, 1, 1, 1, 1, 2], version="2050")

    answer = phone.push(record).json()

    held = phone.get(f"records/{record['id']}").json()
    assert (answer["results"][0]["status"], held["data"]["status"]) == ("stored", "unscored")
    assert held["data"]["answers"] == record["data"]["answers"]
    assert (rules(world), "guidance" in answer) == (["phq9_item9"], True)
    assert phone.get("observations?measure=phq-9").json()["observations"] == []


def test_a_draft_of_an_unknown_version_stays_a_draft(phone):
    record = phq9([1] * 9, version="2050", status="draft")
    pushed(phone, record)

    assert phone.get(f"records/{record['id']}").json()["data"]["status"] == "draft"


@pytest.mark.parametrize(
    ("answers", "alerts"),
    [
        # Names of another version, and the one that we know is none of them.
        ({"PHQ.1": 1, "PHQ.9": 3}, ["phq9_item9"]),
        ({"mood": 1, "thoughts-of-harm": 3}, [UNREADABLE]),
        ({"/44250-9": 1, "thoughts-of-harm": 3}, [UNREADABLE]),
        ({"/44250-9": 1, "thoughts-of-harm": 0}, []),
        # The safety item is answered; what else this version asks is no answer to it.
        ({"/44250-9": 1, "/44260-8": 0, "difficulty": 3}, []),
        ({"/44250-9": 1, "/44260-8": 1, "difficulty": 3}, ["phq9_item9"]),
        ({"/44250-9": 1}, []),
    ],
)
def test_an_answer_of_an_unknown_version_that_may_be_the_safety_answer_alerts(world, phone, answers, alerts):
    assert pushed(phone, of_unknown_version(answers))["status"] == "stored"
    assert rules(world) == alerts


def test_an_amendment_in_a_version_that_is_known_has_a_score(world, phone):
    record = phq9([1] * 9, version="2050")
    pushed(phone, record)
    amended = pushed(phone, phq9([1] * 9) | {"id": record["id"], "revision": 2})

    assert amended["scoring"] == NINE
    with as_clinic(world.clinic.pk):
        assert Response.objects.get(id=uuid.UUID(record["id"])).status == "complete"
