"""Pull: bounded pages, nothing skipped, nothing twice, and a count of what is left."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests import factories
from tests.phone import Phone
from tracker.records.models import Epoch


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def pages(phone, **query):
    cursor = ""
    while True:
        asked = "&".join(f"{name}={value}" for name, value in (query | {"cursor": cursor}).items() if value)
        page = phone.get(f"sync/pull?{asked}").json()
        yield page
        cursor = page["cursor"]
        if not page["more"]:
            return


def test_a_pull_cursor_leads_through_500_changes_in_bounded_pages(phone):
    sent = [factories.pain(n % 11) for n in range(450)] + [factories.daily(mood=n % 11) for n in range(50)]
    phone.push(*sent)

    got = list(pages(phone, limit=120))

    assert [len(page["records"]) for page in got] == [120, 120, 120, 120, 20]
    ids = [record["id"] for page in got for record in page["records"]]
    assert ids == [record["id"] for record in sent]


def test_a_pull_page_of_long_journal_entries_is_cut_by_its_bytes(phone):
    for _ in range(2):
        phone.push(*(factories.record("journal", {"text": "x" * 60_000}) for _ in range(20)))

    got = list(pages(phone, limit=500))

    assert [len(page["records"]) for page in got] == [17, 17, 6]
    assert max(len(str(page)) for page in got) < 1.1 * 1024 * 1024


def test_a_head_request_tells_how_many_records_the_pull_cursor_has_left(phone):
    phone.push(*(factories.pain(n) for n in range(7)))
    first = phone.get("sync/pull?limit=3").json()

    def left(query: str = "") -> str:
        answer = phone.call("HEAD", f"sync/pull{query}")
        assert (answer.status_code, answer.content) == (200, b"")
        return str(answer.headers["X-Remaining"])

    assert left() == "7"
    assert left(f"?cursor={first['cursor']}") == "4"


def test_a_pull_cursor_meets_an_entry_that_changed_between_two_pages_again(phone):
    one, two = factories.pain(1), factories.pain(2)
    phone.push(one, two)
    first = phone.get("sync/pull?limit=1").json()
    phone.push(one | {"revision": 2, "data": {"intensity": 9}})

    rest = phone.get(f"sync/pull?cursor={first['cursor']}").json()["records"]

    assert [(record["id"], record["revision"]) for record in rest] == [(two["id"], 1), (one["id"], 2)]


@pytest.mark.parametrize("records", [1, 40, 400])
def test_a_pull_costs_the_same_statements_however_long_the_history_is(
    phone, records, django_assert_max_num_queries
):
    phone.push(
        *(factories.pain(n % 11) for n in range(records)),
        *(factories.daily(mood=n % 11) for n in range(records // 8)),
    )

    with django_assert_max_num_queries(11):
        phone.get("sync/pull?limit=500")


def test_a_new_epoch_after_a_restore_ends_every_cursor(live):
    phone = Phone(live.world.ada.user)
    phone.push(factories.pain(3))
    cursor = phone.get("sync/pull").json()["cursor"]
    command = (sys.executable, "manage.py", "new_epoch", "--why", "restored Tuesday's backup")
    subprocess.run(command, check=True, env=os.environ | live.environment, capture_output=True)

    answers = [
        phone.get(f"sync/pull?cursor={cursor}"),
        phone.call("HEAD", f"sync/pull?cursor={cursor}"),
        phone.post("sync/push", phone.batch(factories.pain(4)) | {"cursor": cursor}),
    ]

    assert [answer.status_code for answer in answers] == [410, 410, 410]
    assert answers[0].json()["code"] == "epoch_changed"
    again = phone.get("sync/pull").json()
    assert [record["data"]["intensity"] for record in again["records"]] == [3]
    assert phone.get(f"sync/pull?cursor={again['cursor']}").json()["records"] == []


def test_the_application_cannot_begin_an_epoch(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(current_user, %s, 'INSERT')", [Epoch._meta.db_table])
        assert cursor.fetchone() == (False,)
