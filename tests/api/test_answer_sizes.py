"""The bytes of an answer are bounded, whatever texts a record holds and however few bytes ask for them."""

import uuid
from typing import Any

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_user
from tracker.accounts import request_throttle
from tracker.api import urls
from tracker.records.kinds.journal import MAX_BYTES
from tracker.sync import decisions, ingest

# Six bytes each in JSON.
WORST = "\x01" * MAX_BYTES
# A page of about a megabyte, of which the first record may be 400 KB, and the envelope.
MOST_BYTES = 2 * 1024 * 1024


def write(world: factories.World, *records: dict[str, Any]) -> None:
    """Take in records of Ada's without a body: as JSON these would be 200 MB."""
    with as_user(world.ada, factories.MONDAY) as principal:
        receipt = ingest.apply_batch(principal=principal, sent=None, items=records, at=factories.MONDAY)
    assert {result["status"] for result in receipt.results} == {"stored"}


@pytest.fixture(scope="module")
def pages() -> list[dict[str, Any]]:
    return [factories.record("journal", {"text": WORST, "share": "entry"}) for _ in range(500)]


@pytest.fixture
def full(world: factories.World, pages: list[dict[str, Any]]) -> factories.World:
    """Ada wrote five hundred pages of the worst text, and one of them forty times."""
    write(world, *pages, *(pages[0] | {"revision": revision} for revision in range(2, 41)))
    return world


def lists(pages: list[dict[str, Any]]) -> list[str]:
    """The address of every route that reads, with the largest page where it has pages."""
    views = [(pattern, getattr(pattern.callback, "cls", None)) for pattern in urls.urlpatterns]
    return [
        f"{_address(pattern, pages)}?{_limit(getattr(view, 'queries', {}).get('GET'))}"
        for pattern, view in views
        if "GET" in getattr(view, "actions", ())
    ]


def _address(pattern: Any, pages: list[dict[str, Any]]) -> str:
    known = {"uuid": pages[0]["id"], "code": "phq-9"}
    path = str(pattern.pattern).removeprefix(urls.V1)
    for name, converter in pattern.pattern.converters.items():
        kind = "uuid" if type(converter).__name__ == "UUIDConverter" else "code"
        path = path.replace(f"<{kind}:{name}>", "1999" if name == "version" else known[kind])
    return path


def _limit(query: Any) -> str:
    field = query.model_fields.get("limit") if query else None
    return f"limit={next(rule.le for rule in field.metadata if hasattr(rule, 'le'))}" if field else ""


def test_the_answer_of_every_route_that_reads_is_bounded_in_bytes_for_the_worst_texts(full, pages):
    phone = Phone(full.ada.user)

    sizes = {path: len(phone.get(path).content) for path in lists(pages)}

    assert {"records?limit=200", "sync/pull?limit=500", f"records/{pages[0]['id']}/history?limit=200"} <= set(
        sizes
    )
    assert {path: size for path, size in sizes.items() if size > MOST_BYTES} == {}


def test_pages_bounded_in_bytes_neither_skip_nor_repeat_a_record(world, pages):
    write(world, *pages[:8], *(pages[0] | {"revision": revision} for revision in range(2, 9)))
    phone = Phone(world.ada.user)

    def read(path: str, listed: str, following: str, mark: str) -> list[Any]:
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = phone.get(f"{path}?limit=200" + (f"&cursor={cursor}" if cursor else "")).json()
            found += [record[mark] for record in page[listed]]
            cursor = page[following] if page.get("more", True) else None
        return found

    ids = [record["id"] for record in pages[:8]]
    assert read("records", "records", "next", "id") == [ids[0], *reversed(ids[1:])]
    assert read("sync/pull", "records", "cursor", "id") == [*ids[1:], ids[0]]
    assert read(f"records/{ids[0]}/history", "versions", "next", "revision") == [8, 7, 6, 5, 4, 3, 2, 1]


def test_five_hundred_stale_versions_of_a_page_are_answered_with_one_server_copy(world, pages):
    write(world, pages[0])
    phone = Phone(world.ada.user)
    stale = [pages[0] | {"data": {"text": f"x{n}", "share": "none"}} for n in range(500)]

    answer = phone.push(*stale)

    results = answer.json()["results"]
    assert {(result["status"], result["revision"]) for result in results} == {("conflict", 1)}
    assert ["server" in result for result in results] == [True] + [False] * 499
    assert len(answer.content) < MOST_BYTES


def test_the_server_copies_of_a_receipt_are_bounded_together_and_each_conflict_names_the_held_revision(
    world, pages
):
    write(world, *pages[:20], pages[0] | {"revision": 2})
    phone = Phone(world.ada.user)

    answer = phone.push(*[page | {"data": {"text": "x", "share": "none"}} for page in pages[:20]])

    results = answer.json()["results"]
    assert [result["revision"] for result in results] == [2] + [1] * 19
    assert [result["id"] for result in results if "server" in result] == [page["id"] for page in pages[:2]]
    assert len(answer.content) < MOST_BYTES


def test_a_record_has_a_thousand_versions_and_can_still_be_removed(world, monkeypatch):
    monkeypatch.setattr(decisions, "MAX_VERSIONS", 3)
    phone, record = Phone(world.ada.user), factories.phq9([0] * 9)
    phone.push(*(record | {"revision": revision} for revision in (1, 2, 3)))
    positive = factories.phq9([0] * 8 + [1], id=record["id"], revision=4)
    removal = {name: value for name, value in record.items() if name != "data"} | {"removed": True}

    refused = phone.push(positive)
    removed = phone.push(removal | {"revision": 4}, removal | {"revision": 5})

    assert refused.json()["results"][0]["code"] == "too_many_versions"
    # Whatever becomes of the record, the answer in it is heard.
    assert refused.json()["alerted"] is True
    assert [result.get("code", result["status"]) for result in removed.json()["results"]] == [
        "stored",
        "too_many_versions",
    ]


def test_the_history_of_a_long_entry_is_read_with_as_many_statements_as_a_short_one(
    world, django_assert_max_num_queries
):
    entry = factories.record("journal", {"text": "short", "share": "none"}, id=str(uuid.uuid4()))
    write(world, *(entry | {"revision": revision} for revision in range(1, 121)))
    phone = Phone(world.ada.user)

    with django_assert_max_num_queries(22):
        page = phone.get(f"records/{entry['id']}/history").json()

    assert [version["revision"] for version in page["versions"]] == list(range(120, 70, -1))
    assert page["next"]


def test_a_long_answer_counts_as_several_requests_of_who_asks(world, pages, monkeypatch):
    write(world, *pages[:4])
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(request_throttle, "count", lambda kind, user, by=1: counted.append((kind, by)))
    phone = Phone(world.ada.user)

    phone.get("records")
    phone.get("me")
    phone.push(pages[0] | {"data": {"text": "x", "share": "none"}})

    assert counted == [
        (request_throttle.READ, 1), (request_throttle.READ, 3), (request_throttle.READ, 1),
        (request_throttle.WRITE, 1), (request_throttle.WRITE, 1),
    ]  # fmt: skip
