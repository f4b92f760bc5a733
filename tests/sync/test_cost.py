"""What a push costs the database does not depend on how many records are in it."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.phone import Phone
from tests.sync.test_kinds import WHOLE

# Every kind at once; the single entry's budget stands in ``test_push``.
MOST = 36


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def mixed(records: int) -> list[dict[str, Any]]:
    """So many new records, every kind in turn."""
    kinds = sorted(WHOLE)
    return [factories.record(kinds[n % len(kinds)], WHOLE[kinds[n % len(kinds)]]) for n in range(records)]


def pushed(phone: Phone, records: list[dict[str, Any]], key: str | None = None) -> tuple[int, set[str]]:
    """Push, and return how many statements it cost, and which statuses there were."""
    with CaptureQueriesContext(connection) as asked:
        answer = phone.push(*records, key=key or uuid.uuid4().hex)
    assert answer.status_code == 200, answer.content
    return len(asked), {result["status"] for result in answer.json()["results"]}


def test_five_hundred_records_cost_as_many_statements_as_ten(phone):
    pushed(phone, mixed(10))

    costs = [pushed(phone, mixed(records)) for records in (10, 50, 500)]

    assert [statuses for _, statuses in costs] == [{"stored"}] * 3
    assert len({statements for statements, _ in costs}) == 1, costs
    assert costs[0][0] <= MOST


def test_one_record_costs_no_more_than_all_kinds_together(phone):
    pushed(phone, mixed(10))
    whole, _ = pushed(phone, mixed(10))

    for record in mixed(10):
        statements, statuses = pushed(phone, [record])
        assert statuses == {"stored"}
        assert statements <= whole


@pytest.mark.parametrize("records", [1, 50, 500])
def test_sending_again_costs_no_more_than_sending(phone, records):
    pushed(phone, mixed(10))
    sent, key = mixed(records), uuid.uuid4().hex
    first, _ = pushed(phone, sent, key)

    same_key, statuses = pushed(phone, sent, key)
    other_key, replayed = pushed(phone, sent)

    assert (statuses, replayed) == ({"stored"}, {"replayed"})
    assert same_key <= first
    assert other_key <= first


def test_amending_five_hundred_records_costs_as_many_statements_as_ten(phone):
    few, many = mixed(10), mixed(500)
    pushed(phone, few)
    pushed(phone, many)

    costs = [
        pushed(phone, [record | {"revision": 2, "amendment_reason": "typo"} for record in sent])
        for sent in (few, many)
    ]

    assert [statuses for _, statuses in costs] == [{"stored"}] * 2
    assert costs[0][0] == costs[1][0], costs
