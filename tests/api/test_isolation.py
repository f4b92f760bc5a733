"""The API: nobody reaches what is not theirs, and cannot tell it from what does not exist."""

import uuid
from typing import Any

import pytest
from django.urls import get_resolver

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access import policy
from tracker.api import urls as api_urls
from tracker.api.views.base import ClinicalAPIView


@pytest.fixture
def record(world) -> str:
    sent = factories.record("journal", {"text": "mine alone", "mood": 1})
    assert Phone(world.ada.user).push(sent).status_code == 200
    return str(sent["id"])


def bare(answer) -> tuple[Any, ...]:
    """Status, body and headers, without what differs by nature."""
    body = answer.json()
    body.pop("request_id", None)
    headers = {
        name: value for name, value in answer.headers.items() if name not in {"X-Request-ID", "RateLimit"}
    }
    return answer.status_code, body, headers


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_record_of_somebody_else_and_a_missing_one_get_the_same_404(world, record, method):
    phone = Phone(world.bea.user)

    theirs, missing = phone.call(method, f"records/{record}"), phone.call(method, f"records/{uuid.uuid4()}")

    assert theirs.status_code == 404
    assert bare(theirs) == bare(missing)


def test_a_push_with_the_id_of_somebody_elses_record_has_no_effect_and_tells_nothing(world, record):
    phone = Phone(world.bea.user)

    answer = phone.push(factories.record("journal", {"text": "hers"}, id=record))

    assert answer.json()["results"][0]["status"] == "stored"
    assert phone.get(f"records/{record}").json()["data"]["text"] == "hers"
    assert Phone(world.ada.user).get(f"records/{record}").json()["data"]["text"] == "mine alone"


@pytest.mark.parametrize(
    "route", ["records", "observations?measure=pain.intensity&", "summaries", "check-ins"]
)
def test_staff_reach_only_their_teams_patients(world, route):
    start = route if route.endswith("&") else route + "?"
    asked = f"{start}patient={world.ada.pk}"

    assert Phone(world.ben.user).get(asked).status_code == 200
    for stranger in (world.cleo, world.finn):
        phone = Phone(stranger.user)
        assert bare(phone.get(asked)) == bare(phone.get(f"{start}patient={uuid.uuid4()}"))
        assert phone.get(asked).status_code == 404
    assert Phone(world.bea.user).get(asked).status_code == 404


def test_for_the_team_a_private_journal_does_not_exist_and_a_shared_one_does(world, record):
    shared = factories.record("journal", {"text": "please read this", "share": "entry"})
    Phone(world.ada.user).push(shared)

    ben = Phone(world.ben.user)
    seen = ben.get(f"records?patient={world.ada.pk}").json()["records"]
    moods = ben.get(f"observations?patient={world.ada.pk}&measure=journal.mood").json()["observations"]

    assert {entry["id"]: entry["data"]["text"] for entry in seen} == {shared["id"]: "please read this"}
    assert [row["source"] for row in moods] == []
    assert ben.get(f"records/{record}?patient={world.ada.pk}").status_code == 404
    assert ben.get(f"records/{shared['id']}?patient={world.ada.pk}").status_code == 200


def test_an_administrator_has_no_clinical_route(world):
    phone = Phone(world.eve.user)

    assert phone.get("me").status_code == 200
    for route in (f"records?patient={world.ada.pk}", f"summaries?patient={world.ada.pk}", "alerts"):
        assert phone.get(route).status_code == 403


def test_staff_do_not_write_a_patients_records(world):
    assert Phone(world.ben.user).push(factories.pain()).status_code == 403


@pytest.mark.parametrize("token", [None, "", "x", "a" * 5000, "ümlaut", "0" * 32])
def test_without_a_good_token_nothing_is_open(world, client, token):
    headers = {} if token is None else {"X-Session-Token": token}

    for route in ("me", "sync/pull", "records", "summaries"):
        answer = client.get(f"/api/v1/{route}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_signing_out_revokes_the_token_at_the_server(world):
    phone = Phone(world.ada.user)
    assert phone.get("me").status_code == 200

    phone.client.delete("/_allauth/app/v1/auth/session", headers={"X-Session-Token": phone.token})

    assert phone.get("me").status_code == 401


def test_disabling_an_account_or_changing_its_password_revokes_the_token(world):
    phone = Phone(world.ada.user)
    world.ada.user.set_password("another long password")
    world.ada.user.save()
    assert phone.get("me").status_code == 401

    phone = Phone(world.bea.user)
    world.bea.user.is_active = False
    world.bea.user.save()
    assert phone.get("me").status_code == 401


def test_leaving_a_team_ends_the_view_of_its_patients(world):
    phone = Phone(world.ben.user)
    assert phone.get(f"records?patient={world.ada.pk}").status_code == 200
    from tracker.clinics.models import TeamMembership

    with as_clinic(world.clinic.pk):
        TeamMembership.objects.filter(staff_member=world.ben).update(ends_at=factories.MONDAY)

    assert phone.get(f"records?patient={world.ada.pk}").status_code == 404


def test_every_route_of_the_api_names_its_rights():
    open_to_all = {"live", "ready", "safety", "schema", "account-schema", "docs", "accept-invitation"}
    for pattern in api_urls.urlpatterns:
        view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
        assert pattern.name in open_to_all or (
            isinstance(view, type) and issubclass(view, ClinicalAPIView)
        ), pattern
    assert get_resolver()


def test_a_view_without_a_policy_does_not_start():
    with pytest.raises(TypeError, match="one action"):
        type("Bare", (ClinicalAPIView,), {"get": lambda self, request: None})


@pytest.mark.parametrize("action", list(policy.Action))
def test_an_unknown_role_may_do_nothing(action):
    assert not policy.role_may("VISITOR", action)
