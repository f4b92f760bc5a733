"""Long answers are compressed for who accepts it, and none that gives or takes a secret."""

import gzip
import json

import pytest

from tests import factories
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tracker.api import compression, urls

# Give or take a secret, or what a person has written of themselves to be reached by.
NEVER = {
    "me",
    "accept-invitation",
    "caregivers",
    "devices",
    "sessions",
    "roles",
    "consents",
    "own-profile-versions",
}


def ask(phone: Phone, path: str, accepts: str = "gzip", **headers: str):
    return phone.client.get(f"/api/v1/{path}", headers=phone.headers | headers | {"Accept-Encoding": accepts})


@pytest.fixture
def phone(world) -> Phone:
    phone = Phone(world.ada.user)
    phone.push(*(factories.pain(n % 11) for n in range(60)))
    return phone


@pytest.mark.parametrize("path", ["sync/pull", "records", "instruments", "measures", "schema"])
def test_a_long_answer_is_gzipped_and_holds_the_same(phone, path):
    plain, packed = ask(phone, path, "identity"), ask(phone, path)

    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < len(plain.content) / 2
    assert int(packed["Content-Length"]) == len(packed.content)
    # A page has a cursor of its own each time.
    if path != "sync/pull":
        assert gzip.decompress(packed.content) == plain.content
    else:
        assert json.loads(gzip.decompress(packed.content))["records"] == plain.json()["records"]


@pytest.mark.parametrize(
    ("accepts", "is_packed"),
    [("gzip", True), ("br, GZIP;q=0.5, *;q=0", True), ("gzip; q=1.0", True), ("gzip;q=0", False), ("gzip;q=0.0", False),
     ("", False), ("br, zstd", False), ("identity", False), ("notgzip", False)],
)  # fmt: skip
def test_only_who_accepts_gzip_gets_it_and_caches_are_told(phone, accepts, is_packed):
    answer = ask(phone, "records", accepts)

    assert ("Content-Encoding" in answer) == is_packed
    assert "Accept-Encoding" in answer["Vary"]


def test_a_short_answer_a_refusal_and_an_unchanged_one_are_not_compressed(phone):
    assert "Content-Encoding" not in ask(phone, "records?limit=1")
    assert "Content-Encoding" not in ask(phone, "records?limit=0")
    tag = ask(phone, "measures")["ETag"]
    assert tag.startswith("W/")
    assert ask(phone, "measures", **{"If-None-Match": tag}).status_code == 304


def test_the_length_of_a_compressed_answer_is_not_the_same_each_time():
    assert len({len(compression.compress(b"a" * 5000)) for _ in range(30)}) > 5


def test_what_gives_or_takes_a_secret_is_never_compressed(world, phone, client):
    pages = [sign_in(world.ben.user).get("/", headers={"Accept-Encoding": "gzip"})]
    pages.append(client.get("/accounts/login/", headers={"Accept-Encoding": "gzip"}))

    assert not compression.ROUTES & NEVER
    assert not [page for page in pages if "Content-Encoding" in page]
    invited = phone.client.post(
        "/api/v1/me/caregivers", {"name": "C" * 120, "categories": ["pain"]}, "application/json",
        headers=phone.headers | {"Accept-Encoding": "gzip"},
    )  # fmt: skip
    assert (invited.status_code, "Content-Encoding" in invited) == (201, False)


def test_every_compressed_route_is_one_of_the_api():
    assert {pattern.name for pattern in urls.urlpatterns} >= compression.ROUTES
