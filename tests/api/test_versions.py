"""Versions of apps: what one that is too old may still do, and how a route is told to end."""

from datetime import date

import pytest

from backend import env
from tests import factories
from tests.phone import Phone
from tracker.api import versions
from tracker.api.versions import Deprecation
from tracker.api.views.me import Me
from tracker.records.kinds import KINDS


@pytest.fixture
def minimum(settings) -> None:
    settings.MINIMUM_APP_VERSION = "2.1"


def phone_of(world: factories.World, version: str) -> Phone:
    phone = Phone(world.ada.user)
    phone.headers["X-App-Version"] = version
    return phone


@pytest.mark.parametrize("version", ["1", "1.99.3", "2.0", "2.0.9", "2.0.9-beta.3", "2.0 (build 7)"])
def test_an_app_below_the_minimum_version_is_told_to_update(world, minimum, version):
    response = phone_of(world, version).get("sync/pull")

    assert response.status_code == 426
    assert response.json()["code"] == "app_too_old"


@pytest.mark.parametrize("version", ["2.1", "2.1.0", "2.10", "3", "", "nightly", "2.1.0+abc"])
def test_an_app_of_the_minimum_version_or_of_none_may_do_all(world, minimum, version):
    assert phone_of(world, version).get("sync/pull").status_code == 200


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_entries_of_an_app_below_the_minimum_version_are_taken(world, minimum, kind):
    phone = phone_of(world, "1.0")

    receipt = phone.push(factories.record(kind.name, dict(kind.example))).json()
    one = phone.post("records", factories.record(kind.name, dict(kind.example)))

    assert [result["status"] for result in receipt["results"]] == ["stored"]
    assert one.status_code == 201


def test_an_app_below_the_minimum_version_pairs_and_shows_the_crisis_text_and_what_is_shared(world, minimum):
    phone = phone_of(world, "1.0")

    for path in ("devices", "me", "me/consents"):
        assert phone.get(path).status_code == 200


def test_a_positive_safety_answer_of_an_app_below_the_minimum_version_alerts(world, minimum):
    receipt = phone_of(world, "1.0").push(factories.phq9([0] * 8 + [2])).json()

    assert receipt["alerted"]
    assert receipt["guidance"]["crisis_text"]


@pytest.mark.parametrize("value", ["1.4", "2", "2.0.13.1"])
def test_a_minimum_version_is_read_from_the_environment(monkeypatch, value):
    monkeypatch.setenv("MINIMUM_APP_VERSION", value)

    assert env.version("MINIMUM_APP_VERSION") == value


@pytest.mark.parametrize("value", ["v1", "1.4-beta", "1..2", "1.2.3.4.5", "latest"])
def test_a_minimum_version_that_is_none_stops_the_start(monkeypatch, value):
    monkeypatch.setenv("MINIMUM_APP_VERSION", value)

    with pytest.raises(SystemExit, match="must be a version"):
        env.version("MINIMUM_APP_VERSION")


def test_a_deprecated_route_says_since_when_until_when_and_what_comes_after(world, monkeypatch):
    soon = Deprecation(since=date(2026, 3, 1), sunset=date(2027, 3, 1), successor="/api/v2/me")
    monkeypatch.setattr(Me, "deprecations", {"GET": soon})

    response = Phone(world.ada.user).get("me")

    assert response.status_code == 200
    assert response["Deprecation"] == "@1772323200"
    assert response["Sunset"] == "Mon, 01 Mar 2027 00:00:00 GMT"
    assert response["Link"] == '</api/v2/me>; rel="successor-version"'


def test_a_route_that_is_not_deprecated_says_nothing_of_it(world):
    response = Phone(world.ada.user).get("me")

    assert not {"Deprecation", "Sunset"} & set(response.headers)


def test_a_route_ends_no_earlier_than_a_year_after_its_deprecation():
    with pytest.raises(ValueError, match="365 days"):
        Deprecation(since=date(2026, 3, 1), sunset=date(2027, 2, 28), successor="/api/v2/me")


def test_a_version_is_compared_by_its_numbers():
    newer, older = versions.as_numbers("1.10"), versions.as_numbers("1.9")

    assert newer
    assert older
    assert newer > older
    assert versions.as_numbers("1") == versions.as_numbers("1.0.0.0")
    assert versions.as_numbers("x") is None
