"""Whoever else reads along keeps nothing that is no longer theirs to see."""

import pytest

from tests import factories
from tests.phone import Phone
from tracker.access.policy import Category


@pytest.fixture
def ada(world: factories.World) -> Phone:
    return Phone(world.ada.user)


@pytest.fixture
def ben(world: factories.World) -> Phone:
    return Phone(world.ben.user)


def pull(phone, world, cursor=""):
    answer = phone.get(f"sync/pull?patient={world.ada.pk}&cursor={cursor}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def kinds(page):
    return sorted(record["kind"] for record in page["records"])


def show(phone, world, *categories):
    wanted = {
        "text_version": 1,
        "base_version": phone.get("me/consents").json()["version"],
        "teams": [{"team": str(world.team.pk), "categories": [category.lower() for category in categories]}],
    }
    answer = phone.call("PUT", "me/consents", wanted)
    assert answer.status_code == 200, answer.content


def test_a_journal_entry_that_is_shared_no_more_is_pulled_as_revoked(world, ada, ben):
    page = factories.record("journal", {"text": "for you", "share": "entry"})
    private = factories.record("journal", {"text": "for me"})
    ada.push(page, private)
    first = pull(ben, world)
    assert [record["id"] for record in first["records"]] == [page["id"]]

    ada.push(page | {"revision": 2, "data": {"text": "for you", "share": "none"}})
    second = pull(ben, world, first["cursor"])
    ada.push(page | {"revision": 3, "data": {"text": "for you again", "share": "entry"}})
    third = pull(ben, world, second["cursor"])

    assert (second["records"], second["revoked_ids"]) == ([], [page["id"]])
    assert [record["data"]["text"] for record in third["records"]] == ["for you again"]
    assert pull(ada, world)["revoked_ids"] == []


def test_a_category_without_consent_is_pulled_as_revoked_and_comes_back_whole(world, ada, ben):
    ada.push(factories.pain(4), factories.daily(mood=3), factories.record("vitals", {"spo2": 97}))
    first = pull(ben, world)
    assert kinds(first) == ["daily", "pain", "vitals"]

    show(ada, world, *(set(Category) - {Category.MOOD}))
    ada.push(factories.daily(mood=1), factories.pain(5))
    second = pull(ben, world, first["cursor"])
    show(ada, world, *Category)
    third = pull(ben, world, second["cursor"])

    assert (kinds(second), second["revoked_categories"]) == (["pain"], ["mood"])
    assert (kinds(third), third["revoked_categories"]) == (["daily", "daily", "pain", "pain", "vitals"], [])


def test_a_pull_refuses_staff_of_another_team_and_the_cursor_of_another_person(world, ada, ben):
    ada.push(factories.pain(4))
    cursor = pull(ben, world)["cursor"]
    query = f"sync/pull?patient={world.ada.pk}"

    assert Phone(world.cleo.user).get(query).status_code == 404
    assert Phone(world.finn.user).get(query).status_code == 404
    assert Phone(world.dan.user).get(f"{query}&cursor={cursor}").status_code == 400
    assert ada.get(f"sync/pull?cursor={cursor}").status_code == 400
    assert ben.get("sync/pull").status_code == 400
